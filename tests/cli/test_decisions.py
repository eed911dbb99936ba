#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The same decisions everywhere: for programs whose course does not depend on data, the simulator,
threads, ranks and null devices leave the same logs behind: the order of gangs on every island with
the devices of each (gangs.csv), the order of launches on every device (shards.csv), and the
transfers (trace.json.gz, summary.json)."""
import collections
import csv
import gzip
import json

import program
import ranks

SCENARIOS = program.ROOT / "tests" / "scenario"
MLP = program.CONFIGS / "mlp_cpu.json"
# (hosts, scenario, settings)
CASES = [
    (2, MLP, []),
    (2, MLP, ["jobs.0.steps=4", "jobs.0.submit=op_by_op"]),
    (2, MLP, ["jobs.0.steps=4", "control.dispatch=sequential", "control.lookahead=1"]),
    (2, program.CONFIGS / "transformer_cpu.json", ["jobs.0.steps=2"]),
    (2, SCENARIOS / "two_islands.json", ["jobs.0.steps=3"]),
    (2, SCENARIOS / "multi_pipeline.json", []),
]


def rows(path):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def island_orders(folder):
    """By island: the gangs in the order of their numbers, which their scheduler gave them."""
    orders = collections.defaultdict(list)
    for row in rows(folder / "gangs.csv"):
        orders[row["island"]].append((int(row["gang"]), row["job"], row["run"], row["node"],
                                      row["call"], row["first_device"], row["last_device"],
                                      row["device_count"]))
    return {island: sorted(gangs) for island, gangs in orders.items()}


def device_orders(folder):
    """By device: what was launched, in order; a row may stand for several devices side by side."""
    orders = collections.defaultdict(list)
    for row in rows(folder / "shards.csv"):
        first = int(row["first_device"])
        for device in range(first, first + int(row["device_count"])):
            orders[device].append((row["gang"], row["job"], row["run"], row["node"]))
    return orders


def transfers(folder):
    """How many of each kind there were between islands, and of all together, with their bytes."""
    with gzip.open(folder / "trace.json.gz", "rt", encoding="utf-8") as file:
        events = json.load(file)["traceEvents"]
    between = collections.Counter(
        (event["name"], *(event["args"][key] for key in ("source_device", "target_device",
                                                         "size_bytes")))
        for event in events if "source_device" in event.get("args", {}))
    return between, json.loads((folder / "summary.json").read_text())["transfers"]


class Decisions(ranks.Case):
    def log(self, backend, hosts, scenario, settings):
        folder = self.folder / backend
        arguments = ["run", scenario, "--backend", backend, "--out", folder, "--trace"]
        for setting in settings:
            arguments += ["--set", setting]
        if backend == "mpi":
            done = self.mpirun(hosts, *arguments)
            self.assertEqual((done.returncode, done.stderr), (0, ""))
        else:
            self.accept(*arguments)
        return island_orders(folder), device_orders(folder), transfers(folder)

    def test_all_worlds_agree(self):
        others = ["cpu", "null"]
        if ranks.LAUNCHER is not None and ranks.is_built():
            others.append("mpi")
        for hosts, scenario, settings in CASES:
            islands, devices, moved = self.log("sim", hosts, scenario, settings)
            self.assertGreater(sum(map(len, devices.values())), 3)
            for backend in others:
                with self.subTest(backend, scenario=scenario.name, settings=settings):
                    log = self.log(backend, hosts, scenario, settings)
                    self.assertEqual(log[0], islands)
                    self.assertEqual(log[1], devices)
                    self.assertEqual(log[2], moved)

    def test_logs_can_differ(self):
        """Another order is another log: a check that is always true would show here."""
        usual = self.log("null", 2, MLP, ["jobs.0.steps=4"])
        one = self.log("null", 2, MLP, ["jobs.0.steps=4", "jobs.0.parameters.granularity=step"])
        self.assertNotEqual(usual[0], one[0])
        self.assertNotEqual(usual[1], one[1])
        pipeline = self.log("null", 2, SCENARIOS / "two_islands.json", ["jobs.0.steps=1"])
        longer = self.log("null", 2, SCENARIOS / "two_islands.json", ["jobs.0.steps=2"])
        self.assertNotEqual(pipeline[2], longer[2])


if __name__ == "__main__":
    program.main()
