#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What scheduling policies promise, measured in simulated time from what a run writes."""
import csv
import json

import program

WINDOW_NS = 200_000_000
# The first client fills the lookahead before the others are there: 32 gangs of 0.33 ms, and as
# much again until reports have told how long its gangs are.
BEGIN_NS = 60_000_000
TOLERANCE = 0.01
STRETCH_MAX_NS = 1_000_000


def read(folder, name):
    with open(folder / name, newline="") as file:
        return [row for row in csv.DictReader(file) if row["node"] != "start"]


class Window:
    """The 200 ms from BEGIN_NS on, in which every client has gangs to order all the time."""

    def __init__(self, folder):
        end_ns = BEGIN_NS + WINDOW_NS
        self.busy_ns, self.last_end_ns = {}, {}
        for row in read(folder, "shards.csv"):
            if int(row["start_ns"]) >= BEGIN_NS and int(row["end_ns"]) <= end_ns:
                used_ns = int(row["local_ns"]) + int(row["collective_ns"])
                self.busy_ns[row["job"]] = (self.busy_ns.get(row["job"], 0)
                                            + used_ns * int(row["device_count"]))
        gangs = sorted((int(row["start_ns"]), int(row["end_ns"]), row["job"])
                       for row in read(folder, "gangs.csv"))
        for _, done_ns, job in gangs:
            self.last_end_ns[job] = max(self.last_end_ns.get(job, 0), done_ns)
        self.gangs = [gang for gang in gangs if gang[0] >= BEGIN_NS and gang[1] <= end_ns]

    def shares(self):
        return {job: busy / sum(self.busy_ns.values()) for job, busy in self.busy_ns.items()}

    def longest_gaps_ns(self):
        """By client: the longest time between two gangs of its own."""
        gaps, last = {}, {}
        for start_ns, end_ns, job in self.gangs:
            if job in last:
                gaps[job] = max(gaps.get(job, 0), start_ns - last[job])
            last[job] = end_ns
        return gaps

    def longest_stretch_ns(self):
        """The longest time for which one client has the devices to itself."""
        longest, holder, since_ns = 0, None, 0
        for start_ns, end_ns, job in self.gangs:
            if job != holder:
                holder, since_ns = job, start_ns
            longest = max(longest, end_ns - since_ns)
        return longest


