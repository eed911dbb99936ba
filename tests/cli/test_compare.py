#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""gangway compare: the numbers of single runs side by side, kept and taken again, and every way in
which a comparison can be asked for wrongly, fail or be stopped."""
import csv
import json
import os
import pty
import signal
import statistics
import subprocess
import time

import program

QUICKSTART = program.CONFIGS / "quickstart.json"
DEADLOCK = program.CONFIGS / "deadlock.json"
FIGURES = {f"compare.{form}" for form in ("svg", "pdf", "png")}
FILES = {"compare.csv", "compare.json", "runs"}
TWO = ("--vary", "control.lookahead=1,4")
GRID = ("--vary", "control.lookahead=1,2,4", "--vary", "jobs.steps=2,3")
END_WALL_S = 60


class Compare(program.Case):
    def compare(self, *arguments, **options):
        return self.accept("compare", *arguments, **options).stdout

    def compare_json(self, *arguments):
        return json.loads(self.compare(*arguments, "--json"))

    def names(self):
        return {path.name for path in self.out.iterdir()}

    def kept(self):
        return sorted((self.out / "runs").iterdir())


class Numbers(Compare):
    def test_values_are_those_of_single_runs(self):
        found = self.compare_json(QUICKSTART, *GRID)
        self.assertEqual([setting["settings"] for setting in found["settings"]],
                         [[look, steps] for look in "124" for steps in "23"])
        for setting in found["settings"]:
            words = [f"{axis['path']}={value}"
                     for axis, value in zip(found["axes"], setting["settings"])]
            self.assertEqual(setting["name"], " ".join(words))
            options = [option for word in words for option in ("--set", word)]
            summary = self.summary(QUICKSTART, *options)
            metrics = {name: cell["values"] for name, cell in setting["metrics"].items()}
            self.assertEqual(metrics["makespan_ns"], [summary["makespan_ns"]])
            self.assertEqual(metrics["utilization"], [summary["utilization"]])
            for index, job in enumerate(summary["jobs"]):
                self.assertEqual(metrics[f"jobs.{index}.step_time_ns"], [job["step_time_ns"]])

    def test_differences_are_against_the_first(self):
        found = self.compare_json(QUICKSTART, *GRID, "--metric", "makespan_ns")
        cells = [setting["metrics"]["makespan_ns"] for setting in found["settings"]]
        for cell in cells:
            self.assertEqual(cell["difference"], cell["mean"] - cells[0]["mean"])
            self.assertAlmostEqual(cell["relative"], cell["mean"] / cells[0]["mean"] - 1)
        self.assertEqual([cell["verdict"] for cell in cells], ["baseline"] + 5 * ["one seed"])

    def test_a_baseline_of_one_axis(self):
        found = self.compare_json(QUICKSTART, *GRID, "-m", "makespan_ns", "--baseline",
                                  "control.lookahead=2")
        means = {setting["name"]: setting["metrics"]["makespan_ns"]["mean"]
                 for setting in found["settings"]}
        for setting in found["settings"]:
            self.assertEqual(setting["baseline"],
                             f"control.lookahead=2 jobs.steps={setting['settings'][1]}")
            self.assertEqual(setting["metrics"]["makespan_ns"]["difference"],
                             means[setting["name"]] - means[setting["baseline"]])

    def test_seeds_that_change_nothing_are_said(self):
        text = self.compare(QUICKSTART, *TWO, "--seeds", "3")
        self.assertIn("2 settings, 3 seeds (1, 2, 3)", text)
        self.assertIn("Nothing random", text)
        self.assertIn("exact", text)
        self.assertNotIn("95%", text)
        found = self.compare_json(QUICKSTART, *TWO, "--seeds", "9,2")
        self.assertEqual((found["seeds"], found["interval"]), ([9, 2], "none: nothing is random"))
        cell = found["settings"][1]["metrics"]["makespan_ns"]
        self.assertEqual((cell["n"], cell["ci95"], cell["difference_ci95"], cell["verdict"]),
                         (2, None, None, "exact"))

    def test_one_seed_is_said(self):
        text = self.compare(QUICKSTART, *TWO)
        self.assertIn("1 seed (1)", text)
        self.assertIn("One seed: there is no interval", text)

    def test_seeds_begin_with_the_scenarios(self):
        found = self.compare_json(QUICKSTART, *TWO, "--set", "seed=40", "--seeds", "3")
        self.assertEqual(found["seeds"], [40, 41, 42])

    def test_equal_settings_are_equal(self):
        text = self.compare(QUICKSTART, "--vary", 'control.policy=fifo,"fifo"', "-m", "makespan_ns")
        self.assertRegex(text, r'control\.policy="fifo" +[0-9.]+ +\+0 +\+0 % +equal\n')
        self.assertIn("makespan_ns: 1 equal\n", text)

    def test_null(self):
        found = self.compare_json(QUICKSTART, *TWO, "--backend", "null", "-m", "messages")
        self.assertEqual(found["backend"], "null")
        self.assertGreater(found["settings"][0]["metrics"]["messages"]["mean"], 0)

    def test_other_jobs_are_not_compared(self):
        text = self.compare(QUICKSTART, "--vary", "jobs.count=1,2")
        self.assertIn("Numbers of single jobs are left out", text)
        self.assertNotIn("jobs.0.step_time_ns", text)
        self.assertIn("jobs.0.step_time_ns", self.compare(QUICKSTART, "--vary", "jobs.count=1,2",
                                                          "-m", "jobs.0.step_time_ns"))

    def test_what_the_scenario_varies(self):
        scenario = json.loads(QUICKSTART.read_text())
        scenario["vary"] = {"control.lookahead": [1, 4], "//": "no"}
        path = self.write("varied.json", scenario)
        found = self.compare_json(path)
        self.assertEqual(found["axes"], [{"path": "control.lookahead", "values": ["1", "4"]}])
        asked = self.compare_json(path, "--vary", "jobs.steps=2,3")
        self.assertEqual([axis["path"] for axis in asked["axes"]], ["jobs.steps"])
        self.accept("run", path)
        self.accept("check", path)


class Files(Compare):
    def test_which(self):
        self.compare(QUICKSTART, *TWO, "--out", self.out)
        self.assertEqual(self.names(), FILES)
        self.assertEqual(len(self.kept()), 2)
        for path in self.kept():
            self.assertRegex(path.name, r"\A[0-9a-f]{64}\.json\Z")
        with open(self.out / "compare.csv") as file:
            rows = list(csv.DictReader(file))
        found = json.loads((self.out / "compare.json").read_text())
        self.assertEqual(len(rows), len(found["metrics"]) * 2)
        for row in rows:
            setting = next(s for s in found["settings"]
                           if s["settings"] == [row["control.lookahead"]])
            cell = setting["metrics"][row["metric"]]
            self.assertEqual(float(row["mean"]), cell["mean"])
            self.assertEqual(float(row["difference"]), cell["difference"])
            self.assertEqual((row["ci95"], row["verdict"]), ("", cell["verdict"]))

    def test_a_kept_run_is_its_summary(self):
        self.compare(QUICKSTART, *TWO, "--out", self.out)
        expected = {self.accept("run", QUICKSTART, "--json", "--set",
                                f"control.lookahead={value}").stdout for value in (1, 4)}
        self.assertEqual({path.read_text() for path in self.kept()}, expected)

    def test_same_bytes_whatever_the_number_of_processes(self):
        seen = set()
        for count in ("1", "2", "7", "0"):
            folder = self.out / count
            printed = self.compare(QUICKSTART, *GRID, "--seeds", "2", "--jobs", count, "--json",
                                   "--out", folder)
            seen.add((printed, (folder / "compare.csv").read_text(),
                      (folder / "compare.json").read_text()))
        self.assertEqual(len(seen), 1)
        self.assertEqual(seen.pop()[0], (self.out / "1" / "compare.json").read_text())

    def test_what_was_done_is_taken_again(self):
        first = self.compare(QUICKSTART, *TWO, "--out", self.out)
        files = {path: path.stat().st_mtime_ns for path in self.kept()}
        again = self.compare(QUICKSTART, *TWO, "--out", self.out)
        self.assertNotIn("there already", first)
        self.assertEqual(again.replace("2 of 2 runs were there already (--fresh runs them again)\n",
                                       ""), first)
        more = self.compare(QUICKSTART, "--vary", "control.lookahead=4,2,1", "--out", self.out)
        self.assertIn("2 of 3 runs were there already", more)
        self.assertEqual({path: path.stat().st_mtime_ns for path in files}, files)
        fresh = self.compare(QUICKSTART, *TWO, "--out", self.out, "--fresh")
        self.assertEqual(fresh, first)
        other = self.compare(QUICKSTART, *TWO, "--out", self.out, "--set", "jobs.steps=2")
        self.assertNotIn("there already", other)

    def test_intervals(self):
        """Kept runs are made to look random: by much with the seed, by little between settings."""
        arguments = (QUICKSTART, "--vary", "control.lookahead=1,4,8", "--seeds", "5", "-m",
                     "makespan_ns", "--out", self.out)
        spans = {value: self.summary(QUICKSTART, "--set", f"control.lookahead={value}")[
            "makespan_ns"] for value in (1, 4, 8)}
        self.compare(*arguments)
        noise = {1: (0, 0, 0, 0, 0), 4: (1000, -500, 300, 0, 700), 8: (3, 2, 5, 1, 4)}
        made = {value: [] for value in noise}
        for path in self.kept():
            summary = json.loads(path.read_text())
            value = next(v for v, span in spans.items() if span == summary["makespan_ns"])
            seed = summary["seed"]
            summary["makespan_ns"] = seed ** 3 * 100000 + noise[value][seed - 1]
            summary["digest"] = f"{value}{seed}"
            made[value].append((seed, summary["makespan_ns"]))
            path.write_text(json.dumps(summary))
        text = self.compare(*arguments, "--plot")
        self.assertIn("15 of 15 runs were there already", text)
        self.assertIn("makespan_ns: 1 real, 1 not shown\n", text)
        self.assertRegex(text, r"control\.lookahead=4 +5 .* not shown\n")
        self.assertRegex(text, r"control\.lookahead=8 +5 .* real\n")
        found = json.loads((self.out / "compare.json").read_text())
        self.assertEqual(found["interval"], "95 %, Student")
        t = 2.7764451052  # Of 4 degrees of freedom.
        for setting, value in zip(found["settings"], noise):
            cell = setting["metrics"]["makespan_ns"]
            values = [span for _, span in sorted(made[value])]
            self.assertEqual(cell["values"], values)
            self.assertAlmostEqual(cell["mean"], statistics.mean(values))
            self.assertAlmostEqual(cell["ci95"], t * statistics.stdev(values) / 5 ** 0.5, places=2)
            self.assertAlmostEqual(cell["difference"], statistics.mean(noise[value]))
            self.assertAlmostEqual(cell["difference_ci95"],
                                   t * statistics.stdev(noise[value]) / 5 ** 0.5, places=6)
        self.assertIn(b"control.lookahead", (self.out / "compare.svg").read_bytes())

    def test_figures(self):
        for index, arguments in enumerate((
                GRID, ("--vary", "control.profile=ideal,pathways-2022"),
                ("--vary", "jobs.0.start=0ms,1ms,50us", "-m", "utilization"),
                ("--vary", "description=it's,a@b,$x `y`,%s", *TWO))):
            folder = self.out / str(index)
            self.compare(QUICKSTART, *arguments, "--out", folder, "--plot")
            names = {path.name for path in folder.iterdir()}
            self.assertEqual(names, FILES | FIGURES | {"compare_points.csv"})
            self.assertTrue((folder / "compare.png").read_bytes().startswith(b"\x89PNG"))
            svg = (folder / "compare.svg").read_bytes()
            self.accept("plot", folder, "--figure", "compare", "-F", "svg")
            self.assertEqual((folder / "compare.svg").read_bytes(), svg)

    def test_many_settings_and_long_values(self):
        values = ",".join(f"{'v' * 40}{i}" for i in range(30))
        self.compare(QUICKSTART, "--vary", f"description={values}", "--set", "jobs.steps=1",
                     "--vary", "control.lookahead=1,2,3,4,5,6,7,8,9,10,11", "--out", self.out,
                     "--plot", "-m", "makespan_ns")
        self.assertEqual(len(self.kept()), 330)

    def test_a_folder_that_cannot_be_written(self):
        self.refuse(5, ["/dev/null"], "compare", QUICKSTART, *TWO, "--out", "/dev/null/x")
        blocked = self.write("file", "")
        self.refuse(5, [str(blocked)], "compare", QUICKSTART, *TWO, "--out", blocked)

    def test_nothing_is_written_without_a_folder(self):
        self.compare(QUICKSTART, *TWO, cwd=self.folder)
        self.assertEqual(list(self.folder.iterdir()), [])


class Failures(Compare):
    def test_a_deadlock_is_a_row(self):
        done = self.run_program("compare", DEADLOCK, "--vary", "control.policy=none,fifo",
                                "--baseline", "control.policy=fifo", "--out", self.out)
        self.assertEqual(done.returncode, 3)
        self.assertRegex(done.stdout, r"control\.policy=none .*deadlock \(exit code 3\)\n")
        self.assertRegex(done.stdout, r"control\.policy=fifo .*baseline\n")
        self.check_message(done.stderr, ["1 of 2 runs failed", "control.policy=none: ", "waits in"],
                           is_long=True)
        found = json.loads((self.out / "compare.json").read_text())
        self.assertEqual([s["exit_code"] for s in found["settings"]], [3, 0])
        self.assertIn("deadlock", found["settings"][0]["message"])
        self.assertEqual(len(self.kept()), 1)

    def test_a_wrong_value_is_a_row(self):
        done = self.run_program("compare", QUICKSTART, "--vary", "control.policy=fifo,fifoo")
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stdout, r"control\.policy=fifoo .*failed \(exit code 1\)\n")
        self.check_message(done.stderr, ["1 of 2 runs failed", 'did you mean "fifo"?'],
                           is_long=True)

    def test_json_stays_json(self):
        done = self.run_program("compare", DEADLOCK, "--vary", "control.policy=none,fifo", "--json")
        self.assertEqual(done.returncode, 3)
        self.assertEqual(len(json.loads(done.stdout)["settings"]), 2)

    def test_if_all_fail_there_is_no_table(self):
        self.refuse(3, ["1 of 1 runs failed", "deadlock"], "compare", DEADLOCK, "--vary",
                    "control.policy=none", "--out", self.out)
        self.assertEqual(self.names(), {"runs"})

    def test_many_failures_are_not_all_told(self):
        values = ",".join(f"wrong{i}" for i in range(20))
        done = self.run_program("compare", QUICKSTART, "--vary", f"control.policy=fifo,{values}",
                                "--seeds", "2")
        self.assertEqual(done.returncode, 1)
        self.assertIn("40 of 42 runs failed; the first settings:\n", done.stderr)
        self.assertEqual(done.stderr.count("\n"), 4)


class Mistakes(Compare):
    def test_paths_and_values(self):
        for words, code, parts in (
                (["control.polcy=fifo,none"], 1, ["/control/polcy", 'did you mean "policy"?']),
                (["jobs.9.steps=1,2"], 1, ["/jobs", "an array of 2"]),
                (["control.policy=x,y"], 1, ["/control/policy", "expected a policy"]),
                (["control.policy"], 2, ['found "control.policy"', "path=value,value"]),
                (["=1"], 2, ["path=value,value"]),
                (["a..b=1,2"], 2, ['--vary: found "a..b=1,2"']),
                ([".=1,2"], 2, ['--vary: found ".=1,2"']),
                (["a.=1,2"], 2, ['--vary: found "a.=1,2"']),
                (['control.policy={"name": 1,2'], 2, ["found no JSON after '='"]),
                (["control.lookahead="], 2, ["an empty value"]),
                (["control.lookahead=1,,2"], 2, ["an empty value"]),
                (["control.lookahead=1,2,1"], 2, ["1 a second time"]),
                (["control.lookahead=1", "control.lookahead=2"], 2, ["control.lookahead twice"]),
                (["seed=1,2"], 2, ["expected --seeds"]),
                ([f"a{i}=1,2" for i in range(13)], 2, ["8192 settings", "at most 4096"])):
            with self.subTest(words):
                options = [option for word in words for option in ("--vary", word)]
                self.refuse(code, parts, "compare", QUICKSTART, *options)

    def test_options(self):
        for options, parts in (
                ([], ["found nothing to compare", "--vary"]),
                ([*TWO, "--seeds", "0"], ["--seeds", "from 1 to 1000"]),
                ([*TWO, "--seeds", "1001"], ["--seeds", "from 1 to 1000"]),
                ([*TWO, "--seeds", "-1"], ["--seeds"]),
                ([*TWO, "--seeds", "x"], ["--seeds", 'found "x"']),
                ([*TWO, "--seeds", ""], ["--seeds", 'found ""']),
                ([*TWO, "--seeds", "1,2,"], ["--seeds", "whole numbers"]),
                ([*TWO, "--seeds", "1,2,1"], ["--seeds", "different seeds"]),
                ([*TWO, "--seeds", "9223372036854775808,1"], ["--seeds"]),
                ([*TWO, "--seeds", ",".join(map(str, range(1001)))], ["at most 1000 seeds"]),
                ([*TWO, "--seeds", "2", "--set", "seed=9223372036854775807"], ["--seeds", "near"]),
                ([*TWO, "--baseline", "control.lookahead=3"], ["--baseline", "did you mean"]),
                ([*TWO, "--baseline", "x"], ["--baseline", 'found "x"']),
                ([*TWO, "--baseline", "control.lookahead=1", "--baseline", "control.lookahead=4"],
                 ["--baseline", "twice"]),
                ([*TWO, "--metric", "utilisation"], ["--metric", 'did you mean "utilization"?']),
                ([*TWO, "--metric", "scenario"], ["--metric", 'found "scenario"']),
                ([*TWO, "--backend", "cpu"], ["sim or null", "repeated"]),
                ([*TWO, "--backend", "x"], ["sim or null"]),
                ([*TWO, "--jobs", "-1"], ["--jobs", "1 to 1024"]),
                ([*TWO, "--jobs", "1025"], ["--jobs", "1 to 1024"]),
                ([*TWO, "--plot"], ["--plot needs --out"]),
                ([*TWO, "--fresh"], ["--fresh needs --out"]),
                ([*TWO, "--vary", "jobs.steps=" + ",".join(map(str, range(1, 201))), "--seeds",
                  "1000"], ["found 400000 runs"])):
            with self.subTest(options):
                self.refuse(2, parts, "compare", QUICKSTART, *options)

    def test_scenarios(self):
        self.refuse(2, ["expected one scenario"], "compare")
        self.refuse(2, ["expected one scenario"], "compare", QUICKSTART, QUICKSTART, *TWO)
        self.refuse(1, ["absent.json"], "compare", "absent.json", *TWO)
        self.refuse(1, ["/control/polcy"], "compare", QUICKSTART, *TWO, "--set", "control.polcy=1")

    def test_a_metric_of_no_run(self):
        self.refuse(1, ['found "jobs.7.steps"', "in no run's summary",
                        'did you mean "jobs.0.steps"?'], "compare", QUICKSTART, *TWO, "--metric",
                    "jobs.7.steps", "--out", self.out)
        self.assertEqual(self.names(), {"runs"})


class Interrupt(Compare):
    """One setting is done at once, the others never are."""
    ARGUMENTS = (QUICKSTART, "--vary", "jobs.steps=1,100000000,100000001", "--jobs", "2")

    def start(self, *arguments):
        process = subprocess.Popen(
            [program.GANGWAY, "compare", *map(str, arguments)], stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=program.ROOT,
            env=program.environment(), start_new_session=True)
        self.addCleanup(process.communicate)
        self.addCleanup(process.kill)
        return process

    def wait_for_the_first(self, process):
        deadline = time.monotonic() + END_WALL_S
        while not (self.out / "runs").is_dir() or \
                not any(name.suffix == ".json" for name in self.kept()):
            self.assertIsNone(process.poll(), "it ended by itself")
            self.assertLess(time.monotonic(), deadline, "it does nothing")
            time.sleep(0.02)

    def check_nobody_is_left(self, group):
        deadline = time.monotonic() + END_WALL_S
        while time.monotonic() < deadline:
            try:
                os.killpg(group, 0)
            except ProcessLookupError:
                return
            time.sleep(0.02)
        self.fail("children go on")

    def test_children_end_and_what_is_done_stays(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            for send in (os.kill, os.killpg):
                with self.subTest(number=number, send=send.__name__):
                    self.out = self.folder / f"{number}-{send.__name__}"
                    process = self.start(*self.ARGUMENTS, "--out", self.out)
                    self.wait_for_the_first(process)
                    send(process.pid, number)
                    printed, errors = process.communicate(timeout=END_WALL_S)
                    self.assertEqual((process.returncode, printed), (130, ""), errors)
                    self.check_message(errors, ["1 of 3 runs are done and kept", "interrupted"])
                    self.check_nobody_is_left(process.pid)
                    self.check_no_leftovers(self.out)
                    self.assertEqual(self.names(), {"runs"})
        again = self.compare(QUICKSTART, "--vary", "jobs.steps=1,2", "--out", self.out)
        self.assertIn("1 of 2 runs were there already", again)

    def test_children_do_not_outlive_it(self):
        process = self.start(*self.ARGUMENTS, "--out", self.out)
        self.wait_for_the_first(process)
        process.kill()
        process.wait(timeout=END_WALL_S)
        self.check_nobody_is_left(process.pid)


class Progress(Compare):
    def run_on_terminal(self, *arguments):
        ours, theirs = pty.openpty()
        done = subprocess.Popen(
            [program.GANGWAY, "compare", *map(str, arguments)], stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=theirs, env=program.environment(TERM="xterm"))
        os.close(theirs)
        printed = done.stdout.read().decode()
        done.stdout.close()
        self.assertEqual(done.wait(timeout=END_WALL_S), 0)
        seen = b""
        try:
            while True:
                seen += os.read(ours, 65536)
        except OSError:  # The other end is gone.
            os.close(ours)
        return seen.decode(), printed

    def test_on_a_terminal_only(self):
        steps = 200 if program.is_sanitized() else 2000  # Either takes long enough for a line.
        arguments = (QUICKSTART, *TWO, "--set", f"jobs.steps={steps}", "--seeds", "3")
        seen, printed = self.run_on_terminal(*arguments)
        lines = [line for line in seen.split("\r\x1b[K") if line]
        self.assertGreater(len(lines), 0, repr(seen))
        for line in lines:
            self.assertRegex(line, r"\A\d/6 runs(, \d+ s left)?\Z")
        self.assertTrue(seen.endswith("\r\x1b[K"))
        self.assertEqual(printed, self.compare(*arguments))
        self.assertEqual(self.run_on_terminal(*arguments, "--quiet"), ("", printed))


if __name__ == "__main__":
    program.main()
