#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Ctrl-C in the middle of a long run, and the line that tells how far it is.

How long the program takes to end is measured in its own CPU time, so that a loaded machine does
not count against it; the wall clock only has to see it end."""
import os
import pty
import re
import resource
import select
import shutil
import signal
import subprocess
import time

import program
import test_validate

QUICKSTART = program.CONFIGS / "quickstart.json"
BENCH = program.CONFIGS / "bench_sim.json"
FOREVER = ("--set", "jobs.steps=100000000")
BACKENDS = ("sim", "cpu", "null")
END_CPU_S = 2
END_WALL_S = 60


def children_cpu_s():
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


class Interrupt(program.Case):
    def start(self, *arguments):
        process = subprocess.Popen(
            [program.GANGWAY, "run", *map(str, arguments)], stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env=program.environment(), cwd=program.ROOT, start_new_session=True)
        self.addCleanup(self.end, process)
        return process

    def end(self, process):
        if process.poll() is None:
            process.kill()
        process.communicate()

    def wait_until_busy(self, process):
        """Until it has used some CPU: then it runs, whatever the machine does besides."""
        deadline = time.monotonic() + END_WALL_S
        while program.used_cpu_s(process.pid) < 0.3:
            self.assertIsNone(process.poll(), "it ended by itself")
            self.assertLess(time.monotonic(), deadline, "it does nothing")
            time.sleep(0.02)

    def interrupt(self, process, number=signal.SIGINT):
        before_s = program.used_cpu_s(process.pid)
        children_s = children_cpu_s()
        process.send_signal(number)
        printed, errors = process.communicate(timeout=END_WALL_S)
        self.check_sound(process.returncode, errors)
        self.assertEqual((process.returncode, printed), (130, ""), errors)
        self.check_message(errors, ["interrupted"])
        self.assertLess(children_cpu_s() - children_s - before_s, END_CPU_S)
        with self.assertRaises(ProcessLookupError):
            os.killpg(process.pid, 0)

    def test_without_outputs(self):
        for backend in BACKENDS:
            for number in (signal.SIGINT, signal.SIGTERM):
                with self.subTest(backend, number=number):
                    process = self.start(QUICKSTART, "--backend", backend, *FOREVER)
                    self.wait_until_busy(process)
                    self.interrupt(process, number)

    def test_leaves_no_outputs(self):
        for backend in BACKENDS:
            with self.subTest(backend):
                folder = self.out / backend
                drawn = [] if backend == "null" else ["--plot"]  # It has no time to draw.
                process = self.start(QUICKSTART, "--backend", backend, "--out", folder, "--trace",
                                     *drawn, *FOREVER)
                self.wait_until_busy(process)
                self.interrupt(process)
                self.assertEqual(list(folder.iterdir()), [])

    def test_leaves_older_outputs(self):
        for backend in BACKENDS:
            with self.subTest(backend):
                folder = self.out / backend
                self.accept("run", QUICKSTART, "--backend", backend, "--out", folder,
                            "--set", "outputs.plot=false")
                before = self.files(folder)
                process = self.start(QUICKSTART, "--backend", backend, "--out", folder, *FOREVER)
                self.wait_until_busy(process)
                self.interrupt(process)
                self.assertEqual(self.files(folder), before)

    def test_json_prints_nothing(self):
        process = self.start(BENCH, "--json", *FOREVER)
        self.wait_until_busy(process)
        self.interrupt(process)

    def test_many_threads(self):
        """All 64 devices' threads end too."""
        island = ('cluster.islands=[{"hosts":8,"devices_per_host":8,"accelerator":"cpu"}]')
        process = self.start(BENCH, "--backend", "cpu", "--set", island, *FOREVER)
        self.wait_until_busy(process)
        self.assertGreater(len(os.listdir(f"/proc/{process.pid}/task")), 64)
        self.interrupt(process)

    def test_a_second_signal_ends_it_at_once(self):
        process = self.start(QUICKSTART, *FOREVER)
        self.wait_until_busy(process)
        process.send_signal(signal.SIGSTOP)
        process.send_signal(signal.SIGINT)
        process.send_signal(signal.SIGTERM)
        process.send_signal(signal.SIGCONT)
        process.communicate(timeout=END_WALL_S)
        self.assertIn(process.returncode, (130, -signal.SIGINT, -signal.SIGTERM))


    def test_a_file_that_vanishes(self):
        """Long before the run would end by itself: what it writes is gone from its folder, and it
        names one of the files that it misses, whichever it comes to first."""
        for backend in BACKENDS:
            with self.subTest(backend):
                process = self.start(QUICKSTART, "--backend", backend, "--out", self.out, *FOREVER)
                self.wait_until_busy(process)
                written = [name[1:].rsplit(".", 2)[0] for name in os.listdir(self.out)]
                shutil.rmtree(self.out)
                printed, errors = process.communicate(timeout=END_WALL_S)
                self.check_sound(process.returncode, errors)
                self.assertEqual((process.returncode, printed), (5, ""), errors)
                self.check_message(errors, ["cannot write"])
                self.assertTrue(any(f'"{self.out / name}"' in errors for name in written), errors)
                self.assertFalse(self.out.exists())


