#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""`gangway bench` works from any folder, and its rows agree with themselves."""
import json

import program


class Bench(program.Case):
    def test_rows(self):
        if program.is_sanitized():
            self.skipTest("it takes minutes there, and says nothing")
        result = self.accept("bench", "control", "--rounds", "1", "--json", cwd="/")
        rows = json.loads(result.stdout)
        self.assertGreaterEqual(len(rows), 5)
        self.assertEqual(len({(row["name"], row["case"]) for row in rows}), len(rows))
        for row in rows:
            self.assertEqual(set(row), {"name", "case", "count", "ns_per_operation",
                                        "operations_per_s", "peak_bytes"})
            self.assertGreater(row["count"], 0)
            self.assertAlmostEqual(row["ns_per_operation"] * row["operations_per_s"], 1e9,
                                   delta=1e6)
        by_name = {(row["name"], row["case"]): row for row in rows}
        once = by_name["control.chained", "512 hosts x 4"]
        ten_times = by_name["control.chained.x10", "512 hosts x 4"]
        self.assertAlmostEqual(ten_times["count"] / once["count"], 10, delta=0.1)
        self.assertLess(ten_times["peak_bytes"], 1.1 * once["peak_bytes"])

    def test_where_a_launch_goes(self):
        if program.is_sanitized():
            self.skipTest("it takes minutes there, and says nothing")
        result = self.accept("bench", "control", "--profile", "--rounds", "1", "--json")
        rows = json.loads(result.stdout)
        self.assertEqual({row["name"] for row in rows}, {"control.where"})
        for row in rows:
            parts = row["parts_ns"]
            self.assertGreater(row["ticks"], 50)
            self.assertAlmostEqual(sum(parts.values()) / row["ns_per_operation"], 1, delta=1e-9)
            for part in ("client", "executor", "store", "messages", "devices"):
                self.assertGreater(parts[part], 0, f"{row['case']}: {part}")
            # Every file of the controller is known to belong somewhere.
            self.assertLess(parts["other"], 0.1 * row["ns_per_operation"])
        self.assertGreater(rows[1]["parts_ns"]["scheduler"], 0)

    def test_fabric(self):
        if program.is_sanitized():
            self.skipTest("it takes minutes there, and says nothing")
        result = self.accept("bench", "fabric", "--rounds", "1", "--json")
        rows = {(row["name"], row["case"]): row for row in json.loads(result.stdout)}
        ring = rows["fabric.ring", "64 MiB, 2048 devices"]
        self.assertEqual(ring["count"], 2 * 2047 * 2048)
        self.assertLess(ring["peak_bytes"], 100e6)
        # Rates of the same run, so that a busy machine does not count: 300 and 3000 were seen.
        for pattern, times in (("uniform", 20), ("local", 200)):
            case = pattern + ", 4096 flows, 16^3"
            kept, anew = rows["fabric.rates", case], rows["fabric.refill", case]
            self.assertGreater(kept["operations_per_s"], times * anew["operations_per_s"])


if __name__ == "__main__":
    program.main()