class Share(program.Case):
    def measure(self, name, weights):
        self.accept("run", program.CONFIGS / f"{name}.json", "--out", self.out)
        window = Window(self.out)
        self.assertGreater(min(window.last_end_ns.values()), BEGIN_NS + WINDOW_NS)
        for job, weight in zip("abcd", weights):
            self.assertAlmostEqual(window.shares()[job], weight / sum(weights), delta=TOLERANCE)
        self.assertGreater(sum(window.busy_ns.values()), 0.99 * 128 * WINDOW_NS)
        self.assertLessEqual(window.longest_stretch_ns(), STRETCH_MAX_NS)
        return window

    def test_equal_weights(self):
        window = self.measure("share_1_1_1_1", [1, 1, 1, 1])
        for job, gap_ns in window.longest_gaps_ns().items():
            self.assertLessEqual(gap_ns, 1_000_000, job)

    def test_weights_that_double(self):
        """One of weight w has every (15 / w)-th gang, give or take one of the others'."""
        window = self.measure("share_1_2_4_8", [1, 2, 4, 8])
        gang_ns = max(end_ns - start_ns for start_ns, end_ns, _ in window.gangs)
        for job, weight in zip("abcd", [1, 2, 4, 8]):
            self.assertLessEqual(window.longest_gaps_ns()[job], (15 / weight + 1) * gang_ns, job)

    def test_weights_that_double_whatever_the_length(self):
        """Between two gangs of weight w, each other one of weight v has v / w of them and one more
        at most, however gangs and what the control plane takes fall together."""
        weights = dict(zip("abcd", [1, 2, 4, 8]))
        for length in ("196us", "204us", "216us", "310us"):
            with self.subTest(length):
                settings = [word for i in range(4) for word in
                            ("--set", f'jobs.{i}.parameters.duration="{length}"')]
                self.accept("run", program.CONFIGS / "share_1_2_4_8.json", "--out", self.out,
                            *settings)
                window = Window(self.out)
                gang_ns = max(end_ns - start_ns for start_ns, end_ns, _ in window.gangs)
                for job, weight in weights.items():
                    self.assertAlmostEqual(window.shares()[job], weight / 15, delta=TOLERANCE)
                    others = sum(v / weight + 1 for name, v in weights.items() if name != job)
                    self.assertLessEqual(window.longest_gaps_ns()[job], others * gang_ns, job)

    def test_odd_weights_and_a_short_lookahead(self):
        weights = {"a": 3, "b": 5, "c": 7}
        jobs = [{"name": name, "weight": weight, "workload": "chain",
                 "parameters": {"mesh": [8, 8], "length": 900, "duration": "330us"}}
                for name, weight in weights.items()]
        island = {"hosts": 8, "devices_per_host": 8, "accelerator": "tpu_v3_core",
                  "torus": [8, 8]}
        made = {"cluster": {"islands": [island]}, "jobs": jobs,
                "control": {"profile": "pathways-2022", "policy": "share", "lookahead": 4}}
        self.accept("run", self.write("odd.json", json.dumps(made)), "--out", self.out)
        window = Window(self.out)
        self.assertGreater(min(window.last_end_ns.values()), BEGIN_NS + WINDOW_NS)
        for job, weight in weights.items():
            self.assertAlmostEqual(window.shares()[job] * 15 / weight, 1, delta=TOLERANCE)

    def test_first_come_first_served_has_no_shares(self):
        """The measure tells policies apart."""
        self.accept("run", program.CONFIGS / "share_1_2_4_8.json", "--set", "control.policy=fifo",
                    "--out", self.out)
        window = Window(self.out)
        self.assertGreater(window.longest_stretch_ns(), 50 * STRETCH_MAX_NS)
        self.assertGreater(abs(window.shares().get("d", 0) - 8 / 15), 0.2)


ISLAND = {"hosts": 1, "devices_per_host": 2, "accelerator": "tpu_v3_core"}


def chain(name, length, **keys):
    return {"name": name, "workload": "chain",
            "parameters": {"devices": 2, "length": length, "duration": "1ms"}, **keys}


