#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Clients that fail: whatever they do, what they owned comes back, and nobody else notices."""
import csv
import json

import program

SWEEP = 200  # Instants, over the life of the job that fails.
LIFE_NS = 10_000_000

PAIR = {"meshes": {"left": [2], "right": [2]},
        "functions": {
            "make": {"operations": [{"duration": "200us"}], "output": "3MiB"},
            "keep": {"operations": [{"duration": "100us"}], "output": "1MiB"},
            "use": {"operations": [{"duration": "150us"}]}},
        "nodes": [{"name": "weights", "function": "keep", "mesh": "left", "once": True},
                  {"name": "make", "function": "make", "mesh": "left", "inputs": ["weights"]},
                  {"name": "use", "function": "use", "mesh": "right", "inputs": ["make"]},
                  {"name": "again", "function": "make", "mesh": "right"},
                  {"name": "back", "function": "use", "mesh": "left", "inputs": ["again"]}]}


def hungry(name, **more):
    """Most of a device's memory on two devices of each island."""
    large = {"meshes": {"a": [2], "b": [2]},
             "functions": {"f": {"operations": [{"duration": "300us"}], "output": "2046MiB"}},
             "nodes": [{"name": "a", "function": "f", "mesh": "a"},
                       {"name": "b", "function": "f", "mesh": "b"}]}
    return {"name": name, "workload": "graph", "parameters": large, "steps": 2,
            "placement": {"a": {"devices": [0, 1]}, "b": {"devices": [4, 5]}}, **more}


def pipeline(name, **more):
    """Two stages on two islands, by its own devices beside the others."""
    return {"name": name, "workload": "graph", "parameters": PAIR, "steps": 40, "in_flight": 3,
            "placement": {"left": {"devices": [0, 1]}, "right": {"devices": [4, 5]}}, **more}


def beside(name, first):
    """A job on devices that nobody shares."""
    parameters = {"meshes": {"m": [2]},
                  "functions": {"f": {"operations": [{"duration": "130us"}], "output": "100MiB"}},
                  "nodes": [{"name": "x", "function": "f", "mesh": "m"},
                            {"name": "y", "function": "f", "mesh": "m", "inputs": ["x"]}]}
    return {"name": name, "workload": "graph", "parameters": parameters, "steps": 30,
            "placement": {"m": {"devices": [first, first + 1]}}}


def scenario(jobs, faults=(), **control):
    return {"cluster": {"islands": [{"hosts": 2, "devices_per_host": 2, "accelerator": "cpu",
                                     "count": 2}],
                        "dcn": {"latency": "30us"}},
            "control": {"lease": "3ms", **control}, "jobs": jobs, "faults": list(faults)}


def fail(name, at_ns):
    return {"at_ns": at_ns, "client": name}


