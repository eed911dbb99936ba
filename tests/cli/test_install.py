#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What `cmake --install` leaves is whole by itself: the program and its data without the sources,
and headers with which a plugin is built and runs.

The installed program has the path of the sources written over, so it cannot find them.
"""
import json
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest

import program

BUILD = pathlib.Path(os.environ["GANGWAY_BUILD"])
HEADERS = ["base/check.h", "base/error.h", "base/params.h", "base/units.h",
           "controller/directory.h", "controller/dispatch_policy.h", "controller/placement.h",
           "controller/policy.h"]
# The kinds of plugins: the header of each, and its example's folder.
KINDS = {"dispatch": "dispatch_policy.h", "placement": "placement.h", "policy": "policy.h"}
# Declared in those headers, and not for plugins to find, each with its reason.
NOT_EXPORTED = {
    "gw_check_set_last_words": "the worlds'",
    "gw_directory_free": "the worlds'",
    "gw_directory_new": "the worlds'",
    "gw_dispatch_plugin": "a plugin's own",
    "gw_placement_plugin": "a plugin's own",
    "gw_policy_plugin": "a plugin's own",
}


def install(prefix, **environment):
    """Into `prefix`; None leaves where to the configuration (and DESTDIR)."""
    command = ["cmake", "--install", str(BUILD)]
    command += ["--prefix", str(prefix)] if prefix is not None else []
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL,
                   env=dict(os.environ, **environment))


def hide_sources(binary):
    """The program forgets where it was built from, as if the sources were gone."""
    sources = str(program.ROOT).encode()
    gone = sources[:-1] + (b"_" if sources[-1:] != b"_" else b"-")
    content = binary.read_bytes()
    if sources not in content or pathlib.Path(gone.decode()).exists():
        raise AssertionError(f"{binary}: cannot hide {sources.decode()}")
    binary.write_bytes(content.replace(sources, gone))


class Case(program.Case):
    @classmethod
    def setUpClass(cls):
        cls.base = pathlib.Path(tempfile.mkdtemp(prefix="gangway-install-")).resolve()
        cls.addClassCleanup(shutil.rmtree, cls.base, ignore_errors=True)
        cls.prefix = cls.base / "prefix"
        install(cls.prefix)
        cls.use(cls.prefix)
        hide_sources(cls.program)

    @classmethod
    def use(cls, prefix):
        cls.program = prefix / "bin/gangway"
        cls.data = prefix / "share/gangway"
        cls.addClassCleanup(setattr, program, "GANGWAY", program.GANGWAY)
        program.GANGWAY = str(cls.program)

    def bare(self, **changes):
        """No variable tells where anything is."""
        return program.environment(GANGWAY_CONFIGS=None, GANGWAY_PLOTS=None, **changes)

    def tool(self, *command, **options):
        """What a build tool prints; it must succeed."""
        env = self.bare(PKG_CONFIG_PATH=str(next(self.prefix.rglob("pkgconfig"))), LC_ALL="C")
        done = subprocess.run([str(c) for c in command], env=env, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, check=False, **options)
        self.assertEqual(done.returncode, 0, done.stdout)
        return done.stdout


class Program(Case):
    def test_quickstart_far_from_the_sources(self):
        file = self.data / "configs/quickstart.json"
        for backend in ("sim", "cpu"):
            out = self.folder / backend
            done = self.accept("run", file, "--backend", backend, "--out", out, "--plot",
                               cwd=self.folder, env=self.bare())
            self.assertIn("utilization.{svg,pdf,png}", done.stdout)
            for figure in ("timeline.svg", "utilization.pdf", "utilization.png"):
                self.assertGreater((out / figure).stat().st_size, 1000)

    def test_documents(self):
        folder = self.prefix / "share/doc/gangway"
        self.assertEqual({p.name for p in folder.iterdir()},
                         {"README.md", "LICENSE", "CHANGELOG.md", "PLUGINS.md"})

    def test_every_scenario_checks(self):
        files = [self.data / "configs" / p.relative_to(program.CONFIGS) for p in program.SCENARIOS]
        self.accept("check", *files, cwd="/", env=self.bare())

    def test_a_scenario_of_ones_own(self):
        file = self.write("mine.json", (self.data / "configs/quickstart.json").read_text())
        self.accept("run", file, cwd=self.folder, env=self.bare())
        self.assertIn("  a100\n", self.accept("list", "accelerators", cwd="/",
                                              env=self.bare()).stdout)
        self.assertIn("  timeline\n", self.accept("list", "figures", cwd="/",
                                                  env=self.bare()).stdout)

    def test_where_it_looks(self):
        file = self.write("mine.json", (self.data / "configs/quickstart.json").read_text())
        text = self.refuse(1, [f"{self.data}/configs/accelerators)"], "check", file, "--set",
                           "cluster.islands.0.accelerator=zzz", cwd=self.folder, env=self.bare())
        self.assertNotIn(str(program.ROOT), text)

    def test_through_a_link(self):
        link = self.folder / "g"
        link.symlink_to(self.program)
        done = subprocess.run([link, "list", "profiles"], env=self.bare(), cwd="/", text=True,
                              stdout=subprocess.PIPE, check=True)
        self.assertIn("pathways-2022", done.stdout)


class Moved(Case):
    """A folder that was renamed, and one under DESTDIR, work like the first."""

    def test_moved(self):
        moved = self.base / "elsewhere"
        self.prefix.rename(moved)
        self.addCleanup(moved.rename, self.prefix)
        self.addCleanup(self.use, self.prefix)
        self.use(moved)
        self.accept("run", moved / "share/gangway/configs/quickstart.json", cwd="/",
                    env=self.bare())

    def test_destdir(self):
        install(None, DESTDIR=str(self.folder))
        binary = next(self.folder.rglob("bin/gangway"))
        hide_sources(binary)
        self.use(binary.parents[1])
        self.addCleanup(self.use, self.prefix)
        self.assertIn("  tpu_v4\n", self.accept("list", "accelerators", cwd="/",
                                                env=self.bare()).stdout)


    @unittest.skipIf(shutil.which("dpkg-shlibdeps") is None, "no dpkg-dev to make packages with")
    def test_debian_package(self):
        self.tool("cpack", "--config", BUILD / "CPackConfig.cmake", "-B", self.folder)
        package = next(self.folder.glob("gangway_*.deb"))
        depends = self.tool("dpkg-deb", "--field", package, "Depends")
        self.assertIn("libglib2.0-0 (>= 2.", depends)
        self.tool("dpkg-deb", "--extract", package, self.folder / "root")
        usr = self.folder / "root/usr"
        self.assertTrue((usr / "lib/pkgconfig/gangway.pc").is_file())
        hide_sources(usr / "bin/gangway")
        self.use(usr)
        self.addCleanup(self.use, self.prefix)
        self.accept("run", usr / "share/gangway/configs/quickstart.json", cwd="/", env=self.bare())


class Plugins(Case):
    def test_headers_compile_alone(self):
        flags = self.tool("pkg-config", "--cflags", "gangway").split()
        for compiler in ("gcc", "clang"):
            if shutil.which(compiler) is None:
                continue
            for header in HEADERS:
                source = self.write("a.c", f"#include <{header}>\n")
                self.tool(compiler, "-std=c17", "-Wall", "-Wextra", "-Werror", "-fsyntax-only",
                          *flags, source, cwd=self.folder)

    def test_headers_are_those_that_are_named(self):
        folder = self.prefix / "include/gangway"
        found = sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())
        self.assertEqual(found, HEADERS)

    def test_package(self):
        version = self.accept("--version").stdout.split()[-1]
        self.assertEqual(self.tool("pkg-config", "--modversion", "gangway").strip(), version)
        values = {"bindir": str(self.prefix / "bin"), "datadir": str(self.data)}
        for kind, header in KINDS.items():
            text = (self.prefix / "include/gangway/controller" / header).read_text()
            abi = re.search(rf"(?m)^#define GW_{kind.upper()}_ABI (\d+)$", text)
            values[f"{kind}_abi"] = abi.group(1)
        for name, value in values.items():
            found = self.tool("pkg-config", f"--variable={name}", "gangway").strip()
            self.assertEqual(os.path.normpath(found), value)

    def test_the_program_exports_what_headers_declare(self):
        declared = set()
        for header in HEADERS:
            text = (self.prefix / "include/gangway" / header).read_text()
            text = re.sub(r"/\*.*?\*/", "", text, flags=re.S)
            text = re.sub(r"(?m)^#(?:.*\\\n)*.*$", "", text)
            declared |= set(re.findall(r"\b(gw_\w+)\s*\([^*]", text))
            declared |= set(re.findall(r"(?m)^extern\b[^;]*?\b(gw_\w+)(?:\[\])?;", text))
        self.assertGreater(len(declared), 40)
        self.assertLessEqual(set(NOT_EXPORTED), declared)
        listed = self.tool("nm", "--dynamic", "--defined-only", "--format=posix", self.program)
        exported = set(re.findall(r"(?m)^(gw_\w+) [A-Z] ", listed))
        self.assertEqual(exported, declared - set(NOT_EXPORTED))

    def copy_example(self, kind="policy"):
        folder = self.folder / kind
        shutil.copytree(self.data / "examples" / kind, folder)
        return folder

    def build_example(self, kind):
        """With one command; its scenario runs.  The scenario's path."""
        folder = self.copy_example(kind)
        self.tool("make", "CFLAGS=-O2 -Wall -Wextra -Werror", cwd=folder)
        file = folder / "scenario.json"
        for backend in ("sim", "null"):
            self.accept("run", file, "--backend", backend, cwd="/", env=self.bare())
        return file

    def test_the_placement_with_one_command(self):
        file = self.build_example("placement")
        own = self.job_steps(file)
        spread = self.job_steps(file, "--set", "control.placement=spread")
        # It does what it is for: the wide job finds four idle devices round the ring's end.
        self.assertLess(own["wide"] * 1.5, spread["wide"])
        self.assertLess(own["long.0"], spread["long.0"])
        self.assertIn("best-fit on sim: makespan", self.tool("make", "run", cwd=file.parent))
        for setting, part in (("otherwise=best", "/otherwise: found \"best\", expected a "),
                              ("otherwise=7", "/otherwise: found 7, expected a string"),
                              ("size=1", "/size: found an unknown key, expected one of")):
            self.refuse(1, ["/control/placement" + part], "check", file, "--set",
                        f"control.placement.{setting}", env=self.bare())

    def test_the_dispatch_with_one_command(self):
        file = self.build_example("dispatch")
        own = self.job_steps(file)
        # It does what it is for: eight racks are told sooner than 128 hosts.
        direct = self.job_steps(file, "--set", "control.dispatch=parallel")
        self.assertLess(own["chain"] * 3, direct["chain"])
        awaited = self.job_steps(file, "--set", "control.dispatch.await=127")
        self.assertLess(own["chain"] * 1.2, awaited["chain"])
        self.assertEqual(self.job_steps(file, "--set", "control.dispatch.await=128"), own)
        self.assertIn("by-rack on sim: makespan", self.tool("make", "run", cwd=file.parent))
        for setting, part in (("rack=0", "/rack: found 0, expected a whole number from 1"),
                              ("await=-1", "/await: found -1, expected a whole number from 0"),
                              ("racks=1", "/racks: found an unknown key, expected one of")):
            self.refuse(1, ["/control/dispatch" + part], "check", file, "--set",
                        f"control.dispatch.{setting}", env=self.bare())

    def test_the_example_with_one_command(self):
        file = self.build_example("policy")
        folder = file.parent
        own = self.job_steps(file)
        fifo = self.job_steps(file, "--set", "control.policy=fifo")
        # It does what it is for: short computations no longer wait for three long ones.
        self.assertLess(own["service"], fifo["service"] / 2)
        self.assertLess(own["batch.0"], fifo["batch.0"] * 1.1)
        text = self.tool("make", "run", cwd=folder)
        self.assertIn("two-levels on sim: makespan", text)

    def test_make_says_that_gangway_is_not_installed(self):
        """Neither target goes on without it: no compiler's errors, no program of no name."""
        for kind in KINDS:
            folder = self.copy_example(kind)
            for made in (False, True):
                if made:
                    self.tool("make", cwd=folder)
                done = subprocess.run(["make", "run"], cwd=folder, stdout=subprocess.PIPE,
                                      stderr=subprocess.STDOUT, text=True, check=False,
                                      env=self.bare(PKG_CONFIG_LIBDIR="/nowhere", LC_ALL="C"))
                with self.subTest(kind=kind, made=made):
                    self.assertEqual(done.returncode, 2, done.stdout)
                    self.assertIn("Package gangway was not found", done.stdout)
                    self.assertNotIn("error:", done.stdout)
                    self.assertNotIn("/gangway", done.stdout)

    def job_steps(self, *arguments):
        done = self.accept("run", "--json", *arguments, cwd="/", env=self.bare())
        return {job["name"]: job["step_time_ns"] for job in json.loads(done.stdout)["jobs"]}

    def test_the_examples_parameters(self):
        folder = self.copy_example()
        self.tool("make", cwd=folder)
        for setting, part in (("patience=0", "/patience: found 0, expected a whole number from 1"),
                              ("short=soon", "/short: found \"soon\", expected a span"),
                              ("shrt=1", "/shrt: found an unknown key, expected one of")):
            self.refuse(1, ["/control/policy" + part], "check", folder / "scenario.json", "--set",
                        f"control.policy.{setting}", env=self.bare())

    def test_patience_keeps_the_long_ones_going(self):
        folder = self.copy_example()
        self.tool("make", cwd=folder)
        often = self.job_steps(folder / "scenario.json", "--set", "control.policy.patience=1")
        seldom = self.job_steps(folder / "scenario.json", "--set", "control.policy.patience=1000")
        self.assertLess(seldom["service"], often["service"])


if __name__ == "__main__":
    program.main()
