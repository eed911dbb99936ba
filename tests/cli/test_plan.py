#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""gangway plan: the ways that it finds are the best there are, what it says of them is what single
runs say, and every way to ask for the impossible."""
import csv
import json

import program

PLAN = program.CONFIGS / "plan.json"
DEGREES = ("tensor", "stages", "data", "chunks", "schedule", "recompute", "sequence_parallel",
           "zero", "microbatch")
MEMORY_TOLERANCE = 0.03  # Of the estimate: small programs carried on in proportion.
BUCKETS_TOLERANCE = 0.12  # Slopes summed in buckets as large as half of a small model.
# With chunks, and few micro-batches: slopes come late.  Passes in two parts that compute all again
# hold much when the parameters that are read are no longer needed.
CHUNKS_TOLERANCE = 0.12
SMALL = {"layers": 4, "hidden": 512, "heads": 4, "vocabulary": 1024, "sequence": 256, "batch": 16,
         "precision": "bfloat16"}


def scenario(devices=4, **parameters):
    """Of one host; parameters of None are left out."""
    made = {key: value for key, value in dict(SMALL, **parameters).items() if value is not None}
    return {"cluster": {"islands": [{"hosts": 1, "devices_per_host": devices,
                                     "accelerator": "a100"}]},
            "jobs": [{"workload": "transformer", "parameters": made}]}


class Plan(program.Case):
    def plan(self, *arguments):
        return json.loads(self.accept("plan", *arguments, "--json").stdout)

    def small(self, **parameters):
        if program.is_sanitized():  # A third of the ways.
            parameters = {"tensor": 2, "recompute": "full", **parameters}
        return self.write("small.json", scenario(**parameters))

    def some(self):
        """The plan that comes with the program; sanitizers look at a small one."""
        return self.small() if program.is_sanitized() else PLAN

    def check_counts(self, found):
        counts = found["counts"]
        self.assertEqual(counts["all"], sum(counts[key] for key in (
            "impossible", "memory", "same", "slower", "simulated", "failed", "left")))
        self.assertLessEqual(counts["left_for_best"], counts["left"])


class Ways(Plan):
    def test_bounds_prune_nothing_that_is_better(self):
        if program.is_sanitized():
            self.skipTest("hundreds of simulations; the plain build does them")
        path = self.small()
        everything = self.plan(path, "--top", "1000", "--simulations", "10000")
        self.check_counts(everything)
        self.assertEqual(everything["counts"]["left"], 0)
        self.assertEqual(everything["counts"]["slower"], 0)
        self.assertGreater(len(everything["ways"]), 50)
        for way in everything["ways"]:
            self.assertLessEqual(way["bound_ns"], way["step_time_ns"], way)
            degrees = way["parameters"]
            microbatches = SMALL["batch"] / degrees["data"] / degrees["microbatch"]
            is_late = degrees["chunks"] > 1 and microbatches <= 2 * degrees["stages"]
            is_late |= degrees["schedule"].startswith("zb") and degrees["recompute"] == "full"
            has_buckets = (degrees["stages"], degrees["zero"]) == (1, 1) and microbatches > 1
            self.assertAlmostEqual(way["estimated_bytes"] / way["memory_bytes"], 1, msg=way,
                                   delta=CHUNKS_TOLERANCE if is_late else
                                   BUCKETS_TOLERANCE if has_buckets else MEMORY_TOLERANCE)
        best = self.plan(path, "--top", "3", "--simulations", "10000")
        self.check_counts(best)
        self.assertEqual(best["ways"], everything["ways"][:3])
        self.assertGreater(best["counts"]["slower"], 0)
        self.assertLess(best["counts"]["simulated"], everything["counts"]["simulated"])

    def test_degrees_use_all_devices_and_divide(self):
        if program.is_sanitized():
            self.skipTest("hundreds of simulations; the plain build does them")
        for way in self.plan(self.small(), "--top", "1000", "--simulations", "10000")["ways"]:
            degrees = way["parameters"]
            self.assertEqual(list(degrees), list(DEGREES))
            self.assertEqual(degrees["tensor"] * degrees["stages"] * degrees["data"], 4)
            self.assertEqual(4 % (degrees["stages"] * degrees["chunks"]), 0)
            self.assertEqual(16 % (degrees["data"] * degrees["microbatch"]), 0)
            self.assertTrue(degrees["tensor"] > 1 or degrees["sequence_parallel"] is False)
            self.assertTrue(degrees["data"] > 1 or degrees["zero"] == 0)
            self.assertIn(degrees["zero"], range(4 if degrees["stages"] == 1 else 2))

    def test_a_split_backward_pass_wins(self):
        """Four stages with four micro-batches: half of the bubble is filled, which nothing else
        makes up for."""
        found = self.plan(self.small(tensor=1, stages=4, data=1), "--simulations", "1000")
        best = found["ways"][0]
        self.assertEqual(found["counts"]["left"], 0)
        self.assertIn(best["parameters"]["schedule"], ("zb-h1", "zb-h2"))
        whole = self.plan(self.small(tensor=1, stages=4, data=1), "--simulations", "1000", "--set",
                          "jobs.0.parameters.schedule=1f1b")
        self.assertGreater(whole["ways"][0]["step_time_ns"], 1.1 * best["step_time_ns"])

    def test_memory_decides_between_split_schedules(self):
        """Eight micro-batches of 16 GiB through four stages: the first stage holds four of them at
        a time, or seven."""
        path = self.write("long.json", scenario(
            tensor=1, stages=4, data=1, recompute="none", microbatch=32, layers=8, hidden=2048,
            heads=16, sequence=2048, batch=256))
        found = self.plan(path)
        schedules = [way["parameters"]["schedule"] for way in found["ways"]]
        self.assertEqual(schedules[0], "zb-h1")
        self.assertNotIn("zb-h2", schedules)
        self.assertGreater(found["counts"]["memory"] + found["counts"]["failed"], 0)
        self.refuse(1, ["expected at most the 80 GiB"], "plan", path, "--set",
                    "jobs.0.parameters.schedule=zb-h2")
        half = self.plan(path, "--set", "jobs.0.parameters.microbatch=16", "--set",
                         "jobs.0.parameters.batch=128")
        self.assertIn("zb-h2", [way["parameters"]["schedule"] for way in half["ways"]])

    def test_schedules_are_searched_for(self):
        """By name; and of those that are not named, only where none that is written down does."""
        fixed = {"tensor": 1, "stages": 4, "data": 1}
        path = self.small(**fixed)
        for schedule in ("zb-1p", "zb-2p"):
            found = self.plan(path, "--simulations", "1000", "--set",
                              f"jobs.0.parameters.schedule={schedule}")
            self.check_counts(found)
            self.assertEqual(found["counts"]["same"], 0)
            self.assertEqual({way["parameters"]["schedule"] for way in found["ways"]}, {schedule})
        everything = self.plan(path, "--simulations", "1000")
        self.assertGreater(everything["counts"]["same"], 0)
        self.assertIn("found no better schedule than one that is written down",
                      self.accept("plan", path, "--simulations", "1000").stdout)
        named = self.plan(path, "--simulations", "1000", "--set",
                          "jobs.0.parameters.schedule=zb-2p")
        self.assertLessEqual(everything["ways"][0]["step_time_ns"],
                             1.0001 * named["ways"][0]["step_time_ns"])

    def test_a_search_keeps_to_what_may_be_held(self):
        """Five micro-batches of four stages' seven: less bubble than with four of them."""
        fixed = {"tensor": 1, "stages": 4, "data": 1, "recompute": "none", "microbatch": 1,
                 "layers": 8, "hidden": 2048, "heads": 16, "sequence": 2048}
        limited = self.plan(self.small(**fixed, activations_max=5.5))
        best = limited["ways"][0]
        self.assertEqual(best["parameters"]["schedule"], "zb-auto")
        self.assertNotIn("zb-h2", [way["parameters"]["schedule"] for way in limited["ways"]])
        for way in limited["ways"]:
            self.assertLessEqual(way["bound_ns"], way["step_time_ns"])
            self.assertAlmostEqual(way["estimated_bytes"] / way["memory_bytes"], 1,
                                   delta=MEMORY_TOLERANCE)
        few = self.plan(self.small(**fixed, activations_max=4))["ways"][0]
        many = self.plan(self.small(**fixed, activations_max=7))["ways"][0]
        self.assertLess(best["step_time_ns"], 0.99 * few["step_time_ns"])
        self.assertLess(many["step_time_ns"], best["step_time_ns"])

    def test_a_way_is_a_run(self):
        path = self.some()
        way = self.plan(path, "--simulations", "4", "--steps", "2")["ways"][0]
        options = [option for key in DEGREES for option in
                   ("--set", f"jobs.0.parameters.{key}={str(way['parameters'][key]).lower()}")]
        summary = self.summary(path, *options, "--set", "jobs.0.steps=2")
        job = summary["jobs"][0]
        self.assertEqual(way["step_time_ns"], job["step_time_ns"])
        self.assertEqual(way["tokens_per_s"], job["tokens_per_s"])
        self.assertEqual(way["memory_bytes"], job["memory"]["bytes"])
        self.assertEqual(way["energy_j"], summary["energy_j"] / 2)

    def test_what_is_given_is_fixed(self):
        path = self.small(tensor=2, recompute="full")
        found = self.plan(path, "--set", "jobs.0.parameters.microbatch=2")
        self.assertGreater(len(found["ways"]), 1)
        for way in found["ways"]:
            self.assertEqual([way["parameters"][key] for key in
                              ("tensor", "recompute", "microbatch")], [2, "full", 2])

    def test_fewer_devices(self):
        for way in self.plan(self.small(), "--devices", "2")["ways"]:
            degrees = way["parameters"]
            self.assertEqual(degrees["tensor"] * degrees["stages"] * degrees["data"], 2)

    def test_the_search_says_where_it_stopped(self):
        path = self.small()
        found = self.plan(path, "--simulations", "2")
        self.check_counts(found)
        self.assertEqual(found["counts"]["simulated"], 2)
        self.assertGreater(found["counts"]["left"], 0)
        text = self.accept("plan", path, "--simulations", "2").stdout
        self.assertIn("The simulations are used up", text)
        text = self.accept("plan", path, "--top", "1", "--simulations", "1000").stdout
        self.assertIn("By their bounds no other way is faster than these", text)

    def test_the_same_whatever_the_cores(self):
        path = self.small()
        one, four = (self.accept("plan", path, "--json", "--jobs", jobs).stdout
                     for jobs in ("1", "4"))
        self.assertEqual(one, four)


