#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""`gangway validate`: what it prints, writes and refuses.  Times are those of a machine on which
tests run, so nothing here depends on how long anything took, but for a machine that is wrong by
orders of magnitude."""
import csv
import json
import os
import pty
import shutil
import signal
import subprocess
import time

import program

VALIDATE = program.CONFIGS / "validate"
PHASES = ["compute", "communication", "idle", "control"]
ANY = ("--tolerance", "1000000")  # A machine that is made up is off by any factor.
FORMATS = {f"validate.{ending}" for ending in ("svg", "pdf", "png")}


def make_machine(span="1us", rate="10GFLOP/s"):
    """Good for nothing but being a machine."""
    figures = {"peak": rate, "vector": rate, "hbm": "1GiB", "busy_power": "10W",
               "idle_power": "1W", "hbm_bandwidth": "10GB/s", "link_bandwidth": "10GB/s",
               "pcie_bandwidth": "10GB/s", "matmul_efficiency": 1.0, "hbm_efficiency": 1.0,
               "link_efficiency": 1.0, "kernel_overhead": span, "hop_latency": span,
               "collective_overhead": span, "pcie_latency": span}
    costs = ("call", "schedule", "send", "receive", "prepare", "launch", "complete", "lower")
    return {
        "accelerator": {"name": "made", **figures, "sources": {key: "made" for key in figures}},
        "profile": {"name": "made", "network": "free", "costs": {key: "100ns" for key in costs},
                    "sources": {key: "made" for key in costs}},
    }


def merge(into, more):
    """As jq's `*` does."""
    for key, value in more.items():
        if isinstance(value, dict):
            merge(into.setdefault(key, {}), value)
        else:
            into[key] = value