class Owners(program.Case):
    def tell(self, made, *arguments):
        return self.summary(self.write("s.json", made), *arguments)["jobs"]

    def sweep(self, settings, step):
        """The job that waits gets its devices, those beside do as ever, and each gang is whole."""
        late = hungry("late", start="50us")
        for number in range(0, SWEEP, step):
            at_ns = 1 + number * LIFE_NS // SWEEP
            made = scenario([pipeline("victim"), late, beside("by", 2)], [fail("victim", at_ns)],
                            **settings)
            with self.subTest(at_ns=at_ns, **settings):
                victim, waited, by = self.tell(made, "--paranoid")
                self.assertGreaterEqual(victim["failed_ns"], at_ns)
                self.assertGreaterEqual(victim["collected_ns"], victim["failed_ns"])
                self.assertLess(victim["steps"], 40)
                self.assertEqual((waited["steps"], by["steps"]), (2, 30))
                self.assertIsNone(victim["done_ns"])
                self.assertNotIn("failed_ns", waited)
                if victim["started_ns"] is not None:
                    self.assertGreater(waited["started_ns"], victim["collected_ns"])

    def test_every_instant(self):
        self.sweep({}, 1)

    def test_every_instant_without_schedulers(self):
        self.sweep({"policy": "none"}, 4)

    def test_other_ways(self):
        for settings in ({"dispatch": "sequential"}, {"fanout": {"tree": 2}}, {"lookahead": 1},
                         {"policy": "share", "lookahead": 2},
                         {"policy": "none", "dispatch": "sequential", "fanout": {"tree": 2}}):
            self.sweep(settings, 20)

    def test_others_are_the_same(self):
        """On devices of their own, with a control plane that costs nothing, to the last byte."""
        rows = []
        for faults in ([], [fail("victim", 2_000_000)]):
            path = self.write("s.json", scenario([pipeline("victim"), beside("by", 2)], faults,
                                                 profile="ideal"))
            self.accept("run", path, "--out", self.out)
            with open(self.out / "gangs.csv", encoding="utf-8") as table:
                rows.append([[row[key] for key in ("run", "node", "start_ns", "end_ns")]
                             for row in csv.DictReader(table) if row["job"] == "by"])
        self.assertEqual(len(rows[0]), 60)
        self.assertEqual(rows[0], rows[1])

    def test_memory_comes_back(self):
        """One after the other, each with most of a device: all but the last fail."""
        jobs = [hungry(f"j{i}", steps=1000) for i in range(4)]
        jobs[3]["steps"] = 3
        faults = [fail(f"j{i}", 20_000_000 * i + 2_000_000) for i in range(3)]
        found = self.tell(scenario(jobs, faults), "--paranoid")
        self.assertEqual(["failed_ns" in job for job in found], [True, True, True, False])
        self.assertEqual(found[3]["steps"], 3)
        for before, after in zip(found, found[1:]):
            self.assertGreater(after["started_ns"], before["collected_ns"])

    def test_while_it_waits(self):
        """It owns a place in the queue, and those behind it do not wait for it."""
        jobs = [hungry("first", steps=10), hungry("second"), hungry("third")]
        first, second, third = self.tell(scenario(jobs, [fail("second", 600_000)]), "--paranoid")
        self.assertEqual((first["steps"], second["steps"], third["steps"]), (10, 0, 2))
        self.assertIsNone(second["started_ns"])
        self.assertLess(second["collected_ns"], first["done_ns"])

    def test_before_it_begins_and_after_it_ends(self):
        jobs = [beside("early", 2), beside("late", 6)]
        jobs[1]["start"] = "50ms"
        made = scenario(jobs, [fail("late", 10_000_000), fail("early", 900_000_000)])
        early, late = self.tell(made, "--paranoid")
        self.assertEqual(late["failed_ns"], 10_000_000)
        self.assertEqual(late["collected_ns"], 10_000_000)
        self.assertIsNone(late["started_ns"])
        self.assertEqual(early["steps"], 30)
        self.assertNotIn("failed_ns", early)

    def test_while_it_moves(self):
        """Its host is removed, and it fails at any time from then on."""
        free = {"name": "free", "workload": "graph", "steps": 20, "in_flight": 1,
                "parameters": {"meshes": {"m": [2]},
                               "functions": {"f": {"operations": [{"duration": "200us"}]}},
                               "nodes": [{"name": "work", "function": "f", "mesh": "m"}]}}
        for at_ns in range(1_500_000, 3_500_000, 50_000):
            made = scenario([free], [{"at": "1500us", "remove": {"island": 0}},
                                     fail("free", at_ns)], placement="pack")
            with self.subTest(at_ns=at_ns):
                job, = self.tell(made, "--paranoid")
                self.assertGreaterEqual(job["collected_ns"], at_ns)

    def test_slow_clients_are_given_up(self):
        """A lease that is shorter than the way to the client and back: nobody can keep it."""
        found = self.tell(scenario([beside("a", 2), beside("b", 6)], lease="20us"), "--paranoid")
        for job in found:
            self.assertLess(job["steps"], 30)
            self.assertGreaterEqual(job["collected_ns"], job["failed_ns"])

    def test_leases_change_no_result(self):
        """Nobody fails, and nobody is given up."""
        made = scenario([pipeline("p"), beside("by", 2)])
        for job in self.tell(made, "--paranoid"):
            self.assertNotIn("failed_ns", job)
            self.assertIsNotNone(job["done_ns"])

    def test_deadlock_is_still_found(self):
        """Questions and answers keep no run going."""
        path = program.ROOT / "tests/scenario/deadlock.json"
        made = json.loads(path.read_text(encoding="utf-8"))
        folder = self.folder / "tests" / "scenario"
        folder.mkdir(parents=True)
        for kind in ("accelerators", "profiles"):
            (folder / kind).symlink_to(path.parent / kind)
        made["control"]["lease"] = "1ms"
        target = folder / "s.json"
        target.write_text(json.dumps(made), encoding="utf-8")
        self.refuse(3, ["nothing is left to happen"], "run", target)

    def test_other_worlds(self):
        made = scenario([pipeline("victim", steps=100000), beside("by", 2)],
                        [fail("victim", 200_000_000)], lease="1s")  # A busy machine's, too.
        victim, by = self.tell(made, "--backend", "cpu")
        self.assertGreaterEqual(victim["failed_ns"], 200_000_000)
        self.assertLess(victim["steps"], 100000)
        self.assertEqual(by["steps"], 30)
        victim, by = self.tell(scenario([beside("by", 2)], [fail("by", 1)]), "--backend",
                               "null")[0], None
        self.assertIsNone(by)
        self.assertIn("steps", victim)

    def test_same_bytes(self):
        made = scenario([pipeline("victim"), hungry("late")], [fail("victim", 1_700_000)])
        path = self.write("s.json", made)
        texts = [self.accept("run", path, "--json").stdout for _ in range(2)]
        self.assertEqual(texts[0], texts[1])

    def test_what_is_printed(self):
        path = self.write("s.json", scenario([pipeline("victim")], [fail("victim", 2_000_000)]))
        self.assertRegex(self.accept("run", path).stdout,
                         r"victim: \d+ of 40 steps, client failed at 2\.?\d* ms, collected at \d")

    def test_other_systems(self):
        for system, profile in (("ray", "ray-1.3"), ("tf1", "tf1-2021"),
                                ("multi_controller", "jax-2021")):
            made = scenario([beside("by", 2)], [fail("by", 5)], system=system, profile=profile)
            self.refuse(1, ["/control/lease: found a lease", system], "run",
                        self.write("s.json", made))
            del made["control"]["lease"]
            self.refuse(1, ["/faults: found hosts or clients that leave", system], "run",
                        self.write("t.json", made))


program.main()
