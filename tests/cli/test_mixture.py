#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Rows that go where a router says: what the CPU computes is what an implementation of its own
does (mixture.py), however tokens and experts are spread, and a router that asks for too much ends
as the scenario says."""
import csv
import shutil

import mixture
import program

MIXTURE = program.CONFIGS / "mixture_cpu.json"
GRAPH = program.ROOT / "tests" / "scenario" / "exchange.json"
TOLERANCE = 1e-5  # Relative; float32 against double precision.
TOKENS, WIDTH, HIDDEN, STEPS = 48, 12, 20, 4
PARAMETERS = "jobs.0.parameters."


class Mixture(program.Case):
    def settings(self, **parameters):
        asked = {"tokens": TOKENS, "width": WIDTH, "hidden": HIDDEN, "devices": 2, "experts": 4,
                 "capacity_rows": TOKENS, **parameters}
        return [f"{PARAMETERS}{key}={value}" for key, value in asked.items()]

    def signals(self, *settings, backend="cpu"):
        arguments = [word for setting in settings for word in ("--set", setting)]
        summary = self.summary(MIXTURE, "--backend", backend, "--set", f"jobs.0.steps={STEPS}",
                               *arguments)
        return summary["jobs"][0]["results"]["signal"]

    def check_close(self, ours, theirs):
        self.assertEqual(len(ours), len(theirs))
        for step, (a, b) in enumerate(zip(ours, theirs)):
            self.assertLessEqual(abs(a - b), TOLERANCE * max(1, abs(b)),
                                 f"step {step}: {a} and {b}")

    def test_against_another_implementation(self):
        for seed, devices, experts in ((1, 1, 1), (1, 1, 2), (2, 2, 4), (3, 2, 3), (4, 4, 2)):
            with self.subTest(seed=seed, devices=devices, experts=experts):
                ours = self.signals(f"seed={seed}",
                                    *self.settings(devices=devices, experts=experts))
                theirs, _ = mixture.run(seed, TOKENS, experts, WIDTH, HIDDEN, STEPS)
                self.check_close(ours, theirs)

    def test_ways_of_running_do_not_matter(self):
        usual = self.signals(*self.settings())
        for settings in (["jobs.0.submit=op_by_op"], ["control.dispatch=sequential"],
                         ["control.policy=none"], ["control.lookahead=1"],
                         ["jobs.0.in_flight=4"], ['control.fanout={"tree": 2}'],
                         ['jobs.0.counts={"experts": {"zipf": 3}}']):
            with self.subTest(settings):
                self.assertEqual(self.signals(*self.settings(), *settings), usual)

    def test_what_is_beyond_the_room_is_dropped(self):
        theirs, most = mixture.run(5, TOKENS, 4, WIDTH, HIDDEN, STEPS, devices=2, capacity=9)
        whole, _ = mixture.run(5, TOKENS, 4, WIDTH, HIDDEN, STEPS)
        self.assertGreater(max(most), 9)
        self.assertGreater(abs(theirs[0] - whole[0]), 0.1)
        ours = self.signals("seed=5", *self.settings(capacity_rows=9, overflow="drop"))
        self.check_close(ours, theirs)

    def test_a_router_that_asks_for_too_much_ends_the_run(self):
        _, most = mixture.run(5, TOKENS, 4, WIDTH, HIDDEN, 1)
        for capacity, code in ((most[0] - 1, 1), (most[0], 0)):
            settings = ["seed=5", "jobs.0.steps=1",
                        *self.settings(capacity_rows=capacity, overflow="fail")]
            arguments = [word for setting in settings for word in ("--set", setting)]
            done = self.run_program("run", MIXTURE, "--backend", "cpu", *arguments)
            self.assertEqual(done.returncode, code, done.stderr)
            if code == 1:
                self.assertRegex(done.stderr, rf'job mixture, run 0: node "experts" is dealt '
                                              rf'{most[0]} rows on shard \d, and has room for '
                                              rf'{capacity} ')

    def test_rows_are_dealt_or_dropped_and_none_is_lost(self):
        """In every world; where devices hold no data by the job's counts."""
        for backend in ("sim", "null", "cpu"):
            for counts, capacity in ((0, TOKENS), (2, 20)):
                with self.subTest(backend, counts=counts, capacity=capacity):
                    settings = [*self.settings(capacity_rows=capacity, overflow="drop"),
                                f"jobs.0.counts.experts.zipf={counts}", f"jobs.0.steps={STEPS}"]
                    arguments = [word for setting in settings for word in ("--set", setting)]
                    job = self.summary(MIXTURE, "--backend", backend, *arguments)["jobs"][0]
                    self.assertEqual(job["rows_dealt"] + job["rows_dropped"], TOKENS * STEPS)
                    if backend != "cpu":  # A share of 1 / (1 + 1/4 + 1/9 + 1/16) is 34 of 48.
                        self.assertEqual(job["rows_dropped"] > 0, capacity < TOKENS)

    def test_time_goes_by_rows(self):
        """A router that sends all tokens to one expert keeps it busy four times as long."""
        base = ["jobs.0.steps=3", f"{PARAMETERS}tokens=65536", f"{PARAMETERS}width=512",
                f"{PARAMETERS}hidden=1024", f"{PARAMETERS}capacity_rows=65536",
                "control.profile=ideal"]
        spans = []
        for counts in ([8192] * 4, [32768, 0, 0, 0]):
            recorded = f"jobs.0.counts.experts=[[{counts},{counts}]]"
            settings = [*base, recorded]
            arguments = [word for setting in settings for word in ("--set", setting)]
            self.accept("run", MIXTURE, "--out", self.out, *arguments)
            with open(self.out / "gangs.csv", encoding="utf-8", newline="") as file:
                rows = [row for row in csv.DictReader(file) if row["node"] == "experts"]
            spans.append([int(row["end_ns"]) - int(row["start_ns"]) for row in rows])
            shutil.rmtree(self.out)
        for even, single in zip(*spans):
            self.assertGreater(single, 3.5 * even)

    def test_every_world_says_so(self):
        overflow = PARAMETERS + "nodes.1.inputs.0.exchange.overflow=fail"
        for backend in ("sim", "null", "cpu"):
            with self.subTest(backend):
                done = self.run_program("run", GRAPH, "--backend", backend, "--set", overflow)
                self.assertEqual(done.returncode, 1, done.stderr)
                self.assertRegex(done.stderr, r'job moe, run 1: node "experts" is dealt 8 rows on '
                                              r'shard [02], and has room for 6')


if __name__ == "__main__":
    program.main()