class Unlike(Plan):
    """Layers that are not all alike, and devices: bounds stay bounds."""

    def check_all(self, content, *arguments):
        """All ways are simulated; returns the numbers of stages among them."""
        found = self.plan(self.write("unlike.json", content), "--top", "1000", "--simulations",
                          "10000", *arguments)
        self.check_counts(found)
        self.assertEqual(found["counts"]["slower"] + found["counts"]["left"], 0)
        for way in found["ways"]:
            self.assertLessEqual(way["bound_ns"], way["step_time_ns"], way)
            self.assertAlmostEqual(way["estimated_bytes"] / way["memory_bytes"], 1, msg=way,
                                   delta=CHUNKS_TOLERANCE)
        return {way["parameters"]["stages"] for way in found["ways"]}

    def test_experts_in_some_layers(self):
        fixed = {"recompute": "none", "zero": 0, "microbatch": 2}
        self.assertEqual(self.check_all(scenario(layers=8, experts=4, experts_every=2, **fixed)),
                         {1, 2, 4})
        self.assertEqual(self.check_all(scenario(layers=8, experts=4, experts_every=4, **fixed)),
                         {1, 2})

    def test_light_ends(self):
        fixed = {"recompute": "none", "zero": 0, "microbatch": 2, "light_ends": True}
        self.assertEqual(self.check_all(scenario(layers=6, **fixed)), {2, 4})
        self.assertEqual(self.check_all(scenario(layers=6, experts=4, experts_every=2, **fixed)),
                         {2, 4})

    def test_encoders_have_stages_of_their_own(self):
        fixed = {"recompute": "none", "zero": 0, "microbatch": 2}
        self.assertEqual(self.check_all(scenario(encoder_layers=4, **fixed)), {1, 2, 4})
        self.assertEqual(self.check_all(scenario(layers=6, encoder_layers=2, encoder_sequence=512,
                                                 **fixed)), {1, 2, 4})
        self.assertEqual(self.check_all(scenario(encoder_layers=2, **fixed)), {1, 2})

    def test_islands_of_several_sizes_and_speeds(self):
        fixed = {"recompute": "none", "zero": 0, "microbatch": 2}
        for hosts, devices, parameters in (([4, 8], "8", dict(tensor=4, **fixed)),
                                           ([1, 4], "4", dict(tensor=1, **fixed))):
            content = scenario(**parameters)
            content["cluster"]["islands"] = [
                {"hosts": 1, "devices_per_host": count, "accelerator": "a100"} for count in hosts]
            self.check_all(content, "--devices", devices)
        content = scenario(**fixed)
        content["cluster"]["islands"] = [
            {"hosts": 4, "devices_per_host": 4, "accelerator": "a100", "interconnect": "nodes",
             "network": "infiniband_hdr", "nics_per_host": 1, "oversubscription": 4}]
        self.check_all(content)
        content = scenario(tensor=1, **fixed)
        content["cluster"]["islands"][0]["speed"] = [{"devices": [0], "factor": 2}]
        self.check_all(content)


