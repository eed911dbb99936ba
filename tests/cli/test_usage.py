#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The command line itself: commands, options, help, and what wrong usage is answered with."""
import json
import pathlib
import re
import shutil

import program

COMMANDS = ("run", "check", "compare", "reproduce", "plan", "plot", "list", "bench", "calibrate",
            "validate", "collectives")
QUICKSTART = program.CONFIGS / "quickstart.json"
MLP = program.CONFIGS / "mlp_cpu.json"


class Help(program.Case):
    def test_program(self):
        for word in ("--help", "-h", "help"):
            done = self.accept(word)
            listed = re.findall(r"(?m)^  ([a-z]+) +\S", done.stdout)
            self.assertEqual(listed, [*COMMANDS, "gangway", "gangway"])
            self.assertIn("Exit codes:", done.stdout)

    def test_every_command(self):
        for command in COMMANDS:
            for word in ("--help", "-h"):
                done = self.accept(command, word)
                self.assertRegex(done.stdout, rf"\AUsage:\n  gangway {command}\b")
                self.assertIn("--help", done.stdout)

    def test_help_wins_over_wrong_arguments(self):
        self.assertIn("Usage:", self.accept("run", "a", "b", "--help").stdout)

    def test_options_are_explained(self):
        text = self.accept("run", "--help").stdout
        for option in ("--backend", "--set", "--out", "--trace", "--plot", "--json", "--quiet",
                       "--paranoid", "--help-summary"):
            self.assertRegex(text, rf"{option}(=\S+)? +\S")

    def test_summary_keys(self):
        text = self.accept("run", "--help-summary").stdout
        summary = self.summary(MLP, "--set", "jobs.0.steps=2")
        for key in summary:
            self.assertRegex(text, rf"(?m)^\W*{key}\b", "explained nowhere")
        for key in summary["jobs"][0]:
            self.assertIn(key, text)

    def test_version(self):
        self.assertRegex(self.accept("--version").stdout, r"\Agangway \d+\.\d+\.\d+\n\Z")

    def test_no_command(self):
        done = self.run_program()
        self.assertEqual((done.returncode, done.stdout), (2, ""))
        self.assertIn("Usage:", done.stderr)


class WrongUsage(program.Case):
    def test_unknown_command(self):
        self.refuse(2, ['no command "rum"', 'did you mean "run"?', "gangway --help"], "rum")
        self.refuse(2, ['no command "chekc"', 'did you mean "check"?'], "chekc", "x.json")
        self.refuse(2, ['no command "zebra"'], "zebra")
        self.refuse(2, ['no command ""'], "")
        self.refuse(2, ['no command "--jason"'], "--jason")

    def test_unknown_option(self):
        for command in COMMANDS:
            self.refuse(2, [f"gangway {command}: Unknown option --bogus",
                            f"gangway {command} --help"], command, "--bogus")
        self.refuse(2, ["Unknown option -z"], "run", "-z", QUICKSTART)

    def test_missing_value(self):
        for option in ("--set", "--out", "--backend"):
            self.refuse(2, [f"Missing argument for {option}"], "run", QUICKSTART, option)

    def test_unknown_backend(self):
        self.refuse(2, ["--backend", 'found "simm"', "expected sim, cpu, mpi or null",
                        'did you mean "sim"?'], "run", QUICKSTART, "--backend", "simm")
        self.refuse(2, ['found "gpu"'], "run", QUICKSTART, "-b", "gpu")
        self.refuse(2, ['found ""'], "run", QUICKSTART, "--backend=")

    def test_unknown_bench(self):
        self.refuse(2, ['no bench "engin"', 'did you mean "engine"?'], "bench", "engin")
        self.refuse(2, ["expected one bench"], "bench")
        self.refuse(2, ['--profile: only "control" measures that'], "bench", "engine", "--profile")
        self.refuse(2, ['--costs: only "control" measures that'], "bench", "engine", "--costs",
                    "p.json")
        self.refuse(2, ["expected one of them"], "bench", "control", "--profile", "--costs",
                    "p.json")
        for rounds in ("-1", "0", "1001"):
            self.refuse(2, [f"--rounds: found {rounds}, expected 1 to 1000"], "bench", "engine",
                        f"--rounds={rounds}")
        self.refuse(2, ["expected one bench"], "bench", "engine", "sim")

    def test_unknown_kind_of_list(self):
        self.refuse(2, ['nothing called "polices"', 'did you mean "policies"?'], "list", "polices")
        self.refuse(2, ["found 2 arguments"], "list", "policies", "workloads")

    def test_unknown_figure_and_format(self):
        self.accept("run", MLP, "--set", "jobs.0.steps=2", "--out", self.out)
        self.refuse(2, ['no figure "utilisation"', 'did you mean "utilization"?'],
                    "plot", self.out, "--figure", "utilisation")
        self.refuse(2, ['the format "gif"', "svg, pdf, png"], "plot", self.out, "-F", "gif")
        self.refuse(2, ['did you mean "png"?'], "plot", self.out, "-F", "pgn")
        self.refuse(2, ["expected one folder"], "plot")
        self.check_no_leftovers(self.out)

    def test_a_figure_of_another_command(self):
        if shutil.which("gnuplot") is None:
            self.skipTest("no gnuplot")
        self.accept("run", MLP, "--set", "jobs.0.steps=2", "--out", self.out)
        for figure, data in (("compare", "compare.json"), ("validate", "timelines.csv"),
                             ("validate_all", "validate.csv"),
                             ("pathways_fig5", "pathways_fig5_marks.csv")):
            self.refuse(1, [str(self.out), data], "plot", self.out, "--figure", figure)
        self.check_no_leftovers(self.out)

    def test_no_scripts(self):
        self.refuse(5, [str(self.folder / "style.gp"), "GANGWAY_PLOTS"], "plot", self.out,
                    env=program.environment(GANGWAY_PLOTS=str(self.folder)))

    def test_number_of_scenarios(self):
        self.refuse(2, ["expected one scenario"], "run")
        self.refuse(2, ["expected one scenario"], "run", QUICKSTART, MLP)
        self.refuse(2, ["expected a scenario"], "check")

    def test_trace_and_plot_need_a_folder(self):
        self.refuse(2, ["--trace needs --out"], "run", MLP, "--trace")
        self.refuse(2, ["--plot needs --out"], "run", MLP, "--plot")

    def test_paranoid_is_of_the_simulator(self):
        self.accept("run", MLP, "--paranoid")
        for backend in ("cpu", "null"):
            self.refuse(2, ["--paranoid", "--backend sim"], "run", MLP, "--paranoid", "-b", backend)

    def test_assignments(self):
        for text in ("abc", "=1", ""):
            self.refuse(2, ["--set", f'found "{text}"', "expected path=value"],
                        "run", MLP, "--set", text)


