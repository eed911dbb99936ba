#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The same scenario, seed and build give the same bytes, whatever the machine does besides: in a
fresh process, with and without trace and figures, wherever the kernel puts memory, in any locale,
time zone and folder."""
import shutil
import subprocess

import program

TABLES = ("summary.json", "devices.csv", "utilization.csv", "gangs.csv", "shards.csv")
SCENARIOS = {
    "quickstart": (program.CONFIGS / "quickstart.json", ["--set", "outputs.plot=false"]),
    "bench_sim": (program.CONFIGS / "bench_sim.json",
                  ["--set", "jobs.0.steps=2", "--set", "outputs.gangs=true"]),
    "pipeline": (program.CONFIGS / "paper/pipeline_1.5b_m24_1f1b.json",
                 ["--set", "control.profile=pathways-2022", "--set", "jobs.0.steps=3"]),
}


class Repeats(program.Case):
    def tables(self, name, *arguments, prefix=(), env=None, cwd=program.ROOT, file=None):
        """The bytes of one run's tables, and of what it printed with --json."""
        scenario, settings = SCENARIOS[name]
        folder = self.folder / f"run{len(list(self.folder.iterdir()))}"
        done = subprocess.run(
            [*prefix, program.GANGWAY, "run", str(file or scenario), *settings, "--json", "--out",
             str(folder), *arguments], stdin=subprocess.DEVNULL, capture_output=True, cwd=cwd,
            env=env or program.environment(), timeout=program.TIMEOUT_S, check=False)
        self.assertEqual((done.returncode, done.stderr), (0, b""), name)
        self.check_no_leftovers(folder)
        made = {table: (folder / table).read_bytes() for table in TABLES}
        self.assertEqual(made["summary.json"], done.stdout)
        return made

    def check_same(self, *arguments, **options):
        for name in SCENARIOS:
            with self.subTest(name):
                self.assertEqual(self.tables(name, *arguments, **options), self.tables(name))

    def test_fresh_processes(self):
        self.check_same()

    def test_trace(self):
        self.check_same("--trace")

    def test_trace_and_plot(self):
        if shutil.which("gnuplot") is None:
            self.skipTest("no gnuplot")
        self.check_same("--trace", "--plot")

    def test_paranoid(self):
        self.check_same("--paranoid")

    def test_memory_elsewhere(self):
        """Address space layout randomisation off; and heap blocks filled with something."""
        prefix = ["setarch", "-R"]
        if shutil.which("setarch") is None or subprocess.run(
                [*prefix, "true"], capture_output=True, check=False).returncode != 0:
            self.skipTest("setarch -R is not allowed here")
        self.check_same(prefix=prefix)
        self.check_same(prefix=prefix, env=program.environment(MALLOC_PERTURB_="165"))

    def test_locales(self):
        known = subprocess.run(["locale", "-a"], capture_output=True, text=True, check=False)
        wanted = [name for name in known.stdout.split()
                  if name.lower() in ("de_de.utf8", "de_de.utf-8", "fr_fr.utf8", "tr_tr.utf8",
                                      "c.utf8", "posix")]
        for name in {"C", "de_DE.UTF-8", *wanted}:  # One that is absent falls back to C.
            self.check_same(env=program.environment(LC_ALL=name, LANG=name, LC_NUMERIC=name))

    def test_decimal_commas(self):
        """Tables, figures and messages are as they are elsewhere."""
        made = self.folder / "locales" / "de_DE.UTF-8"
        made.parent.mkdir()
        if shutil.which("localedef") is None or subprocess.run(
                ["localedef", "-i", "de_DE", "-f", "UTF-8", made], capture_output=True,
                check=False).returncode != 0:
            self.skipTest("no German locale can be made here")
        scenario = SCENARIOS["quickstart"][0]
        german = program.environment(LOCPATH=str(made.parent), LC_ALL="de_DE.UTF-8")
        for arguments in (["run", scenario], ["run", self.folder / "absent.json"],
                          ["compare", scenario, "--vary", "control.lookahead=1,4", "--out",
                           self.out, "--fresh", *(["--plot"] if shutil.which("gnuplot") else [])]):
            here = self.run_program(*arguments)
            there = self.run_program(*arguments, env=german)
            self.assertEqual((there.returncode, there.stdout, there.stderr),
                             (here.returncode, here.stdout, here.stderr))

    def test_environment(self):
        self.check_same(env=program.environment(
            TZ="Pacific/Chatham", HOME="/nonexistent", COLUMNS="20", TERM="dumb",
            OPENBLAS_NUM_THREADS=None, PADDING="x" * 50000))

    def test_folders_and_names(self):
        """A file is called relatively, absolutely or through a link."""
        for name, (scenario, _) in SCENARIOS.items():
            with self.subTest(name):
                usual = self.tables(name)
                self.assertEqual(self.tables(name, cwd=scenario.parent, file=scenario.name), usual)
                link = self.folder / scenario.name
                link.symlink_to(scenario)
                self.assertEqual(self.tables(name, cwd="/", file=link), usual)

    def test_another_seed_is_another_run(self):
        name = "quickstart"
        self.assertNotEqual(self.tables(name, "--set", "seed=2")["summary.json"],
                            self.tables(name)["summary.json"])


class Decisions(program.Case):
    """What the CPU and the devices that finish at once were asked to do is the same: their digest
    is of the launches.  (tests/scenario/test_decisions.c compares the simulator's as well.)"""

    def test_cpu_and_null(self):
        for path, settings in (
                ("mlp_cpu.json", []),
                ("mixture_cpu.json", []),
                ("mlp_cpu.json", ["--set", "jobs.0.submit=op_by_op", "--set", "jobs.0.steps=4"]),
                ("paper/pipeline_1.5b_m24_1f1b.json",
                 ["--set", "jobs.0.parameters.forward=1ms", "--set", "jobs.0.parameters.backward="
                  "1ms", "--set", "jobs.0.parameters.weight=1ms"])):
            with self.subTest(path):
                digests = {self.summary(program.CONFIGS / path, "--backend", backend,
                                        *settings)["digest"]
                           for backend in ("cpu", "cpu", "null")}
                self.assertEqual(len(digests), 1)


if __name__ == "__main__":
    program.main()