class Files(Plan):
    def test_tables_and_what_is_kept(self):
        path = self.small()
        first = self.accept("plan", path, "--json", "--top", "4", "--out", self.out).stdout
        self.assertEqual({entry.name for entry in self.out.iterdir()},
                         {"plan.csv", "plan.json", "runs"})
        self.assertEqual((self.out / "plan.json").read_text(), first)
        ways = json.loads(first)["ways"]
        with open(self.out / "plan.csv", newline="") as file:
            rows = list(csv.DictReader(file))
        self.assertEqual([row["rank"] for row in rows], ["1", "2", "3", "4"])
        for row, way in zip(rows, ways):
            self.assertEqual({key: row[key] for key in DEGREES},
                             {key: str(value).lower() for key, value in
                              way["parameters"].items()})
            self.assertEqual(float(row["step_time_ns"]), way["step_time_ns"])
        kept = {entry: entry.stat().st_mtime_ns for entry in (self.out / "runs").iterdir()}
        self.assertEqual(len(kept), json.loads(first)["counts"]["simulated"])
        again = self.accept("plan", path, "--json", "--top", "4", "--out", self.out).stdout
        self.assertEqual(again, first)
        self.assertEqual(kept, {entry: entry.stat().st_mtime_ns
                                for entry in (self.out / "runs").iterdir()})


