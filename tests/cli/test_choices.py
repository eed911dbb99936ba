#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Placement and dispatch policies from shared objects (tests/plugins): right ones on every world,
and each way of being wrong, by name.  What all kinds of plugins share is in test_plugins.py."""
import json
import os
import pathlib
import shutil

import program

PLUGINS = pathlib.Path(os.environ["GANGWAY_PLUGINS"])
BACKENDS = ("sim", "cpu", "null")
ISLANDS = [{"hosts": 2, "devices_per_host": 2, "accelerator": "cpu"},
           {"hosts": 2, "devices_per_host": 2, "accelerator": "cpu"}]

# Per kind what is found before anything runs: the policy, and the message.
REFUSED = {
    "placement": {
        "./old.so": 'found "./old.so", built for ABI 4711, expected ABI 1 of gw_placement_plugin',
        "./small.so": 'found "./small.so", a table of 40 bytes, expected ',
        "./hollow.so": 'found "./hollow.so" without "place", expected a table gw_placement_plugin '
                       'with name, summary, create, destroy, place',
        "./no_symbol.so": 'found "./no_symbol.so" without the symbol gw_placement_plugin',
        "./sender.so": 'found "./sender.so" without the symbol gw_placement_plugin',
        "./good.so": "without the symbol gw_placement_plugin, expected a placement policy's",
        "./plaser.so": 'does not exist); did you mean "placer.so"?',
    },
    "dispatch": {
        "./old.so": 'found "./old.so", built for ABI 4712, expected ABI 1 of gw_dispatch_plugin',
        "./small.so": 'found "./small.so", a table of 41 bytes, expected ',
        "./hollow.so": 'found "./hollow.so" without "step", expected a table gw_dispatch_plugin '
                       'with name, summary, create, destroy, step',
        "./no_symbol.so": 'found "./no_symbol.so" without the symbol gw_dispatch_plugin',
        "./placer.so": 'found "./placer.so" without the symbol gw_dispatch_plugin',
        "./sendr.so": 'does not exist); did you mean "sender.so"?',
    },
}
OWN = {"placement": "placer", "dispatch": "sender"}


def chain(devices=2, **changes):
    return dict({"name": "chain", "workload": "chain", "count": 2, "steps": 5,
                 "parameters": {"devices": devices, "length": 3, "duration": "100us"}}, **changes)


class Case(program.Case):
    def scenario(self, jobs=None, islands=None, faults=None, **control):
        """A scenario with the plugins beside it, away from the working folder."""
        shutil.copytree(PLUGINS, self.folder / "s", dirs_exist_ok=True,
                        ignore=lambda _, names: [n for n in names if not n.endswith(".so")])
        document = {"cluster": {"islands": islands or ISLANDS}, "jobs": jobs or [chain()],
                    "control": control}
        document.update({"faults": faults} if faults else {})
        return self.write("s/s.json", json.dumps(document, indent=1))

    def check_nothing_written(self):
        left = list(self.out.rglob("*")) if self.out.exists() else []
        self.assertEqual(left, [])

    def refuse_run(self, file, parts, backends=BACKENDS):
        for backend in backends:
            with self.subTest(backend=backend):
                self.refuse(1, parts, "run", file, "--backend", backend, "--out", self.out,
                            "--quiet")
                self.check_nothing_written()


class Good(Case):
    def test_placement_is_what_it_hands_on(self):
        own, spread = (self.summary(self.scenario(placement=placement))
                       for placement in ("./placer.so", "spread"))
        self.assertEqual(own["digest"], spread["digest"])
        for backend in BACKENDS:
            summary = self.summary(self.scenario(placement={"name": "placer.so"}), "--backend",
                                   backend)
            self.assertEqual([job["steps"] for job in summary["jobs"]], [5, 5])

    def test_every_step_and_tree_runs_everywhere(self):
        counts = set()
        for step in (1, 2, 3):
            for sender in (0, 1, 2**32 - 1):
                file = self.scenario(jobs=[chain(8)], islands=[dict(ISLANDS[0], hosts=4)],
                                     dispatch={"name": "./sender.so", "step": step,
                                               "sender": sender})
                for backend in BACKENDS:
                    summary = self.summary(file, "--backend", backend)
                    self.assertEqual([job["steps"] for job in summary["jobs"]], [5, 5])
                    counts.add(summary["computations"])
        self.assertEqual(len(counts), 1)

    def test_without_schedulers(self):
        file = self.scenario(policy="none", jobs=[chain(4, count=1)],
                             dispatch={"name": "./sender.so", "step": 2, "sender": 0})
        for backend in BACKENDS:
            self.assertEqual(self.summary(file, "--backend", backend)["jobs"][0]["steps"], 5)

    def test_the_same_bytes_every_time(self):
        file = self.scenario(placement="./placer.so", dispatch="./sender.so")
        texts = {self.accept("run", "--json", file).stdout for _ in range(3)}
        self.assertEqual(len(texts), 1)

    def test_lists(self):
        listed = self.accept("list", "dispatches").stdout
        self.assertEqual([line.split()[0] for line in listed.splitlines()],
                         ["dispatches", "parallel", "sequential", "./NAME.so"])


class Refused(Case):
    def test_before_anything_runs(self):
        for kind, plugins in REFUSED.items():
            for name, text in plugins.items():
                for value, path in ((name, f"/control/{kind}"),
                                    ({"name": name}, f"/control/{kind}/name")):
                    file = self.scenario(**{kind: value})
                    with self.subTest(kind=kind, name=name, path=path):
                        self.refuse(1, [f"{file}:", f": {path}: ", text], "check", file)
                self.refuse(1, [text], "run", file, "--backend", "cpu", "--out", self.out)
                self.check_nothing_written()

    def test_how_it_is_made(self):
        for kind, name in OWN.items():
            for fault, text in (("refuses", "refuses to be made: it does not say why"),
                                ("foreign", "makes a policy of another table, expected its `ops`")):
                file = self.scenario(**{kind: {"name": f"./{name}.so", "fault": fault}})
                with self.subTest(kind=kind, fault=fault):
                    self.refuse(1, [f": /control/{kind}/name: {kind} policy {name} {text}"],
                                "check", file)

    def test_not_made_again_for_the_run(self):
        for kind, name in OWN.items():
            file = self.scenario(**{kind: {"name": f"./{name}.so", "fault": "later"}})
            self.accept("check", file)
            self.refuse_run(file, [f"{kind} policy {name} refused to be made again"])

    def test_parameters_are_its_own(self):
        for kind, name in OWN.items():
            file = self.scenario(**{kind: {"name": f"./{name}.so", "folt": "twice"}})
            self.refuse(1, [f"/control/{kind}/folt: found an unknown key"], "check", file)

    def test_systems_without_schedulers(self):
        file = self.scenario(system="ray", profile="ray-1.3", dispatch="./sender.so")
        self.refuse(1, ["/control/dispatch: found a dispatch, expected none"], "check", file)
        file = self.scenario(system="ray", profile="ray-1.3", placement="./placer.so")
        self.accept("check", file)


class Answers(Case):
    """What a policy answers in a run, and must not: who, which file, what, and what was asked."""

    def refuse_place(self, fault, parts, **more):
        name = {"name": "./placer.so", "fault": fault}
        name.update({"first": more.pop("first")} if "first" in more else {})
        file = self.scenario(placement=name, **more)
        who = f"{file}: placement policy placer ({file.parent}/placer.so): on node "
        self.refuse_run(file, [who, "put shard ", *parts])

    def test_devices_that_are_none(self):
        self.refuse_place("no_device", ['shard 1 of mesh "', '" of job "chain.', "on device 8, "
                                        "expected one of the cluster's 8 devices"])
        self.refuse_place("blank", ["shard 0 of", "on device 4294967295, expected one of the"])

    def test_one_device_twice(self):
        self.refuse_place("twice", ["shard 1 of", "on device 0, expected one that shard 0 has not "
                                    "got"])

    def test_two_islands(self):
        self.refuse_place("islands", ["shard 1 of", "on device 7, expected one of island 0, where "
                                      "its first shard is"])

    def test_another_island_than_asked(self):
        self.refuse_place("elsewhere", ["on device 0, expected one of island 1, which it asks for"],
                          jobs=[chain(placement={"mesh0": {"island": 1}})])

    def test_another_accelerator_than_asked(self):
        islands = [ISLANDS[0], dict(ISLANDS[1], accelerator="a100")]
        self.refuse_place("elsewhere", ["on device 0, expected one of another island: it asks for "
                                        "another accelerator than that of island 0"],
                          jobs=[chain(accelerator="a100")], islands=islands)

    def test_removed_devices(self):
        self.refuse_place("elsewhere", ["on device 0, expected one that is not removed"],
                          faults=[{"at": "0ms", "remove": {"island": 0, "hosts": [0]}}])

    def test_full_devices(self):
        jobs = [{"name": "mlp", "workload": "mlp", "count": 2, "steps": 5,
                 "parameters": {"devices": 1, "batch": 8, "inputs": 512, "layers": [512],
                                "classes": 8}}]
        kind = json.loads((program.CONFIGS / "accelerators/cpu.json").read_text())
        kind["hbm"] = "6MiB"
        self.write("s/narrow.json", json.dumps(kind))
        islands = [dict(ISLANDS[0], accelerator="./narrow.json")]
        self.refuse_place("elsewhere", ['of job "mlp.', ' on device 1, expected one with ',
                                        " bytes free, and it has "],
                          jobs=jobs, islands=islands, first=1)

    def test_no_place_at_all(self):
        file = self.scenario(placement={"name": "./placer.so", "fault": "none"})
        self.refuse_run(file, ["chain.", "no island has room for its slices, even when empty; so "
                               f"says placement policy placer ({file.parent}/placer.so)"])

    def test_no_place_although_there_was_one(self):
        """What waits for devices is told with the policy that finds none, on every world."""
        file = self.scenario(placement={"name": "./placer.so", "fault": "hesitates"},
                             jobs=[chain(count=1)])
        for backend in BACKENDS:
            with self.subTest(backend=backend):
                self.refuse(3, ["resource manager: job chain waits for devices with free memory; "
                                "placement policy placer finds none"], "run", file, "--backend",
                            backend, "--out", self.out)
                self.check_nothing_written()

    def test_steps_that_are_none(self):
        for step in (0, 4, 2**32 - 1):
            for more in ({}, {"policy": "none"}):
                file = self.scenario(dispatch={"name": "./sender.so", "step": step}, **more)
                self.refuse_run(file, [f"{file}: dispatch policy sender ({file.parent}/sender.so): "
                                       "on node ", f': step answered {step} for job "chain.',
                                       "expected GW_DISPATCH_WITH_TURN (1), NOW (2) or AWAIT (3)"])

    def test_senders_that_are_none(self):
        for step in (1, 2, 3):
            for sender in (3, 4, 2**32 - 2):
                file = self.scenario(jobs=[chain(8)], islands=[dict(ISLANDS[0], hosts=4)],
                                     dispatch={"name": "./sender.so", "step": step,
                                               "sender": sender})
                self.refuse_run(file, [f"dispatch policy sender ({file.parent}/sender.so): on node "
                                       "4: fan_out sends to host 3, at place 3 of a batch, from "
                                       f"place {sender}, expected a place before it"])


if __name__ == "__main__":
    program.main()
