#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Several processes: `mpirun -n N gangway run --backend mpi` decides and computes what threads do,
value by value; a rank that is lost ends all others, in time, with its name."""
import json
import os
import pathlib
import shutil
import signal
import subprocess
import time

import program
import ranks

MLP = program.CONFIGS / "mlp_cpu.json"
SCENARIOS = program.ROOT / "tests" / "scenario"
ONE_DEVICE_EACH = ["--set", "cluster.islands.0.hosts=4",
                   "--set", "cluster.islands.0.devices_per_host=1"]
FOREVER = ["--set", "jobs.0.steps=100000000"]
IDLE_SHARE = 0.05  # Of a core: what a rank with nothing to do may use; 0.03 by itself.


def busy_s():
    """Of CPU time: so much a rank has used that runs."""
    return 1.0 if program.is_sanitized() else 0.15


def maps_of(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/maps").read_bytes()
    except OSError:
        return b""


def has_come(pid):
    """Whether the rank has the socket by which its neighbours find it."""
    try:
        sockets = {os.readlink(path) for path in pathlib.Path(f"/proc/{pid}/fd").iterdir()}
    except OSError:
        return False
    known = (line.split() for line in pathlib.Path("/proc/net/unix").read_text().splitlines())
    return any(f"socket:[{fields[6]}]" in sockets for fields in known
               if fields[-1].startswith("@gangway-"))


def once(test):
    """What a sanitizer sees nothing new of is left to the plain build: mpirun takes its time."""
    def run(self):
        if program.is_sanitized():
            self.skipTest("the plain build does it")
        test(self)
    run.__doc__ = test.__doc__
    return run


class Absent(program.Case):
    def test_says_so(self):
        if ranks.is_built():
            self.skipTest("this build has MPI")
        for words in (["run", MLP], ["calibrate"]):
            self.refuse(2, ["--backend mpi", "this build has no MPI"], *words, "--backend", "mpi")


class Mpi(ranks.Case):
    def setUp(self):
        super().setUp()
        if ranks.LAUNCHER is None or not ranks.is_built():
            self.skipTest("no MPI: install openmpi-bin and libopenmpi-dev, and build anew")

    def summaries(self, count, scenario, *arguments):
        """What threads and what ranks say of the same."""
        done = self.mpirun(count, "run", scenario, "--json", "--backend", "mpi", *arguments)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return (self.summary(scenario, "--backend", "cpu", *arguments), json.loads(done.stdout))

    def check_same(self, count, scenario, *arguments, has_one_order=True):
        threads, mpi = self.summaries(count, scenario, *arguments)
        self.assertEqual(threads.keys(), mpi.keys())
        if has_one_order:
            self.assertEqual(mpi["digest"], threads["digest"])
        for ours, theirs in zip(mpi["jobs"], threads["jobs"]):
            self.assertEqual(ours.keys(), theirs.keys())
            self.assertEqual(ours.get("results"), theirs.get("results"))
            self.assertEqual(ours["steps"], theirs["steps"])

    def test_trains_as_threads_do(self):
        for count, settings in ((2, []), (4, ONE_DEVICE_EACH),
                                (2, ["--set", "jobs.submit=op_by_op"]),
                                (2, ["--set", "control.policy=none"]),
                                (2, ["--set", "control.system=multi_controller"])):
            with self.subTest(settings):
                self.check_same(count, MLP, *settings)

    def test_other_programs(self):
        self.check_same(2, program.CONFIGS / "transformer_cpu.json")
        self.check_same(3, program.CONFIGS / "mixture_cpu.json")
        self.check_same(3, SCENARIOS / "exchange.json")
        self.check_same(2, SCENARIOS / "two_islands.json")
        self.check_same(2, SCENARIOS / "crossing_islands.json", has_one_order=False)

    def test_rank_0_writes_of_all(self):
        done = self.mpirun(2, "run", MLP, "--backend", "mpi", "--out", self.out, "--trace")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertEqual(done.stdout.count("mlp_cpu on mpi: makespan"), 1)
        names = set(self.files(self.out))
        self.assertLessEqual(program.DATA_FILES | {"trace.json.gz"}, names)
        self.check_no_leftovers(self.out)
        devices = {row.split(",")[0] for row
                   in (self.out / "devices.csv").read_text().splitlines()[1:]}
        self.assertEqual(len(devices), 4)

    @once
    def test_mistakes(self):
        """Each is said once, by rank 0, and no rank waits for another."""
        gone = self.folder / "gone.json"
        for code, parts, scenario, more in (
                (1, [str(gone)], gone, []),
                (2, ["found 2 ranks for 3 hosts", "mpirun -n 3"], MLP,
                 ["--set", "cluster.islands.0.hosts=3"]),
                (1, ["jobs.0.parameters.batch"], MLP, ["--set", "jobs.0.parameters.batch=0"]),
                (5, ["/proc/nowhere"], MLP, ["--out", "/proc/nowhere"])):
            with self.subTest(parts):
                done = self.mpirun(2, "run", scenario, "--backend", "mpi", *more)
                self.assertEqual(done.returncode, code, done.stderr)
                self.assertEqual(done.stdout.strip(), "")
                ours = [x for x in done.stderr.splitlines() if x.startswith("gangway")]
                self.assertEqual(len(ours), 1, done.stderr)
                for part in parts:
                    self.assertIn(part, ours[0])

    def test_a_stall_is_told_by_all(self):
        """Of a policy that picks nothing: rank 0 says what its own nodes wait for, and others'."""
        never = pathlib.Path(os.environ["GANGWAY_PLUGINS"]) / "never.so"
        done = self.mpirun(2, "run", MLP, "--backend", "mpi", "--set", f"control.policy={never}")
        self.assertEqual(done.returncode, 3, done.stderr)
        self.assertIn("mlp_cpu.json: nothing is left to happen, and 1 of 1 jobs are not done",
                      done.stderr)
        self.assertIn("is offered to policy never and not picked", done.stderr)
        self.assertEqual(done.stderr.count("gangway: "), 1)

    def test_a_nan_ends_all(self):
        """On whichever rank it comes first; threads end the same way."""
        diverging = ["--set", "jobs.0.parameters.learning_rate=1000", "--set", "jobs.0.steps=5000"]
        words = r"device \d: job mlp, node \S+, run \d+: element \d+ of output \d+ is no number"
        process = self.start(2, "run", MLP, "--backend", "mpi", "--check-nan", "--out", self.out,
                             *diverging, options=ranks.RECOVERY)
        self.assertEqual([self.code(rank, ranks.LOST_S) for rank in range(2)], [5, 5])
        errors = self.finish(process)
        self.assertRegex(errors, r"gangway: (rank 1: )?" + words)
        self.assertEqual(errors.count("gangway: "), 1, errors)
        self.assertEqual(list(self.out.iterdir()), [])
        text = self.refuse(5, ["is no number (NaN)"], "run", MLP, "--backend", "cpu",
                           "--check-nan", *diverging)
        self.assertRegex(text, words)
        self.accept("run", MLP, "--backend", "cpu", *diverging)
        self.accept("run", MLP, "--backend", "cpu", "--check-nan")
        self.refuse(2, ["--check-nan", "--backend cpu or mpi"], "run", MLP, "--check-nan")

    def lose(self, victim, number, options):
        """How long the others took to end, and what was said."""
        process = self.start(4, "run", MLP, "--backend", "mpi", "--out", self.out,
                             *ONE_DEVICE_EACH, *FOREVER, options=options)
        self.await_true(lambda: any(p.stat().st_size > 0 for p in self.out.glob(".shards.csv.*")),
                        60)  # Rank 0 has heard of work from all.
        time.sleep(0.6)  # Each has told what it is at.
        os.kill(self.pid(victim), number)
        lost_s = time.monotonic()
        others = [rank for rank in range(4) if rank != victim]
        codes = {rank: self.code(rank, ranks.LOST_S) for rank in others}
        took_s = time.monotonic() - lost_s
        self.make_end(victim)
        errors = self.finish(process)
        self.check_sound(0, errors)
        self.assertEqual(codes, dict.fromkeys(others, 5), errors)
        self.assertIn(f"gangway: rank {victim} (host {victim}) is lost", errors)
        self.assertRegex(errors, r"it was (at|after|waiting for the inputs of) job mlp, node \S+, "
                                 r"run \d+, on")
        if self.out.is_dir():
            self.assertEqual([p for p in self.out.iterdir() if not p.name.startswith(".")], [])
        return took_s

    def test_a_rank_is_killed(self):
        for victim, options in ((2, ranks.PATIENCE), (0, ranks.RECOVERY)):
            with self.subTest(victim=victim, options=options):
                self.lose(victim, signal.SIGKILL, options)
            for path in self.folder.glob("*.[0-9]"):
                path.unlink()

    @once
    def test_a_rank_is_silent(self):
        """Its process is there, and says nothing."""
        self.lose(3, signal.SIGSTOP, ranks.RECOVERY)

    @once
    def test_a_rank_is_lost_before_the_run(self):
        """While all wait in MPI_Init, which tells nothing: by its neighbours."""
        for number, words in ((signal.SIGKILL, r"(its process has ended|it has not come for \d)"),
                              (signal.SIGSTOP, r"(silent for|it has not come for) \d")):
            with self.subTest(number=number):
                process = self.start(4, "run", MLP, "--backend", "mpi", *ONE_DEVICE_EACH, *FOREVER,
                                     options=ranks.PATIENCE)
                self.await_true(lambda: b"libopen-pal" in maps_of(self.pid(2)), 30)
                os.kill(self.pid(2), number)
                for rank in (0, 1, 3):  # Who comes late cannot know before it comes.
                    self.await_true(lambda r=rank: self.has_ended(r) or has_come(self.pid(r)), 30)
                codes = [self.code(rank, ranks.LOST_S) for rank in (0, 1, 3)]
                self.make_end(2)
                errors = self.finish(process)
                self.assertEqual(codes, [5, 5, 5], errors)
                self.assertRegex(errors, r"gangway: rank 2 (\(host 2\) is lost: " + words +
                                         "|has (ended|stopped) before the run began)")
            for path in self.folder.glob("*.[0-9]"):
                path.unlink()

    @once
    def test_the_launcher_stands_still(self):
        """While ranks join, and one of them dies: who waits for its answer leaves without it."""
        process = self.start(4, "run", MLP, "--backend", "mpi", *ONE_DEVICE_EACH, *FOREVER,
                             options=ranks.PATIENCE, limits=
                             'exec 2>>"$RECORDS/said"; : >"$RECORDS/here.$OMPI_COMM_WORLD_RANK"; '
                             'while [ ! -e "$RECORDS/go" ]; do sleep 0.05; done; ')
        self.await_true(lambda: len(list(self.folder.glob("here.*"))) == 4, 30)
        os.kill(process.pid, signal.SIGSTOP)
        (self.folder / "go").touch()
        for rank in range(4):
            self.await_true(lambda r=rank: has_come(self.pid(r)), 30)
        time.sleep(0.6)  # Each has told that it is there.
        os.kill(self.pid(2), signal.SIGKILL)
        codes = [self.code(rank, ranks.LOST_S) for rank in (0, 1, 3)]
        os.kill(process.pid, signal.SIGCONT)
        self.finish(process)
        said = self.read("said")
        self.assertEqual(codes, [5, 5, 5], said)
        self.assertRegex(said, r"gangway: rank 2 \(host 2\) is lost: (its process has ended|"
                               r"it has not come for \d\S* s); it was (joining MPI|about to begin)")

    @once
    def test_no_room_for_products(self):
        """A rank that has no addresses for OpenBLAS, which would ask for ever."""
        process = self.start(2, "run", MLP, "--backend", "mpi", "--out", self.out, *FOREVER,
                             limits='[ "$OMPI_COMM_WORLD_RANK" = 0 ] || ulimit -v 500000; ')
        self.assertEqual([self.code(rank, 60) for rank in range(2)], [5, 5])
        errors = self.finish(process)
        self.assertRegex(errors, r"gangway: rank 1: device \d: job mlp, node \S+, run 0: "
                                 r"no addresses for OpenBLAS")

    @once
    def test_older_outputs_stay_whole(self):
        self.mpirun(2, "run", MLP, "--backend", "mpi", "--out", self.out)
        before = self.files(self.out)
        process = self.start(2, "run", MLP, "--backend", "mpi", "--out", self.out, *FOREVER,
                             options=ranks.RECOVERY)
        self.await_true(lambda: program.used_cpu_s(self.pid(1)) > busy_s(), 60)
        os.kill(self.pid(1), signal.SIGKILL)
        self.assertEqual(self.code(0, ranks.LOST_S), 5)
        self.finish(process)
        after = {name: data for name, data in self.files(self.out).items()
                 if not name.startswith(".")}
        self.assertEqual(after, before)

    @once
    def test_a_file_vanishes(self):
        process = self.start(2, "run", MLP, "--backend", "mpi", "--out", self.out, *FOREVER)
        for rank in range(2):
            self.await_true(lambda r=rank: program.used_cpu_s(self.pid(r)) > busy_s(), 60)
        shutil.rmtree(self.out)
        self.assertEqual([self.code(rank, ranks.LOST_S) for rank in range(2)], [5, 5])
        errors = self.finish(process)
        self.assertEqual(errors.count("gangway: rank 0 (host 0), which records the run: cannot "
                                      "write"), 1, errors)

    def test_ctrl_c(self):
        process = self.start(2, "run", MLP, "--backend", "mpi", "--out", self.out, *FOREVER)
        for rank in range(2):
            self.await_true(lambda r=rank: program.used_cpu_s(self.pid(r)) > busy_s(), 60)
        os.kill(self.pid(0), signal.SIGINT)
        self.assertEqual([self.code(rank, ranks.LOST_S) for rank in range(2)], [130, 130])
        errors = self.finish(process)
        self.assertEqual(errors.count("gangway: interrupted"), 1, errors)
        self.assertEqual(list(self.out.iterdir()), [])

    @once
    def test_ctrl_c_to_the_launcher(self):
        """It ends all, and MPI's own farewell with it: ranks leave without, and nothing stays."""
        process = self.start(2, "run", MLP, "--backend", "mpi", "--out", self.out, *FOREVER,
                             options=ranks.PATIENCE)
        for rank in range(2):
            self.await_true(lambda r=rank: program.used_cpu_s(self.pid(r)) > busy_s(), 60)
        process.send_signal(signal.SIGINT)
        self.assertEqual([self.code(rank, ranks.LOST_S) for rank in range(2)], [130, 130])
        errors = self.finish(process)
        self.assertIn("interrupted", errors)
        self.assertEqual(list(self.out.iterdir()), [])

    @once
    def test_another_build_is_refused(self):
        """One byte more at its end: the program of rank 1 is another one, and does the same."""
        other = self.folder / "gangway"
        other.write_bytes(pathlib.Path(program.GANGWAY).read_bytes() + b"\n")
        other.chmod(0o755)
        words = ["run", str(MLP), "--backend", "mpi"]
        done = subprocess.run([*ranks.MPIRUN, "-n", "1", program.GANGWAY, *words, ":", "-n", "1",
                               str(other), *words], capture_output=True, text=True, check=False,
                              timeout=program.TIMEOUT_S, env=ranks.environment())
        self.assertEqual(done.returncode, 5, done.stderr)
        self.assertIn("gangway: rank 1: found another scenario, setting or build of gangway, "
                      "expected rank 0's", done.stderr)

    @once
    def test_who_waits_sleeps(self):
        """A rank that waits for another one's long work uses next to nothing of a core.  Whatever
        else the machine does can only make its looks at the link dearer: one second of twenty in
        which no rank uses more is enough."""
        self.start(2, "run", SCENARIOS / "one_gang.json", "--backend", "mpi",
                   "--set", "jobs.0.parameters.duration=60s",  # Cut when the test ends.
                   "--set", "jobs.0.parameters.devices=2")
        pids = [self.pid(rank) for rank in range(2)]
        time.sleep(1)
        shares = [1]
        while min(shares) >= IDLE_SHARE and len(shares) < 20:
            start_s, before = time.monotonic(), [program.used_cpu_s(pid) for pid in pids]
            time.sleep(1)
            used = [program.used_cpu_s(pid) - was for pid, was in zip(pids, before)]
            shares.append(max(used) / (time.monotonic() - start_s))
        self.assertLess(min(shares), IDLE_SHARE, shares)