class Drawing(program.Case):
    """gnuplot, here one that never ends, gets a terminal's Ctrl-C as well."""

    def interrupt(self, *arguments, prints=False):
        gnuplot = self.write("bin/gnuplot",
                             f"#!/bin/sh\ntouch {self.folder}/draws\nexec sleep 600\n")
        gnuplot.chmod(0o755)
        process = subprocess.Popen(
            [program.GANGWAY, *map(str, arguments)], stdin=subprocess.DEVNULL, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=program.ROOT,
            env=program.environment(PATH=f"{gnuplot.parent}:/usr/bin:/bin"),
            start_new_session=True)
        deadline = time.monotonic() + END_WALL_S
        while not (self.folder / "draws").exists():
            self.assertIsNone(process.poll(), "it ended by itself")
            self.assertLess(time.monotonic(), deadline, "it does not draw")
            time.sleep(0.02)
        os.killpg(process.pid, signal.SIGINT)
        printed, errors = process.communicate(timeout=END_WALL_S)
        self.check_sound(process.returncode, errors)
        self.assertEqual((process.returncode, printed != ""), (130, prints), errors)
        self.check_message(errors, ["interrupted"])
        self.check_no_leftovers(self.out)
        return printed

    def test_plot(self):
        self.accept("run", QUICKSTART, "--out", self.out, "--set", "outputs.plot=false")
        before = self.files(self.out)
        self.interrupt("plot", self.out, "--figure", "utilization")
        after = self.files(self.out)
        after.pop("utilization_layers.csv")
        self.assertEqual(after, before)

    def test_run(self):
        self.interrupt("run", QUICKSTART, "--out", self.out, "--plot")
        self.assertLessEqual(program.DATA_FILES, set(self.files(self.out)))

    def test_validate(self):
        """Figures come last: all tables are there, and told."""
        path = self.write("chain.json", test_validate.make_scenario("chain"))
        machine = self.write("machine.json", test_validate.make_machine())
        printed = self.interrupt("validate", path, "--machine", machine, "--repeat", "1", "--out",
                                 self.out, "--plot", prints=True)
        self.assertIn(f"tables: {self.out}/validate.{{csv,json}}", printed)
        self.assertNotIn("figures: ", printed)
        self.assertLessEqual({"validate.csv", "validate.json", "phases.csv", "rounds"},
                             set(os.listdir(self.out)))


class Progress(program.Case):
    def setUp(self):
        super().setUp()
        # Of sixteen jobs; long enough for more than one line, several times slower or not.
        self.steps = 30 if program.is_sanitized() else 150
        self.arguments = (BENCH, "--set", f"jobs.0.steps={self.steps}")

    def run_on_terminal(self, *arguments, env=None):
        """What a terminal behind standard error has seen, and standard output."""
        ours, theirs = pty.openpty()
        process = subprocess.Popen(
            [program.GANGWAY, "run", *map(str, arguments)], stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=theirs, cwd=program.ROOT,
            env=program.environment(TERM="xterm") if env is None else env)
        os.close(theirs)
        seen, printed = b"", b""
        sources = {ours: "terminal", process.stdout.fileno(): "output"}
        while sources:
            for source in select.select(list(sources), [], [])[0]:
                try:
                    data = os.read(source, 65536)
                except OSError:  # The other end of a terminal is gone.
                    data = b""
                if not data:
                    del sources[source]
                elif source == ours:
                    seen += data
                else:
                    printed += data
        os.close(ours)
        process.stdout.close()
        self.assertEqual(process.wait(timeout=END_WALL_S), 0, seen)
        return seen.decode(), printed.decode()

    def test_on_a_terminal(self):
        seen, printed = self.run_on_terminal(*self.arguments)
        lines = [line for line in seen.split("\r\x1b[K") if line]
        self.assertGreater(len(lines), 1, repr(seen))
        for line in lines:
            self.assertRegex(line, rf"\A\d+/{16 * self.steps} steps, \d+\.\d\d M events/s"
                                   r"(, \d+ s left)?\Z")
        done = [int(line.split("/")[0]) for line in lines]
        self.assertEqual(done, sorted(done))
        self.assertLessEqual(done[-1], 16 * self.steps)
        self.assertTrue(any("s left" in line for line in lines))
        self.assertTrue(seen.endswith("\r\x1b[K"), "the line is still there")
        self.assertNotIn("\n", seen)
        self.assertNotIn("steps,\x1b", printed)
        self.assertEqual(printed, self.accept("run", *self.arguments).stdout)

    def test_json_is_not_disturbed(self):
        seen, printed = self.run_on_terminal(*self.arguments, "--json")
        self.assertIn(f"/{16 * self.steps} steps", seen)
        self.assertEqual(printed, self.accept("run", *self.arguments, "--json").stdout)

    def test_on_a_pipe(self):
        self.accept("run", *self.arguments, env=program.environment(TERM="xterm"))

    def test_quiet(self):
        for word in ("--quiet", "-q"):
            self.assertEqual(self.run_on_terminal(*self.arguments, word)[0], "")

    def test_terminals_that_cannot(self):
        for terminal in ("dumb", None):
            env = program.environment(TERM=terminal)
            self.assertEqual(self.run_on_terminal(*self.arguments, env=env)[0], "")

    def test_mistakes_are_clear_of_it(self):
        ours, theirs = pty.openpty()
        done = subprocess.run([program.GANGWAY, "run", "absent.json"], stderr=theirs,
                              stdout=subprocess.PIPE, env=program.environment(TERM="xterm"),
                              check=False, timeout=END_WALL_S)
        os.close(theirs)
        self.assertEqual((done.returncode, done.stdout), (1, b""))
        text = os.read(ours, 4096).decode()
        os.close(ours)
        self.assertTrue(re.fullmatch(r"gangway: absent\.json: [^\x1b]+\r\n", text), repr(text))


if __name__ == "__main__":
    program.main()
