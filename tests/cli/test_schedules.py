#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Pipeline schedules as a user meets them: by name, by a file of one's own, and as published."""
import json
import shutil

import program

BASE = program.CONFIGS / "reproduce" / "zero-bubble" / "pipeline.json"
SCHEDULES = ["1f1b", "file", "gpipe", "interleaved", "zb-1p", "zb-2p", "zb-auto", "zb-h1", "zb-h2"]


class Schedules(program.Case):
    def job(self, *settings):
        arguments = [word for setting in settings
                     for word in ("--set", f"jobs.0.{setting}")]
        return self.summary(BASE, *arguments)["jobs"][0]

    def test_list(self):
        lines = self.accept("list", "schedules").stdout.splitlines()
        self.assertEqual(lines[0], "schedules")
        self.assertEqual([line.split()[0] for line in lines[1:]], SCHEDULES)

    def test_what_a_stage_holds(self):
        """F to W is one micro-batch: 1F1B p - s, GPipe all, ZB-H1 p, ZB-H2 2p - 1."""
        whole = "parameters.weight_activation=1207296B"
        expected = {"1f1b": list(range(8, 0, -1)), "gpipe": [24] * 8, "zb-h1": [8] * 8,
                    "zb-h2": [15] * 8}
        for schedule, peaks in expected.items():
            job = self.job(f"parameters.schedule={schedule}", whole)
            self.assertEqual(job["peak_activations"], peaks, schedule)
        for limit, schedule in ((8, "zb-1p"), (16, "zb-2p")):
            job = self.job(f"parameters.schedule={schedule}")
            self.assertLessEqual(max(job["peak_activations"]), limit)

    def test_more_room_less_bubble(self):
        bubbles = [self.job("parameters.schedule=zb-auto",
                            f"parameters.activations_max={limit}")["bubble_fraction"]
                   for limit in (2, 4, 8, 12, 16)]
        self.assertEqual(bubbles, sorted(bubbles, reverse=True))
        self.assertGreater(bubbles[0], 0.5)
        self.assertLess(bubbles[-1], 0.05)

    def test_steps_that_wait_for_each_other(self):
        """ZB-2p is a parallelogram: with a barrier between steps its ramps are bubbles again, while
        1F1B, whose first stage ends last, loses nothing."""
        for schedule, least, most in (("zb-2p", 0.05, 0.2), ("1f1b", 0, 0.0001)):
            free = self.job(f"parameters.schedule={schedule}")["bubble_fraction"]
            tight = self.job(f"parameters.schedule={schedule}", "in_flight=1")["bubble_fraction"]
            self.assertGreaterEqual(tight - free, least)
            self.assertLessEqual(tight - free, most)

    def test_waits_left_out_as_a_published_evaluation_does(self):
        """A machine's micro-batches all wait where they go round: a step takes p transfers more."""
        interleaved = ("parameters.schedule=interleaved", "parameters.chunks=3")
        times = {}
        for waits in ("all", "first"):
            job = self.job(*interleaved, f"parameters.wrap_waits={waits}")
            times[waits] = job["step_time_ns"]
            self.assertEqual(job["peak_activations"],
                             self.job(*interleaved)["peak_activations"], waits)
        self.assertAlmostEqual(times["all"] - times["first"], 8 * 0.601e6, delta=10)
        self.assertEqual(self.job(*interleaved),
                         self.job(*interleaved, "parameters.wrap_waits=all"))
        for settings, parts in (
                (["schedule=1f1b"], ['/wrap_waits: found "first" with schedule "1f1b" and stages 8',
                                     'expected "all", or schedule "interleaved" and 2 stages']),
                (["schedule=interleaved", "chunks=3", "stages=1"], ["and stages 1"])):
            words = [word for setting in [*settings, "wrap_waits=first"]
                     for word in ("--set", f"jobs.0.parameters.{setting}")]
            self.refuse(1, parts, "run", BASE, *words)
        self.refuse(1, ["wrap_waits"], "check", program.CONFIGS / "transformer_cpu.json", "--set",
                    "jobs.0.parameters.wrap_waits=first")

    def test_published(self):
        # Each point of the throughput is sixteen runs.
        figure = ["--figure", "bubbles"] if program.is_sanitized() else []
        done = self.accept("reproduce", "zero-bubble", "--json", *figure)
        rows = json.loads(done.stdout)
        self.assertEqual(len(rows), 36 if program.is_sanitized() else 78)
        self.assertEqual([row["item"] for row in rows if not row["holds"]], [])
        for row in rows:
            if row["item"].startswith("interleaved as evaluated, "):
                self.assertLess(abs(row["error"]), 0.0001)
            if row["item"] == "1F1B 1.5B m=64":  # What the profile is fitted on.
                self.assertLess(abs(row["error"]), 0.001)