class Calibrate(ranks.Case):
    """What is measured between ranks is in test_calibrate.py; here, what goes wrong."""

    def setUp(self):
        super().setUp()
        if ranks.LAUNCHER is None or not ranks.is_built():
            self.skipTest("no MPI: install openmpi-bin and libopenmpi-dev, and build anew")
        self.path = self.folder / "machine.json"

    @once
    def test_one_rank_alone(self):
        done = self.mpirun(1, "calibrate", "--quick", "--backend", "mpi", "--out", self.path)
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertIn("gangway: found 1 rank, expected 2 to 64: mpirun -n 2 gangway calibrate",
                      done.stderr)
        self.assertFalse(self.path.exists())

    @once
    def test_a_rank_dies(self):
        process = self.start(2, "calibrate", "--backend", "mpi", "--out", self.path,
                             options=ranks.RECOVERY)
        self.await_true(lambda: program.used_cpu_s(self.pid(1)) > busy_s(), 60)
        os.kill(self.pid(1), signal.SIGKILL)
        self.assertEqual(self.code(0, ranks.LOST_S), 5)
        errors = self.finish(process)
        self.assertIn("between 2 ranks was measured: rank 1 (host 1) is lost: its process has "
                      "ended", errors)
        self.assertFalse(self.path.exists())

    @once
    def test_ctrl_c(self):
        process = self.start(2, "calibrate", "--backend", "mpi", "--out", self.path)
        self.await_true(lambda: program.used_cpu_s(self.pid(1)) > busy_s(), 60)
        os.kill(self.pid(0), signal.SIGINT)
        self.assertEqual([self.code(rank, ranks.LOST_S) for rank in range(2)], [130, 130])
        errors = self.finish(process)
        self.assertEqual(errors.count("gangway: interrupted"), 1, errors)
        self.assertFalse(self.path.exists())


if __name__ == "__main__":
    program.main()