class Memory(Plan):
    """Of whatever trains, by class."""

    def test_classes_add_up(self):
        parameters = 24 * (12 * 1024 ** 2 + 13 * 1024) + (2 * 51200 + 1024 + 2) * 1024
        summary = self.summary(PLAN, "--set", "jobs.0.parameters.microbatch=8")
        memory = summary["jobs"][0]["memory"]
        self.assertEqual(memory["bytes"], sum(
            memory[f"{name}_bytes"] for name in ("parameters", "gradients", "optimizer",
                                                 "activations", "temporaries", "other")))
        self.assertEqual(memory["mesh"], "devices")
        self.assertEqual(memory["parameters_bytes"], (4 + 2) * parameters)
        # One generation: donated; and the number of updates.
        self.assertEqual(memory["optimizer_bytes"], 8 * parameters + 4)
        self.assertEqual(memory["gradients_bytes"], 4 * parameters)  # Added up in place.

    def test_spilling_forgoes_donations(self):
        options = ("--set", "jobs.0.parameters.microbatch=1", "--set",
                   "jobs.0.parameters.recompute=full", "--set", "jobs.0.steps=2")
        given = self.summary(self.some(), *options)["jobs"][0]["memory"]
        kept = self.summary(self.some(), *options, "--set", "control.spill=oldest", "--set",
                            "cluster.islands.0.host_memory=256GiB")["jobs"][0]["memory"]
        self.assertGreater(kept["optimizer_bytes"], given["optimizer_bytes"])
        self.assertGreater(kept["bytes"], given["bytes"] * (1 if program.is_sanitized() else 1.3))

    def test_too_much_is_told_by_how_much_and_of_what(self):
        path = self.write("large.json", scenario(layers=48, hidden=8192, heads=64, sequence=2048,
                                                 stages=2, microbatch=1))
        message = self.refuse(1, ['mesh "stage0" needs ', " per device, expected at most the "
                                  "80 GiB (85899345920 bytes) of a a100; "], "check", path)
        self.assertRegex(message, r"; \S+ GiB too much: optimizer state \S+ GiB, "
                         r"parameters \S+ GiB, gradients \S+ GiB, activations \S+ GiB "
                         r"\(2 micro-batches of \S+ GiB\), temporaries \S+ GiB, other buffers ")