class Waiting(program.Case):
    def scenario(self, control, *jobs):
        return self.write("s.json", {"cluster": {"islands": [ISLAND]}, "control": control,
                                     "jobs": list(jobs)})

    def test_waiting_behind_full_devices_counts(self):
        """Ten levels of waiting are more than one of priority and one of waiting, though neither
        could be ordered before the devices had room; with levels of 200 ms they are fewer."""
        jobs = [chain("blocks", 1), chain("low", 1, start="1ms"),
                chain("high", 1, start="90ms", priority=1)]
        jobs[0]["parameters"]["duration"] = "100ms"
        for ageing, expected in (("10ms", ["blocks", "low", "high"]),
                                 ("200ms", ["blocks", "high", "low"])):
            file = self.scenario({"policy": {"name": "priority", "ageing": ageing},
                                  "lookahead": 1}, *jobs)
            self.accept("run", file, "--quiet", "--out", self.out)
            with open(self.out / "gangs.csv", newline="") as rows:
                firsts = sorted((int(row["start_ns"]), row["job"]) for row in csv.DictReader(rows)
                                if row["node"] == "start")
            self.assertEqual([job for _, job in firsts], expected)

    def test_starvation_is_named_after_a_whole_run(self):
        """Strict priority: `low` waits until `high` has ended, half a second later."""
        policy = {"name": "priority", "ageing": "never"}
        jobs = [chain("low", 4, start="20ms"), chain("high", 500, priority=1)]
        file = self.scenario({"policy": policy, "lookahead": 2, "starvation_limit": "200ms"}, *jobs)
        for backend in ("sim", "cpu"):
            with self.subTest(backend):
                done = self.run_program("run", file, "--backend", backend, "--out", self.out,
                                        "--json")
                self.assertEqual(done.returncode, 3)
                self.check_message(done.stderr, [
                    "s.json: the run is whole, but jobs starved (control.starvation_limit is 200",
                    "job low: a gang waited ", "while others were ordered on its devices"], True)
                self.assertNotIn("job high", done.stderr)
                self.assertEqual(set(self.files(self.out)), program.DATA_FILES)
                self.assertEqual(done.stdout, (self.out / "summary.json").read_text())
                low, high = program.json.loads(done.stdout)["jobs"]
                self.assertEqual([low["steps"], high["steps"]], [1, 1])
                self.assertGreater(low["order_wait_ns_max"], 200_000_000)
        jobs = {job["name"]: job for job in program.json.loads(
            self.run_program("run", file, "--json").stdout)["jobs"]}
        self.assertGreater(jobs["low"]["order_wait_ns_max"], 450_000_000)
        self.assertLess(jobs["high"]["order_wait_ns_max"], 5_000_000)
        for change in ("control.starvation_limit=2s", "control.policy.ageing=10ms",
                       "control.policy=share", "control.policy=round_robin"):
            with self.subTest(change):
                self.accept("run", file, "--set", change, "--quiet", "--json")

    def test_of_many_that_starve_a_few_are_named(self):
        narrow = [chain(f"low{i}", 1, start="20ms") for i in range(30)]
        policy = {"name": "priority", "ageing": "never"}
        file = self.scenario({"policy": policy, "lookahead": 2, "starvation_limit": "200ms"},
                             *narrow, chain("high", 500, priority=1))
        done = self.run_program("run", file)
        self.assertEqual(done.returncode, 3)
        self.assertEqual(done.stderr.count("job low"), 8)
        self.assertTrue(done.stderr.endswith("\n  and 22 more\n"), done.stderr)

    def test_long_waits_behind_oneself_are_no_starvation(self):
        file = self.scenario({"lookahead": 1, "starvation_limit": "100us"}, chain("alone", 20))
        job = self.summary(file)["jobs"][0]
        self.assertGreater(job["order_wait_ns_max"], 1_000_000)

    def test_wide_job_beside_endless_narrow_ones(self):
        """Eight hosts with a client each, which have gangs of 0.7 to 1.4 ms all the time, and a
        client that needs all of them at once: it claims them when it is passed over."""
        def pinned(job, *devices):
            job["parameters"]["devices"] = len(devices)
            return dict(job, placement={"mesh0": {"devices": list(devices)}})

        def narrow(device):
            job = chain(f"narrow{device}", 200, steps=4)
            job["parameters"]["duration"] = f"{700 + 100 * device}us"
            return pinned(job, device)

        wide = pinned(chain("wide", 8, start="20ms"), *range(8))
        island = {"hosts": 8, "devices_per_host": 1, "accelerator": "tpu_v3_core"}
        for lookahead in (4, 8, 32):
            with self.subTest(lookahead=lookahead):
                file = self.scenario({"policy": "round_robin", "lookahead": lookahead},
                                     *map(narrow, range(8)), wide)
                jobs = self.summary(file, "--set", "cluster.islands.0="
                                    + program.json.dumps(island))["jobs"]
                # Twice the lookahead of the longest gangs, and what the control plane takes.
                self.assertLess(jobs[8]["order_wait_ns_max"], 2 * lookahead * 1_500_000)
                self.assertLess(jobs[8]["done_ns"], 250_000_000)
                self.assertGreater(min(job["done_ns"] for job in jobs[:8]), 560_000_000)

    def test_missed_deadlines_are_counted(self):
        jobs = [chain("none", 40), chain("tight", 10, steps=3, in_flight=1, deadline="15ms"),
                chain("loose", 10, deadline="1s")]
        # First come: the first step is behind all of `none`, the second behind all of `loose`.
        for policy, missed in (("fifo", 2), ("deadline", 0)):
            with self.subTest(policy):
                file = self.scenario({"policy": policy, "lookahead": 2}, *jobs)
                none, tight, loose = self.summary(file)["jobs"]
                self.assertNotIn("deadlines_missed", none)
                self.assertEqual(tight["deadlines_missed"], missed)
                self.assertEqual(loose["deadlines_missed"], 0)


if __name__ == "__main__":
    program.main()