def form(value):
    """What is left of a JSON value without its numbers."""
    if isinstance(value, dict):
        return {key: form(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [form(inner) for inner in value]
    return "number" if isinstance(value, (int, float)) else value


def make_scenario(name, **changes):
    return {
        "name": name,
        "cluster": {"islands": [{"hosts": 1, "devices_per_host": 2, "accelerator": "cpu"}]},
        "jobs": [{"name": "chain", "workload": "chain", "steps": 5,
                  "parameters": {"devices": 2, "length": 4, "duration": "500us"}}],
        **changes,
    }


class Base(program.Case):
    def setUp(self):
        super().setUp()
        self.machine = self.write("machine.json", make_machine())

    def validate(self, *arguments):
        """Exit code 4 is an answer too: the machine is made up."""
        done = self.run_program("validate", "--machine", self.machine, *arguments)
        self.assertIn(done.returncode, (0, 4), done.stderr)
        return done

    def check_resumed(self, done, *arguments):
        """All was kept: the same is told once more, and nothing is executed."""
        kept, tables = self.files(self.out / "rounds"), self.tables()
        again = self.run_program("validate", *arguments, "--out", self.out, "--resume")
        self.assertEqual((again.returncode, again.stderr), (done.returncode, done.stderr))
        head, text = again.stdout.split("\n\n", 1)
        rounds = len(kept) - 1
        self.assertEqual(head, f"rounds: {rounds} of {rounds} were kept in {self.out}/rounds")
        self.assertEqual(text, done.stdout)
        self.assertEqual((self.files(self.out / "rounds"), self.tables()), (kept, tables))

    def tables(self):
        return {path.name: path.read_bytes() for path in self.out.iterdir() if path.is_file()}

    def table(self, name):
        with open(self.out / name, newline="", encoding="utf-8") as file:
            return list(csv.DictReader(file))


class Validate(Base):
    def test_one_scenario(self):
        path = self.write("chain.json", make_scenario("chain"))
        done = self.validate(path, "--repeat", "2", "--plot", "--out", self.out)
        for word in ("scenario", "predicted", "measured", "ms per device and step", "device 0",
                     "device 1", "all", "median error", *PHASES, "of 1 within 10 %"):
            self.assertIn(word, done.stdout)
        self.assertEqual(set(os.listdir(self.out)),
                         {"01-chain", "phases.csv", "rounds", "validate.csv", "validate.json"} |
                         {f"validate_all.{ending}" for ending in ("svg", "pdf", "png")})
        self.assertEqual(set(os.listdir(self.out / "01-chain")),
                         FORMATS | {"timelines.csv", "validate_boxes.csv"})
        self.check_no_leftovers(self.out)
        rows = self.table("phases.csv")
        self.assertEqual([(row["device"], row["phase"]) for row in rows],
                         [(device, phase) for device in ("0", "1", "all") for phase in PHASES])
        row, = self.table("validate.csv")
        for device in ("0", "1", "all"):  # Predicted phases make up the step that is predicted.
            parts = [float(r["predicted_ns"]) for r in rows if r["device"] == device]
            self.assertAlmostEqual(sum(parts) / float(row["predicted_ns"]), 1, places=6)
        worlds = {r["world"] for r in self.table("01-chain/timelines.csv")}
        self.assertEqual(worlds, {"predicted", "measured"})
        self.accept("plot", self.out / "01-chain", "--figure", "validate", "--format", "svg")

    def test_json_is_the_file(self):
        path = self.write("chain.json", make_scenario("chain"))
        done = self.validate(path, "--repeat", "3", "--json", "--out", self.out)
        self.assertEqual(done.stdout, (self.out / "validate.json").read_text())
        made = json.loads(done.stdout)
        self.assertEqual((made["repeats"], made["warm_steps"], made["failed"]), (3, 2, 0))
        self.assertEqual((made["rounds"], made["rounds_done"]), (3, 3))
        case, = made["cases"]
        self.assertEqual(len(case["other_work"]), 3)
        step = case["jobs"][0]["step_time"]
        self.assertEqual(len(step["runs_ns"]), 3)
        self.assertEqual(step["predictions_ns"], [step["predicted_ns"]])  # Of one file.
        self.assertEqual(sorted(step["runs_ns"]),
                         [step["lowest_ns"], step["measured_ns"], step["highest_ns"]])
        self.assertGreater(step["measured_ns"], 2e6)  # Four times 500 us.
        self.assertAlmostEqual(step["error"], step["predicted_ns"] / step["measured_ns"] - 1)
        self.assertEqual([device["device"] for device in case["devices"]], [0, 1])
        for device in case["devices"]:
            self.assertEqual(list(device["phases"]), PHASES)
            self.assertGreaterEqual(device["phases"]["compute"]["lowest_ns"], 1e6)

    def test_the_prediction_is_that_of_run(self):
        path = self.write("chain.json", make_scenario("chain"))
        made = json.loads(self.validate(path, "--repeat", "1", "--warm", "1", "--json").stdout)
        summary = self.summary(path, "--set", f"cluster.islands.accelerator={self.machine}",
                               "--set", f"control.profile={self.machine}", "--set",
                               'cluster.dcn={"latency": "1us", "bandwidth": "10GB/s"}')
        self.assertEqual(made["cases"][0]["jobs"][0]["step_time"]["predicted_ns"],
                         summary["jobs"][0]["step_time_ns"])

    def test_all_hosts_are_this_machine(self):
        """No message here takes the tenth of a second that one of the scenario's does."""
        scenario = make_scenario("far")
        scenario["cluster"]["dcn"] = {"latency_ns": 100000000}
        scenario["jobs"][0]["submit"] = "op_by_op"
        path = self.write("far.json", scenario)
        made = json.loads(self.validate(path, "--repeat", "1", "--json").stdout)
        self.assertLess(made["cases"][0]["jobs"][0]["step_time"]["predicted_ns"], 1e8)

    def test_a_folder_and_what_varies(self):
        self.write("set/b.json", make_scenario("b"))
        self.write("set/a.json", make_scenario("a", vary={"jobs.0.parameters.length": [2, 8]}))
        self.write("set/held_out/c.json", make_scenario("c"))
        self.write("set/README.md", "no scenario")
        # A step of eight takes four times what one of two does: no noise turns that round.
        done = self.validate(self.folder / "set", "--repeat", "2", *ANY)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        lines = done.stdout.splitlines()
        self.assertEqual([line.split()[0] for line in lines[1:5]], ["a", "a", "b", "c"])
        self.assertIn("4 of 4 within 1e+06 %", done.stdout)
        self.assertIn("/set: 3 of 3", done.stdout)
        self.assertIn("/set/held_out: 1 of 1", done.stdout)
        self.assertRegex(done.stdout, r"([01]) of \1 orders hold")
        self.assertNotIn("ms per device", done.stdout)
        self.assertIn("ms per device",
                      self.validate(self.folder / "set", "--repeat", "1", "--phases", *ANY).stdout)

    def test_a_wrong_prediction_ends_with_4(self):
        """A wire of a second in every all-reduce."""
        self.write("machine.json", make_machine(span="1s"))
        path = self.write("chain.json", make_scenario("chain"))
        done = self.validate(path, "--repeat", "1")
        self.assertEqual(done.returncode, 4)
        self.check_message(done.stderr, ["0 of 1 within 10 %, expected 90 % of them"])
        self.assertIn("off\n", done.stdout)

    def test_a_wrong_order_is_executed_again(self):
        """A call that meets takes less than 64 alone, and a second more by this machine."""
        machine = make_machine()
        machine["accelerator"]["collective_overhead"] = "1s"
        self.write("machine.json", machine)
        path = self.write("chain.json", make_scenario("chain"))
        for _ in range(5):  # Beside other work too few runs may count for an order.
            done = self.validate(path, "--repeat", "2", *ANY, "--out", self.out, "--vary",
                                 "jobs.0.parameters.devices=1,2", "--vary",
                                 "jobs.0.parameters.length=1,64")
            if done.returncode == 4:
                break
        self.assertEqual(done.returncode, 4)
        self.assertIn("NOT: job chain of chain jobs.0.parameters.devices=1 "
                      "jobs.0.parameters.length=64 measured slower", done.stdout)
        self.assertIn("cases were executed 2 times more", done.stdout)
        cases = json.loads((self.out / "validate.json").read_text())["cases"]
        self.assertTrue(cases[1]["executed_again"] and cases[2]["executed_again"])
        for case in cases:
            runs = case["jobs"][0]["step_time"]["runs_ns"]
            self.assertEqual(len(case["other_work"]), 4 if case["executed_again"] else 2)
            self.assertLessEqual(len(runs), len(case["other_work"]))
        self.check_resumed(done, path, "--repeat", "2", *ANY, "--vary",
                           "jobs.0.parameters.devices=1,2", "--vary",
                           "jobs.0.parameters.length=1,64", "--machine", self.machine)

    def test_several_jobs(self):
        scenario = make_scenario("two")
        scenario["jobs"].append(dict(scenario["jobs"][0], name="other", steps=9))
        path = self.write("two.json", scenario)
        made = json.loads(self.validate(path, "--repeat", "1", "--json", "--vary",
                                        "control.policy=fifo,round_robin").stdout)
        self.assertEqual([case["name"] for case in made["cases"]],
                         ["two control.policy=fifo", "two control.policy=round_robin"])
        for case in made["cases"]:
            self.assertEqual([job["name"] for job in case["jobs"]], ["chain", "other"])
            self.assertEqual(case["group"], 0)

    def test_a_case_that_fails_is_told_and_the_others_go_on(self):
        self.write("set/good.json", make_scenario("good"))
        bad = make_scenario("bad")  # Devices that have data, and shares that are no float32.
        bad["jobs"] = json.loads((program.CONFIGS / "deadlock.json").read_text())["jobs"]
        bad["control"] = {"policy": "none"}
        for job in bad["jobs"]:
            job["steps"] = 5
        bad["cluster"] = json.loads((program.CONFIGS / "deadlock.json").read_text())["cluster"]
        self.write("set/bad.json", bad)
        arguments = (self.folder / "set", "--machine", self.machine, "--repeat", "1", *ANY)
        done = self.run_program("validate", *arguments, "--out", self.out)
        self.assertEqual(done.returncode, 3, done.stderr)
        self.assertIn("1 of 2 failed; the first: bad, simulated: ", done.stderr)
        self.assertIn("FAILED", done.stdout)
        self.assertIn("1 of 2 within", done.stdout)
        cases = json.loads((self.out / "validate.json").read_text())["cases"]
        self.assertEqual([case["verdict"] == "failed" for case in cases], [True, False])
        self.check_resumed(done, *arguments)

    def test_without_a_machine_it_measures_one(self):
        """And keeps all that a prediction was made by: it can be made again."""
        if program.is_sanitized():
            self.skipTest("it takes minutes there, and says nothing")
        scenario = make_scenario("mlp", jobs=[{
            "name": "net", "workload": "mlp", "steps": 5,
            "parameters": {"devices": 2, "batch": 128, "inputs": 64, "classes": 10,
                           "layers": [64, 64]}}])
        path = self.write("mlp.json", scenario)
        arguments = ("validate", path, "--repeat", "1", "--out", self.out, *ANY)
        done = self.run_program(*arguments)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertIn("machine: measured at the beginning of each of 1 rounds, as gangway "
                      "calibrate --quick does", done.stdout)
        kept = json.loads((self.out / "rounds/round-1.json").read_text())
        machine = json.loads((self.out / kept["machine"]["file"]).read_text())
        case, = kept["cases"]
        merge(machine["accelerator"], case["accelerator"])
        self.assertTrue(any("shapes" in table for table in
                            machine["accelerator"]["measured"]["operations"].values()))
        again = self.run_program("validate", path, "--repeat", "1", *ANY, "--json", "--set",
                                 f"seed={case['seed']}", "--machine",
                                 self.write("merged.json", machine))
        self.assertEqual(again.stderr, "")
        step, = (job["step_time"] for job in json.loads(again.stdout)["cases"][0]["jobs"])
        self.assertEqual(step["predicted_ns"], case["predicted"]["step_ns"][0])
        resumed = self.run_program(*arguments, "--resume")
        self.assertEqual(resumed.stdout.replace(
            f"rounds: 1 of 1 were kept in {self.out}/rounds\n\n", ""), done.stdout)
        (self.out / "machine-1.json").write_text("{}")
        self.refuse(1, ["round-1.json:", "machine-1.json changed"], *arguments, "--resume")

    def test_mistakes_of_usage(self):
        path = self.write("chain.json", make_scenario("chain"))
        for arguments, parts in (
            ((), ["expected a scenario or a folder"]),
            ((path, "--repeat", "0"), ["--repeat: found 0, expected 1 to 1000"]),
            ((path, "--warm", "0"), ["--warm: found 0, expected 1 to 1000000"]),
            ((path, "--tolerance", "-5"), ["--tolerance: found -5", "in percent"]),
            ((path, "--tolerance", "nan"), ["--tolerance"]),
            ((path, "--plot"), ["--plot needs --out DIR"]),
            ((path, "--resume"), ["--resume needs --out DIR"]),
            ((path, "--vary", "control.policy"), ["--vary"]),
            ((path, "--wram", "1"), ["--wram"]),
        ):
            self.refuse(2, parts, "validate", *arguments)

    def test_mistakes_of_input(self):
        """All are told before this machine is measured."""
        path = self.write("chain.json", make_scenario("chain"))
        short = self.write("short.json", make_scenario("short"))
        (self.folder / "empty").mkdir()
        for arguments, parts in (
            ((self.folder / "none.json",), ["none.json"]),
            ((self.folder / "empty",), ["found no scenario, expected files that end in .json"]),
            ((path, self.folder / "none.json"), ["none.json"]),
            ((short, "--warm", "5"), ["no job with more than 5 steps", "--warm"]),
            ((path, "--set", "control.polcy=fifo"), ["polcy", 'did you mean "policy"?']),
            ((path, "--vary", "control.policy=fifo,fivo"), ["fivo", 'did you mean "fifo"?']),
            ((path, "--machine", self.folder / "none.json"), ["none.json", "gangway calibrate"]),
            ((path, "--machine", self.write("half.json", {"accelerator": {}})), ["half.json"]),
            ((path, "--machine", self.write("less.json", {"accelerator": {"hop_latency": "1us"}})),
             ["less.json", "link_bandwidth"]),
            ((path, "--machine", self.write("text.json", "no JSON")), ["text.json:1"]),
        ):
            self.refuse(1, parts, "validate", *arguments)

    def test_a_folder_that_cannot_be_written(self):
        path = self.write("chain.json", make_scenario("chain"))
        file = self.write("file", "")
        self.refuse(5, ["file"], "validate", path, "--machine", self.machine, "--out",
                    file / "inner")


class Rounds(Base):
    """Cut, and gone on from."""

    def setUp(self):
        super().setUp()
        for name in ("a", "b"):  # Of two files: no order, by which some are executed again.
            scenario = make_scenario(name)
            scenario["jobs"][0]["steps"] = 100  # A round takes half a second.
            self.path = self.write(f"set/{name}.json", scenario)
        self.arguments = (self.folder / "set", "--repeat", "3", *ANY)

    def cut(self, number):
        """Interrupted when a round at least is whole; what it printed, and how many were.  On a
        machine that does nothing else for a second it may be done before it hears of it."""
        for _ in range(10):
            process = subprocess.Popen(
                [program.GANGWAY, "validate", "--machine", self.machine, *self.arguments, "--out",
                 self.out], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                env=program.environment())
            while not (self.out / "rounds/round-1.json").exists() and process.poll() is None:
                time.sleep(0.002)
            process.send_signal(number)
            printed, errors = process.communicate(timeout=60)
            self.check_sound(process.returncode, errors)
            if process.returncode == 130:
                break
            shutil.rmtree(self.out)
        self.assertEqual(process.returncode, 130, errors)
        rounds = len(os.listdir(self.out / "rounds")) - 1
        self.assertIn(rounds, (1, 2))
        self.check_message(errors, [f"{rounds} of 3 rounds are done, and kept in {self.out}/rounds "
                                    "for --resume: interrupted"])
        return printed, rounds

    def test_cut_and_resumed(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            printed, rounds = self.cut(number)
            self.assertIn(f"\n{rounds} of 3 rounds are done: all of this is of them alone\n",
                          printed)
            self.assertIn("2 of 2 within 1e+06 %", printed)
            self.check_no_leftovers(self.out)
            cut = json.loads((self.out / "validate.json").read_text())
            self.assertEqual((cut["rounds"], cut["rounds_done"]), (3, rounds))
            before = self.files(self.out / "rounds")
            done = self.validate(*self.arguments, "--out", self.out, "--resume", "--json")
            made = json.loads(done.stdout)
            self.assertEqual(made, json.loads((self.out / "validate.json").read_text()))
            for old, new in zip(cut["cases"], made["cases"]):
                old, new = (case["jobs"][0]["step_time"]["runs_ns"] for case in (old, new))
                self.assertEqual((len(old), old), (rounds, new[:rounds]))
                self.assertEqual(len(new) % 3, 0)
            after = self.files(self.out / "rounds")
            self.assertEqual(before, {name: after[name] for name in before})
            self.check_form(made)
            shutil.rmtree(self.out)

    def check_form(self, made):
        """That of what was never cut; which verdict it comes to is chance."""
        rows = self.table("validate.csv")
        whole = json.loads(self.validate(*self.arguments, "--json", "--out",
                                         self.out / "whole").stdout)
        for case in made["cases"] + whole["cases"]:
            case.pop("verdict")
        self.assertEqual(form(made), form(whole))
        others = self.table("whole/validate.csv")
        for row in rows + others:
            for key in ("predicted_ns", "measured_ns", "lowest_ns", "highest_ns", "error"):
                float(row.pop(key))
            row.pop("verdict")
        self.assertEqual(rows, others)

    def test_a_cut_without_a_whole_round_leaves_nothing(self):
        """The first round never ends: it is stopped, and then cut."""
        path = self.write("long.json", make_scenario("long"))
        process = subprocess.Popen(
            [program.GANGWAY, "validate", path, "--machine", self.machine, "--set",
             "jobs.0.steps=1000000", "--out", self.out], stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True, env=program.environment())
        while not self.out.is_dir() and process.poll() is None:
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        printed, errors = process.communicate(timeout=60)
        self.assertEqual((process.returncode, printed), (130, ""), errors)
        self.check_message(errors, ["0 of 5 rounds are done: interrupted"])
        self.assertEqual(os.listdir(self.out), [])

    def test_tables_of_what_is_kept(self):
        """How it is judged and told may differ; so may what is asked for besides."""
        done = self.validate(*self.arguments, "--out", self.out)
        self.check_resumed(done, *self.arguments, "--machine", self.machine)
        drawn = self.validate(*self.arguments, "--out", self.out, "--resume", "--plot",
                              "--tolerance", "0.0001")
        self.assertEqual(drawn.returncode, 4)
        self.assertLess(drawn.stdout.index("tables: "), drawn.stdout.index("figures: "))
        self.assertTrue((self.out / "validate_all.pdf").exists())
        self.validate(*self.arguments[:2], "1", *ANY, "--out", self.out)
        self.assertEqual(set(os.listdir(self.out / "rounds")), {"plan.json", "round-1.json"})

    def test_a_round_that_is_gone_is_done_again(self):
        self.validate(*self.arguments, "--out", self.out)
        (self.out / "rounds/round-3.json").unlink()
        done = self.validate(*self.arguments, "--out", self.out, "--resume")
        self.assertIn("rounds: 2 of 3 were kept", done.stdout)
        self.assertTrue((self.out / "rounds/round-3.json").exists())

    def test_what_differs_is_told(self):
        self.validate(*self.arguments, "--out", self.out)
        other = self.write("other.json", make_machine(span="2us"))
        given = ("--machine", self.machine)
        for arguments, parts in (
            ((*self.arguments, *given, "--repeat", "4"),
             ["plan.json:5: /repeats: found 3 executions each (--repeat), expected 4"]),
            ((*self.arguments, *given, "--warm", "3"), ["plan.json:6: /warm_steps: found 2"]),
            ((*self.arguments, *given, "--set", "control.policy=share"),
             ["plan.json:", "/cases/0/settings: found rounds of a with settings", "share"]),
            ((*self.arguments, "--machine", other),
             ["plan.json:4: /machine: found rounds of another machine's file"]),
            (self.arguments, ["plan.json:4: /machine: found rounds of a machine's file"]),
            ((*self.arguments, self.path, *given), ["/cases: found rounds of 2 cases, expected 3"]),
        ):
            self.refuse(1, parts, "validate", *arguments, "--out", self.out, "--resume")
        self.path.write_text(self.path.read_text() + "\n")
        self.refuse(1, ["/cases/1/digest: found rounds of b as it was", "has changed"],
                    "validate", *self.arguments, *given, "--out", self.out, "--resume")

    def test_what_is_kept_is_not_to_be_edited(self):
        self.validate(*self.arguments, "--out", self.out)
        path = self.out / "rounds/round-2.json"
        good = path.read_text()
        number = good.index("step_ns") + 12
        digit = "1" if good[number] != "1" else "2"
        for text, part in ((good[:number] + digit + good[number + 1:], "/cases/0/digest: found"),
                           (good[:len(good) // 2], "round-2.json:"), ("", "round-2.json:")):
            path.write_text(text)
            self.refuse(1, ["--resume: ", "round-2.json:", part], "validate", *self.arguments,
                        "--machine", self.machine, "--out", self.out, "--resume")
        path.write_text(good)
        self.validate(*self.arguments, "--out", self.out, "--resume")

    def watch(self, *arguments, terminal="xterm", until=None):
        """What a terminal behind standard error has seen, and what was printed; with `until`,
        interrupted when that has been seen."""
        ours, theirs = pty.openpty()
        with open(self.folder / "printed", "w+", encoding="utf-8") as printed:
            process = subprocess.Popen(
                [program.GANGWAY, "validate", "--machine", self.machine, *arguments],
                stdout=printed, stderr=theirs, env=program.environment(TERM=terminal))
            os.close(theirs)
            seen = ""
            while True:
                try:
                    seen += os.read(ours, 65536).decode()
                except OSError:  # The other end of a terminal is gone.
                    break
                if until is not None and until in seen:
                    until = None
                    process.send_signal(signal.SIGINT)
            os.close(ours)
            code = process.wait(timeout=60)
            printed.seek(0)
            return code, seen, printed.read()

    def test_progress(self):
        code, seen, _ = self.watch(*self.arguments)
        lines = [line for line in seen.split("\r\x1b[K") if line]
        self.assertEqual(code, 0, seen)
        self.assertTrue(lines)
        for line in lines:
            self.assertRegex(line, r"\Around [123]/3: (executed|simulated) [012]/2 cases"
                                   r"(, \d+ s left)?\Z")
        self.assertTrue(any("s left" in line for line in lines), lines)
        self.assertTrue(seen.endswith("\r\x1b[K"), "the line is still there")
        self.assertEqual(self.watch(*self.arguments, "--quiet")[:2], (0, ""))
        self.assertEqual(self.watch(*self.arguments, terminal="dumb")[:2], (0, ""))

    def test_cut_while_some_are_executed_again(self):
        """What was measured until then is judged, and of those in doubt nothing is said that is not
        so."""
        machine = make_machine()
        machine["accelerator"]["collective_overhead"] = "1s"
        self.write("machine.json", machine)
        arguments = (self.path, "--repeat", "2", *ANY, "--out", self.out, "--set",
                     "jobs.0.steps=30", "--vary", "jobs.0.parameters.devices=1,2", "--vary",
                     "jobs.0.parameters.length=1,64")
        for _ in range(5):  # Beside other work too few runs may count for an order.
            code, seen, printed = self.watch(*arguments, until="round 3/4")
            if code == 130:
                break
        self.assertEqual(code, 130, seen)
        cut = json.loads((self.out / "validate.json").read_text())
        self.assertIn((cut["rounds"], cut["rounds_done"]), ((4, 2), (4, 3)))
        self.assertRegex(printed, r"\n[23] of 4 rounds are done")
        again = [case["executed_again"] for case in cut["cases"]]
        self.assertEqual(again[1:3], 2 * [cut["rounds_done"] == 3])
        self.assertEqual("times more" in printed, any(again))
        done = self.validate(*arguments, "--resume")
        self.assertIn(f"rounds: {cut['rounds_done']} of 4 were kept", done.stdout)
        self.assertRegex(done.stdout, r"\n[234] cases were executed 2 times more")

    def test_without_a_folder_what_is_done_is_told(self):
        code, seen, printed = self.watch(self.path, "--repeat", "1000", until="round 3/1000")
        self.assertEqual(code, 130)
        self.assertRegex(seen, r"gangway: \d+ of 1000 rounds are done: interrupted\r\n\Z")
        self.assertRegex(printed, r"\n\d+ of 1000 rounds are done: all of this is of them alone\n")
        self.assertIn(" of 1 within 10 %", printed)


class Scenarios(program.Case):
    def test_the_set_is_what_it_says(self):
        """Enough of them, some held out, each a good scenario and named as its file."""
        held_out = sorted((VALIDATE / "held_out").glob("*.json"))
        others = sorted(VALIDATE.glob("*.json"))
        self.assertGreaterEqual(len(held_out), 8)
        self.assertGreaterEqual(len(held_out) + len(others), 24)
        names = [json.loads(path.read_text())["name"] for path in held_out + others]
        self.assertEqual(names, [path.stem for path in held_out + others])
        self.accept("check", *held_out, *others)


if __name__ == "__main__":
    program.main()
