# SPDX-License-Identifier: Apache-2.0
"""Running the program under mpirun: finding it, and what each rank did in the end.

Each rank is the child of a shell of its own that ignores the launcher's signals and writes down
how it ended, since mpirun itself tells of one rank only."""
import contextlib
import os
import pathlib
import shutil
import signal
import subprocess
import time

import program

END_S = 30  # mpirun itself, after the last rank.
LOST_S = 10  # A rank that is lost ends the others within so long.
LAUNCHER = shutil.which("mpirun")
# One machine: shared memory only; more ranks than cores; as whoever runs the tests.
MPIRUN = [LAUNCHER, "--allow-run-as-root", "--oversubscribe", "--mca", "btl", "self,vader"]
# The launcher leaves the others alone when one has died.
RECOVERY = ["--enable-recovery"]
# It ends them as it does by default, and gives them some seconds more between SIGTERM and SIGKILL.
PATIENCE = ["--mca", "odls_base_sigkill_timeout", "3"]
# PMIx 4.2, in mpirun, frees what it knows of a rank that ends while it is answered as it joins, and
# looks at that again in the very end, where mpirun may wait for ever (docs/CLUSTER.md).  It has
# named this file in an error by then, and only then may it stay, so long.
LAUNCHER_FAULT = "ptl_base_connection_hdlr.c"
LAUNCHER_S = 5
RECORDER = ('trap : TERM INT; "$0" "$@" & echo $! >"$RECORDS/pid.$OMPI_COMM_WORLD_RANK"; '
            'while wait $!; code=$?; kill -0 $! 2>/dev/null; do :; done; '
            'echo $code >"$RECORDS/code.$OMPI_COMM_WORLD_RANK"; exit $code')


def is_built():
    """Whether the program knows MPI."""
    needed = subprocess.run(["ldd", program.GANGWAY], capture_output=True, text=True, check=False)
    return "libmpi" in needed.stdout


def environment(**changes):
    """Without a search for leaks: Open MPI unloads the parts of it that leak, so that none can be
    named as an exception.  What ranks do is searched over a link between threads (test_rank_run).
    """
    return program.environment(ASAN_OPTIONS="detect_leaks=0", **changes)


class Case(program.Case):
    def mpirun(self, count, *arguments, options=(), **more):
        """The finished mpirun, of `count` ranks that run the program."""
        done = subprocess.run(
            [*MPIRUN, *options, "-n", str(count), program.GANGWAY, *map(str, arguments)],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, cwd=program.ROOT,
            timeout=program.TIMEOUT_S, check=False, env=environment(), **more)
        self.check_sound(done.returncode, done.stderr)
        return done

    def start(self, count, *arguments, options=(), limits=""):
        """A running mpirun whose ranks write down their ends; `limits`: a shell's words first."""
        with open(self.folder / "errors", "wb") as errors:
            process = subprocess.Popen(
                [*MPIRUN, *options, "-n", str(count), "sh", "-c", limits + RECORDER,
                 program.GANGWAY, *map(str, arguments)], stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL, stderr=errors, cwd=program.ROOT,
                start_new_session=True, env=environment(RECORDS=str(self.folder)))
        self.addCleanup(self.end, process)
        return process

    def left(self, process):
        """Who runs of all that the launcher has started, and itself: they share its session."""
        pids = []
        for path in pathlib.Path("/proc").glob("[0-9]*/stat"):
            try:
                state, _, _, session = path.read_text().rsplit(")", 1)[1].split()[:4]
            except OSError:
                continue
            if int(session) == process.pid and state not in "ZX":
                pids.append(int(path.parent.name))
        return pids

    def end(self, process):
        """Whatever is left of it, after a test that has failed or did not wait for it."""
        for pid in self.left(process):
            os.kill(pid, signal.SIGKILL)
        process.wait()

    def finish(self, process):
        """What was said, when the launcher has ended, and nobody stays behind."""
        end_s = time.monotonic() + END_S
        while process.poll() is None and time.monotonic() < end_s:
            if LAUNCHER_FAULT in self.read("errors"):
                end_s = min(end_s, time.monotonic() + LAUNCHER_S)
            time.sleep(0.02)
        errors = self.read("errors")
        if process.poll() is None:
            self.assertIn(LAUNCHER_FAULT, errors, "the launcher does not end")
            self.assertEqual(self.left(process), [process.pid])
            process.kill()
            process.wait()
        self.await_true(lambda: not self.left(process), LOST_S)
        return errors

    def await_true(self, what, limit_s):
        end_s = time.monotonic() + limit_s
        while not what():
            self.assertLess(time.monotonic(), end_s, "it never happens")
            time.sleep(0.02)

    def read(self, name):
        path = pathlib.Path(self.folder / name)
        return path.read_text().strip() if path.exists() else ""

    def pid(self, rank):
        self.await_true(lambda: self.read(f"pid.{rank}") != "", 30)
        return int(self.read(f"pid.{rank}"))

    def has_ended(self, rank):
        return self.read(f"code.{rank}") != ""

    def make_end(self, rank):
        """One that was stopped; the launcher may have been faster."""
        if not self.has_ended(rank):
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid(rank), signal.SIGKILL)

    def code(self, rank, limit_s):
        """How the rank ended; within so long from now."""
        self.await_true(lambda: self.has_ended(rank), limit_s)
        return int(self.read(f"code.{rank}"))
