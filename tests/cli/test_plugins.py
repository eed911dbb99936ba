#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Policies from shared objects (tests/plugins): a good one on every world, and each bad one."""
import json
import os
import pathlib
import shutil

import program

PLUGINS = pathlib.Path(os.environ["GANGWAY_PLUGINS"])
BACKENDS = ("sim", "cpu", "null")
SCENARIO = {
    "cluster": {"islands": [{"hosts": 2, "devices_per_host": 2, "accelerator": "cpu"}]},
    "jobs": [{"name": "chain", "workload": "chain", "count": 2, "steps": 5,
              "parameters": {"devices": 4, "length": 3, "duration": "100us"}}],
}

# What is found before anything runs.
REFUSED = {
    "wrong_abi": 'found "./wrong_abi.so", built for ABI 4711, expected ABI 1 of gw_policy_plugin',
    "wrong_size": 'found "./wrong_size.so", a table of ',
    "no_symbol": 'found "./no_symbol.so" without the symbol gw_policy_plugin',
    "no_pick": 'found "./no_pick.so" without "pick"',
    "no_name": 'found "./no_name.so" without "name"',
    "unresolved": "undefined symbol: nobody_has_this",
    "refuses": "policy refuses refuses to be made: the moon is not full",
    "silent": "policy silent refuses to be made: it does not say why",
    "half_holds": 'found "./half_holds.so" with "hold" and without "withdraw"',
    "odd_name": 'found "./odd_name.so" with the name "odd\\u000a\\u001b[31mname"',
    "mutters": "policy mutters refuses to be made: it does not say why",
    "no_ops": "policy no_ops makes a policy of another table",
}


class Case(program.Case):
    def scenario(self, policy, **control):
        """A scenario with the plugins beside it, away from the working folder."""
        shutil.copytree(PLUGINS, self.folder / "s", dirs_exist_ok=True,
                        ignore=lambda _, names: [n for n in names if not n.endswith(".so")])
        document = dict(SCENARIO, control=dict(control, policy=policy))
        return self.write("s/s.json", json.dumps(document, indent=1))

    def check_nothing_written(self):
        """What a refused run leaves: at most an empty folder."""
        left = list(self.out.rglob("*")) if self.out.exists() else []
        self.assertEqual(left, [])


class Good(Case):
    def test_every_world_runs_it(self):
        file = self.scenario("./good.so")
        computations = set()
        for backend in BACKENDS:
            summary = self.summary(file, "--backend", backend)
            self.assertEqual([job["steps"] for job in summary["jobs"]], [5, 5])
            computations.add(summary["computations"])
        self.assertEqual(len(computations), 1)

    def test_one_built_before_hold_runs_as_ever(self):
        """Clients on two slices that are full: a table that ends early is not asked to hold."""
        jobs = [dict(SCENARIO["jobs"][0], name=name, count=4, parameters=dict(
                    SCENARIO["jobs"][0]["parameters"], devices=2),
                    placement={"mesh0": {"devices": devices}})
                for name, devices in (("a", [0, 1]), ("b", [2, 3]))]
        earlier, good = (self.summary(self.scenario(policy, lookahead=1), "--set",
                                      "jobs=" + json.dumps(jobs))
                         for policy in ("./earlier.so", "./good.so"))
        self.assertEqual([job["steps"] for job in earlier["jobs"]], [5] * 8)
        self.assertEqual(earlier["digest"], good["digest"])

    def test_it_is_the_policy(self):
        """The same order as the one built in that is like it: the same events."""
        own = self.summary(self.scenario("./good.so"))
        fifo = self.summary(self.scenario("fifo"))
        self.assertEqual(own["digest"], fifo["digest"])

    def test_the_same_bytes_every_time(self):
        file = self.scenario({"name": "./good.so"})
        texts = {self.accept("run", "--json", file).stdout for _ in range(3)}
        self.assertEqual(len(texts), 1)

    def test_the_path_starts_at_the_scenario(self):
        file = self.scenario("good.so")
        for folder in ("/", self.folder, self.folder / "s"):
            self.accept("check", file, cwd=folder)
        self.accept("check", file, cwd="/", env=program.environment(LD_LIBRARY_PATH=None))
        self.accept("run", "s.json", "--set", "control.policy=./never.so",
                    "--set", "control.policy=./good.so", cwd=self.folder / "s")

    def test_parameters_are_its_own(self):
        file = self.scenario({"name": "./good.so", "patience": 3})
        self.refuse(1, [f"{file}:", "/control/policy/patience: found an unknown key"],
                    "check", file)


class Bad(Case):
    def test_refused_before_anything_runs(self):
        for name, text in REFUSED.items():
            file = self.scenario(f"./{name}.so")
            for command in (["check"], ["run"], ["run", "--backend", "cpu", "--out", self.out]):
                with self.subTest(name=name, command=command[0]):
                    self.refuse(1, [f"{file}:", ": /control/policy: ", text], *command, file)
                    self.check_nothing_written()

    def test_no_such_file(self):
        file = self.scenario("./god.so")
        self.refuse(1, [f"{file}:", 'found "./god.so"', "god.so does not exist",
                        'did you mean "good.so"?'], "run", file)
        self.refuse(1, ["is no regular file"], "run", self.scenario("./"))

    def test_a_copy_cut_short(self):
        file = self.scenario("./cut.so")
        whole = (PLUGINS / "good.so").read_bytes()
        for size in (0, 40, 64, 200, 5000, 9000):
            (self.folder / "s/cut.so").write_bytes(whole[:size])
            with self.subTest(size=size):
                self.refuse(1, ["that can be loaded (", "cut.so: "], "check", file)

    def test_unreadable(self):
        if os.geteuid() == 0:
            self.skipTest("root reads everything")
        file = self.scenario("./good.so")
        (self.folder / "s/good.so").chmod(0)
        self.refuse(1, ["that can be loaded (", "ermission denied"], "check", file)

    def test_picks_what_it_does_not_have(self):
        for name, offer in (("garbage", 123456789), ("twice", None), ("blank", 2**64 - 1)):
            file = self.scenario(f"./{name}.so")
            for backend in BACKENDS:
                with self.subTest(name=name, backend=backend):
                    parts = [f"{file}: policy {name} ({file.parent}/{name}.so): scheduler "
                             f"on node 2: picked offer {'' if offer is None else offer}",
                             "expected one that it was offered"]
                    self.refuse(1, parts, "run", file, "--backend", backend, "--out", self.out,
                                "--quiet")
                    self.check_nothing_written()

    def test_not_made_again_for_the_run(self):
        file = self.scenario({"name": "./silent.so", "later": True})
        self.accept("check", file)
        for backend in BACKENDS:
            self.refuse(1, [f"{file}: policy silent (", "refused to be made again"], "run", file,
                        "--backend", backend)

    def test_never_picks(self):
        file = self.scenario("./never.so")
        for backend in BACKENDS:
            self.refuse(3, ["is offered to policy never and not picked"], "run", file,
                        "--backend", backend)


if __name__ == "__main__":
    program.main()