class Set(program.Case):
    def steps(self, *settings):
        arguments = [word for setting in settings for word in ("--set", setting)]
        summary = self.summary(QUICKSTART, "--set", "jobs.1.parameters.microbatches=2", *arguments)
        return [job["steps"] for job in summary["jobs"]]

    def test_one_element(self):
        self.assertEqual(self.steps("jobs.0.steps=2", "jobs.1.steps=1"), [2, 1])

    def test_every_element(self):
        self.assertEqual(self.steps("jobs.steps=2"), [2, 2])

    def test_the_last_wins(self):
        self.assertEqual(self.steps("jobs.steps=2", "jobs.0.steps=4"), [4, 2])
        self.assertEqual(self.steps("jobs.0.steps=4", "jobs.steps=2"), [2, 2])

    def test_kinds_of_values(self):
        name = self.summary(MLP, "--set", "jobs.0.steps=1", "--set", "name=other")["scenario"]
        self.assertEqual(name, "other")
        quoted = self.summary(MLP, "--set", "jobs.0.steps=1", "--set", 'name="other"')["scenario"]
        self.assertEqual(quoted, "other")
        summary = self.summary(MLP, "--set", "jobs.0.steps=1", "--set",
                               'cluster.islands=[{"hosts":1,"devices_per_host":8,'
                               '"accelerator":"a100"}]')
        self.assertEqual(summary["devices"], 8)

    def test_absent_objects_are_made(self):
        summary = self.summary(MLP, "--set", "jobs.0.steps=1", "--set", "control.policy=fifo",
                               "--set", "control.profile=ideal")
        self.assertEqual(summary["jobs"][0]["steps"], 1)

    def test_seed(self):
        summary = self.summary(MLP, "--set", "jobs.0.steps=1", "--set", "seed=12345")
        self.assertEqual(summary["seed"], 12345)

    def test_mistakes_name_the_assignment(self):
        for setting, parts in (
                ("jobs.0.steps=none", ['/jobs/0/steps: found "none"', "a whole number"]),
                ("jobs.7.steps=1", ["/jobs: found an array of 1", "element 7"]),
                ("jobs.0.stps=1", ["/jobs/0/stps: found an unknown key",
                                   'did you mean "steps"?']),
                ("control.policy=fife", ["/control/policy", 'found "fife"',
                                         'did you mean "fifo"?'])):
            self.refuse(1, [f"--set {setting}: ", *parts], "run", MLP, "--set", setting)
            self.refuse(1, [f"--set {setting}: ", *parts], "check", MLP, "--set", setting)