class OwnSchedule(program.Case):
    def put(self, text):
        scenario = json.loads(BASE.read_text())
        parameters = scenario["jobs"][0]["parameters"]
        parameters.update(stages=2, microbatches=2, schedule="file", schedule_file="own.csv",
                          transfer="1ms")
        self.write("own.csv", "stage,operation,microbatch\n" + text)
        return self.write("scenario.json", scenario)

    def test_the_same_schedule_written_out(self):
        """1F1B on two stages, by hand and by name: the same run."""
        path = self.put("0,F,0\n0,F,1\n0,BW,0\n0,BW,1\n1,F,0\n1,BW,0\n1,F,1\n1,BW,1\n")
        own = self.summary(path)
        named = self.summary(path, "--set", "jobs.0.parameters={}".format(json.dumps({
            "stages": 2, "microbatches": 2, "forward": "18.522ms", "backward": "18.086ms",
            "weight": "9.337ms", "transfer": "1ms", "activation": "1207296B"})))
        self.assertEqual(own, named)
        self.assertEqual(own["jobs"][0]["peak_activations"], [2, 1])

    def test_from_another_folder(self):
        path = self.put("0,F,0\n0,F,1\n0,BW,0\n0,BW,1\n1,F,0\n1,BW,0\n1,F,1\n1,BW,1\n")
        self.accept("check", path.name, cwd=self.folder)
        self.accept("check", path)
        moved = self.folder / "below"
        moved.mkdir()
        shutil.copy(path, moved)
        self.refuse(1, ["below/own.csv"], "check", moved / path.name)

    def test_what_was_kept_is_of_the_same_file(self):
        """A comparison that goes on from a folder runs again when the CSV has changed."""
        late = "0,F,0\n0,F,1\n0,BW,0\n0,BW,1\n1,F,0\n1,F,1\n1,BW,0\n1,BW,1\n"
        early = "0,F,0\n0,F,1\n0,BW,0\n0,BW,1\n1,F,0\n1,BW,0\n1,F,1\n1,BW,1\n"
        times = []
        for text in (late, early, late):
            path = self.put(text)
            self.accept("compare", path, "--vary", "jobs.0.steps=1,2", "--metric",
                        "jobs.0.peak_activations.1",
                        "--out", self.out, "--quiet")
            times.append((self.out / "compare.csv").read_text())
        self.assertNotEqual(times[0], times[1])
        self.assertEqual(times[0], times[2])

    def test_mistakes(self):
        for text, parts in (
                ("0,F,0\n0,BW,0\n0,F,1\n0,BW,1\n1,F,1\n1,BW,1\n1,F,0\n1,BW,0\n",
                 ["own.csv: deadlock", "F 1 on stage 1 (line 6) waits for F 1 on stage 0 (line 4)",
                  "BW 0 on stage 0 (line 3) waits for BW 0 on stage 1 (line 9)"]),
                ("0,F,0\n0,F,1\n0,BW,0\n0,BW,1\n1,F,0\n1,BW,0\n1,F,1\n",
                 ["own.csv: BW 1 on stage 1 is forgotten"]),
                ("0,F,0\n0,F,0\n", ["own.csv: F 0 on stage 0 (line 3) is there twice"]),
                ("0,F,2\n", ['own.csv:2: microbatch: found "2", expected a whole number from 0']),
                ("0,f,0\n", ['own.csv:2: operation: found "f", expected one of: F, B, W, BW'])):
            path = self.put(text)
            self.refuse(1, ["/jobs/0/parameters/schedule_file", *parts], "run", path)


if __name__ == "__main__":
    program.main()