class Mistakes(Plan):
    def test_scenarios(self):
        good = scenario()
        two = dict(good, jobs=good["jobs"] * 2)
        chain = dict(good, jobs=[{"workload": "chain"}])
        cases = (
            (two, ["/jobs: found 2 jobs, expected the one to be laid out"]),
            (chain, ['/jobs/0/workload: found "chain", expected "transformer"']),
            (scenario(tensor=3), ["found no degrees whose product is 4 devices, expected"]),
            (scenario(layers=None), ["/jobs/0/parameters", "layers"]),
            (scenario(schedule="1f2b"), ['found "1f2b"', 'did you mean "1f1b"']),
            (scenario(schedule="zb-auto"),
             ['/schedule: found "zb-auto" without "activations_max"', 'such as "zb-2p"']),
            (scenario(schedule="zb-auto", activations_max=0.5), ["/activations_max: found 0.5"]),
            (scenario(schedule="file", schedule_file="orders.csv"),
             ['/schedule: found "file", which is of one number of stages', 'such as "zb-h1"']),
            (scenario(islands=2), ["/jobs/0/parameters/islands: found 2, expected 1"]),
            (scenario(training=False), ["/training: found false, expected true"]),
            (scenario(encoder_layers=2, stages=4),
             ["/stages: found 4, expected as many that each has equally many layers, all of the "
              "encoder's 2 or of the decoder's 4"]),
            (scenario(encoder_layers=2, schedule="zb-h1"),
             ['/schedule: found "zb-h1" with an encoder', 'such as "1f1b"']),
            (scenario(experts=4, experts_every=3),
             ["/experts_every: found 3, expected a divisor of layers (4)"]),
            (scenario(tensor=0), ["/jobs/0/parameters/tensor: found 0, expected a whole number"]),
            (scenario(hidden=65536, layers=4, heads=64),
             [" that fits: the smallest needs ", " per device, expected at most the 80 GiB"]),
            (scenario(widht=3), ["found no way of ", " that the workload takes",
                                 "bad.json:1: /jobs/0/parameters/widht: found an unknown key"]),
        )
        for content, parts in cases:
            with self.subTest(parts=parts):
                self.refuse(1, parts, "plan", self.write("bad.json", content))

    def test_usage(self):
        path = self.small()
        for code, part, *arguments in (
                (2, "expected one scenario"),
                (2, "--top: found 0, expected 1 to 1000", path, "--top", "0"),
                (2, "--simulations: found -1", path, "--simulations", "-1"),
                (2, "--fresh needs --out DIR", path, "--fresh"),
                (2, "--devices: found 5, expected at most the 4 of the cluster",
                 path, "--devices", "5"),
                (1, "none.json", self.folder / "none.json")):
            with self.subTest(part=part):
                self.refuse(code, [part], "plan", *arguments)


if __name__ == "__main__":
    program.main()