class List(program.Case):
    def test_everything_and_each_kind(self):
        everything = self.accept("list").stdout
        for kind, names in (("workloads", ["chain", "graph", "mixture", "mlp", "pipeline",
                                           "products", "transformer"]),
                            ("systems", ["pathways", "multi_controller", "tf1", "ray"]),
                            ("policies", ["fifo", "none"]),
                            ("accelerators", ["a100", "cpu", "h100", "tpu_v3_core", "tpu_v4",
                                              "v100_10g"]),
                            ("profiles", ["gangway", "ideal", "jax-2021", "megatron-lm",
                                          "pathways-2022", "ray-1.3", "tf1-2021"]),
                            ("collectives", ["direct", "halving_doubling", "hierarchical", "ring",
                                             "torus", "tree"]),
                            ("networks", ["infiniband_hdr", "infiniband_ndr"]),
                            ("backends", ["sim", "cpu", "mpi", "null"]),
                            ("spills", ["largest", "oldest", "none"]),
                            ("figures", ["compare", "timeline", "utilization"])):
            text = self.accept("list", kind).stdout
            self.assertTrue(text.startswith(kind + "\n"), text)
            self.assertIn(text, everything)
            for name in names:
                self.assertRegex(text, rf"(?m)^  {re.escape(name)}\b")


    def test_parameters_are_explained(self):
        """configs/README.md has a row for each parameter, in its workload's table, and no other."""
        text = (program.CONFIGS / "README.md").read_text()
        listed = self.accept("list", "workloads").stdout
        for workload, keys in re.findall(r"(?m)^  (\w+) .*\n((?:      .*\n)+)", listed):
            section = text.split(f"\n### `{workload}`")[1].split("\n##")[0]
            rows = re.findall(r"(?m)^\| (`[^|]*) \|", section)
            explained = {key for row in rows for key in re.findall(r"`(\w+)`", row)}
            self.assertEqual(explained, set(re.findall(r"(?m)^      (\w+)  ", keys)), workload)

    def test_keys_are_explained(self):
        """Likewise for the keys of a scenario that its schema knows, each under its own name."""
        text = (program.CONFIGS / "README.md").read_text()
        schema = json.loads((program.CONFIGS / "scenario.schema.json").read_text())
        shapes = schema["$defs"]
        for title, shape, before in (("## Keys of a scenario", schema, ""),
                                     ("### `cluster`", shapes["island"], "islands[]."),
                                     ("### `cluster`", shapes["dcn"], "dcn."),
                                     ("### `control`", shapes["control"], ""),
                                     ("### `jobs[]`", shapes["job"], "")):
            section = text.split(f"\n{title}\n")[1].split("\n##")[0]
            rows = re.findall(r"(?m)^\| (`[^|]*) \|", section)
            explained = {key for row in rows for key in re.findall(r"`([^`]+)`", row)}
            keys = {before + key for key in shape["properties"]
                    if not re.search("_(ns|bytes|bytes_per_s)$", key)}
            self.assertEqual(keys - explained, set(), title)

    def test_kinds_are_named(self):
        kinds = re.findall(r"(?m)^([a-z]+)$", self.accept("list").stdout)
        self.assertIn(": " + ", ".join(kinds), self.accept("list", "--help").stdout)


class Elsewhere(program.Case):
    """A scenario far from the sources finds the accelerators that the program was built with."""

    def test_a_scenario_of_ones_own(self):
        env = program.environment(GANGWAY_CONFIGS=None)
        file = self.write("mine.json", QUICKSTART.read_text())
        self.accept("check", file, cwd=self.folder, env=env)
        self.accept("run", "mine.json", cwd=self.folder, env=env)
        self.assertIn("  a100\n", self.accept("list", "accelerators", cwd="/", env=env).stdout)


class Check(program.Case):
    def test_says_what_there_is(self):
        done = self.accept("check", QUICKSTART)
        self.assertEqual(done.stdout, f"{QUICKSTART}: ok: 1 island, 4 devices, 2 jobs\n")

    def test_several(self):
        done = self.accept("check", QUICKSTART, MLP)
        self.assertEqual(done.stdout.count(": ok: "), 2)

    def test_one_of_several_is_wrong(self):
        done = self.run_program("check", QUICKSTART, "absent.json", MLP)
        self.assertEqual(done.returncode, 1)
        self.assertEqual(done.stdout.count(": ok: "), 2)
        self.check_message(done.stderr, ["absent.json"])

    def test_runs_nothing(self):
        self.accept("check", program.CONFIGS / "deadlock.json", cwd=self.folder)
        self.assertEqual(list(self.folder.iterdir()), [])


class StandardOutput(program.Case):
    """A full disk behind standard output is a failure, whatever was printed."""

    def test_full(self):
        if not pathlib.Path("/dev/full").exists():
            self.skipTest("no /dev/full")
        for arguments in (["--help"], ["--version"], ["list"], ["run", "--help"],
                          ["run", "--help-summary"], ["check", MLP],
                          ["run", MLP, "--set", "jobs.0.steps=1"],
                          ["run", MLP, "--set", "jobs.0.steps=1", "--json"]):
            with open("/dev/full", "w") as full:
                self.refuse(5, ["standard output"], *arguments, stdout=full)

    def test_outputs_are_whole_all_the_same(self):
        if not pathlib.Path("/dev/full").exists():
            self.skipTest("no /dev/full")
        with open("/dev/full", "w") as full:
            self.refuse(5, ["standard output"], "run", MLP, "--json", "--out", self.out,
                        stdout=full)
        json.loads((self.out / "summary.json").read_text())
        self.check_no_leftovers(self.out)


if __name__ == "__main__":
    program.main()
