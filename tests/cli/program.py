# SPDX-License-Identifier: Apache-2.0
"""What the tests of the program share: running it, and what must hold whenever it refuses.

    test_NAME.py --gangway build/release/app/gangway [what unittest takes]
"""
import ctypes
import functools
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
CONFIGS = ROOT / "configs"
SCENARIOS = sorted(p for p in CONFIGS.rglob("*.json")
                   if p.parent.name not in ("accelerators", "networks", "profiles", "reproduce")
                   and p.name != "scenario.schema.json")
TIMEOUT_S = 300
DATA_FILES = {"summary.json", "timing.json", "devices.csv", "utilization.csv", "gangs.csv",
              "shards.csv"}

LONG, SHORT = ("jobs.0.steps=50", "jobs.0.steps=60"), "jobs.0.steps=8"

GANGWAY = None
LIBC = ctypes.CDLL(None)


def is_sanitized():
    """Whether the program was built with a sanitizer: then it is slower, and larger."""
    return is_sanitized_file(GANGWAY)


@functools.cache
def is_sanitized_file(path):
    data = pathlib.Path(path).read_bytes()
    return b"__asan_init" in data or b"__tsan_init" in data


def shortened(settings):
    """Trainings of 50 steps or more, in 8 where a sanitizer looks on: what goes wrong with memory
    does so in the first steps.  That losses stay together, and fall, the plain build holds."""
    return [SHORT if setting in LONG and is_sanitized() else setting for setting in settings]


def environment(**changes):
    """This process's, with the configs to be found from anywhere; None takes a variable away."""
    made = dict(os.environ, GANGWAY_CONFIGS=str(CONFIGS), OPENBLAS_NUM_THREADS="1")
    made.pop("G_MESSAGES_DEBUG", None)
    for name, value in changes.items():
        if value is None:
            made.pop(name, None)
        else:
            made[name] = value
    return made


def used_cpu_s(pid):
    """What all threads of a process have used by now, to the nanosecond: /proc counts ticks."""
    clock = ctypes.c_int()
    error = LIBC.clock_getcpuclockid(pid, ctypes.byref(clock))
    if error != 0:
        raise OSError(error, os.strerror(error), str(pid))
    return time.clock_gettime(clock.value)


class Case(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="gangway-cli-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.out = self.folder / "out"

    def write(self, name, content):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, bytes):
            path.write_bytes(content)
        else:
            path.write_text(content if isinstance(content, str) else json.dumps(content))
        return path

    def run_program(self, *arguments, env=None, **options):
        """The finished process, with text in stdout and stderr; the program crashed in none."""
        options.setdefault("cwd", ROOT)
        options.setdefault("stdout", subprocess.PIPE)
        done = subprocess.run([GANGWAY, *map(str, arguments)], stdin=subprocess.DEVNULL,
                              stderr=subprocess.PIPE, text=True, timeout=TIMEOUT_S,
                              env=environment() if env is None else env, **options)
        self.check_sound(done.returncode, done.stderr)
        return done

    def check_fell(self, losses, share, steps=50):
        """The last of so many is less than this share of the first."""
        if not is_sanitized():
            self.assertEqual(len(losses), steps)
            self.assertLess(losses[-1], share * losses[0])

    def check_sound(self, code, errors):
        """No signal ended it, and nobody but the program itself speaks."""
        self.assertGreaterEqual(code, 0, f"ended by a signal\n{errors}")
        for mark in ("Sanitizer", "runtime error", "CRITICAL", "WARNING", "check failed",
                     "(null)", "invariant broken"):
            self.assertNotIn(mark, errors)

    def accept(self, *arguments, **options):
        done = self.run_program(*arguments, **options)
        self.assertEqual((done.returncode, done.stderr), (0, ""), arguments)
        return done

    def summary(self, *arguments, **options):
        return json.loads(self.accept("run", "--json", *arguments, **options).stdout)

    def refuse(self, code, parts, *arguments, **options):
        """One message on standard error, nothing on standard output."""
        done = self.run_program(*arguments, **options)
        self.assertEqual(done.returncode, code, done.stderr)
        self.assertFalse(done.stdout)
        self.check_message(done.stderr, parts, is_long=code == 3)
        return done.stderr

    def check_message(self, text, parts, is_long=False):
        self.assertRegex(text, r"\Agangway[a-z ]*: \S")
        self.assertTrue(text.endswith("\n"), repr(text))
        self.assertNotIn("\n\n", text)
        self.assertEqual(len(re.findall(r"^gangway", text, re.MULTILINE)), 1, text)
        if not is_long:
            self.assertEqual(text.count("\n"), 1, text)
        for part in parts:
            self.assertIn(part, text)

    def check_no_leftovers(self, folder):
        """No temporary file anywhere below: each is hidden while it grows."""
        if not folder.is_dir():
            return
        left = [str(p) for p in folder.rglob("*") if p.name.startswith(".") or ".tmp" in p.name]
        self.assertEqual(left, [])

    def files(self, folder):
        return {p.name: p.read_bytes() for p in sorted(folder.iterdir())}


def main():
    global GANGWAY
    if "--gangway" in sys.argv:
        at = sys.argv.index("--gangway")
        GANGWAY = str(pathlib.Path(sys.argv[at + 1]).resolve())
        del sys.argv[at:at + 2]
    else:
        GANGWAY = str(ROOT / "build/release/app/gangway")
    unittest.main(module="__main__", verbosity=1)
