#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Where jobs go, what they share, how they leave, and what they do when hosts are taken away, as a
user sees it."""
import csv
import json

import program

ISLAND = {"hosts": 4, "devices_per_host": 2, "accelerator": "cpu", "torus": [4, 2]}
FREE = {"meshes": {"m": [2]}, "functions": {"f": {"operations": [{"duration": "1ms"}]}},
        "nodes": [{"name": "work", "function": "f", "mesh": "m"}]}


def scenario(jobs, islands=(ISLAND,), **more):
    return {"cluster": {"islands": list(islands)}, "control": {"profile": "ideal"}, "jobs": jobs,
            **more}


def free(name, **more):
    """A job whose steps hand nothing on."""
    return {"name": name, "workload": "graph", "parameters": FREE, "steps": 10, "in_flight": 1,
            **more}


def chain(name, devices, **more):
    return {"name": name, "workload": "chain", "steps": 3,
            "parameters": {"devices": devices, "length": 2, "duration": "1ms"}, **more}


class Placement(program.Case):
    def devices_of(self, made, *arguments):
        """A job's name to the devices that its gangs ran on."""
        path = self.write("s.json", made)
        self.accept("run", path, "--out", self.out, "--paranoid", *arguments)
        with open(self.out / "shards.csv", encoding="utf-8") as table:
            devices = {}
            for row in csv.DictReader(table):
                first, count = int(row["first_device"]), int(row["device_count"])
                devices.setdefault(row["job"], set()).update(range(first, first + count))
            return devices

    def test_policies(self):
        made = scenario([chain("a", 2), chain("b", 2), chain("c", 2)])
        places = {policy: self.devices_of(made, "--set", f"control.placement={policy}")
                  for policy in ("spread", "pack", "topology", "random")}
        self.assertEqual(places["spread"], {"a": {0, 1}, "b": {2, 3}, "c": {4, 5}})
        self.assertEqual(places["pack"], {"a": {0, 1}, "b": {0, 1}, "c": {0, 1}})
        self.assertEqual(len(set.union(*places["topology"].values())), 6)
        for devices in places["random"].values():
            self.assertEqual(len(devices), 2)

    def test_random_follows_the_seed(self):
        made = scenario([chain("a", 2, count=4)])
        made["control"]["placement"] = "random"
        places = [self.devices_of(made, "--set", f"seed={seed}") for seed in (1, 2, 3, 1)]
        self.assertEqual(places[0], places[3])
        self.assertFalse(places[0] == places[1] == places[2])
        own = [self.devices_of(made, "--set", f"seed={seed}", "--set",
                               'control.placement={"name": "random", "seed": 1}')
               for seed in (1, 2)]
        self.assertEqual(own, [places[0], places[0]])

    def test_list(self):
        listed = self.accept("list", "placements").stdout
        self.assertEqual([line.split()[0] for line in listed.splitlines()],
                         ["placements", "pack", "random", "spread", "topology", "./NAME.so"])

    def test_clients_share_a_device(self):
        """Virtual devices of five clients on one real one: it is busy all the time, and no more."""
        made = scenario([chain(f"j{i}", 1, steps=20) for i in range(5)],
                        [{"hosts": 1, "devices_per_host": 1, "accelerator": "cpu"}])
        path = self.write("s.json", made)
        for backend in ("sim", "cpu", "null"):
            summary = self.summary(path, "--backend", backend, "--out", self.out)
            self.assertEqual([job["steps"] for job in summary["jobs"]], [20] * 5)
            if backend == "sim":
                shares = [job["device_time_share"] for job in summary["jobs"]]
                self.assertAlmostEqual(sum(shares), 1)
                for share in shares:
                    self.assertAlmostEqual(share, 0.2)
                self.assertGreater(summary["utilization"], 0.99)

    def test_accelerators(self):
        other = dict(ISLAND, accelerator="a100")
        made = scenario([chain("a", 8, accelerator="a100"), chain("b", 8, accelerator="cpu")],
                        [ISLAND, other])
        self.assertEqual(self.devices_of(made), {"a": set(range(8, 16)), "b": set(range(8))})
        made["jobs"][0]["accelerator"] = "a10"
        self.refuse(1, ["/jobs/0/accelerator", 'found "a10"', 'did you mean "a100"?'], "run",
                    self.write("s.json", made), "--out", self.out)


class Leaving(program.Case):
    def test_stop(self):
        made = scenario([chain("a", 8, steps=1000, stop="20ms"), chain("b", 8, steps=2)])
        path = self.write("s.json", made)
        for backend in ("sim", "cpu"):
            first, second = self.summary(path, "--backend", backend, "--out", self.out)["jobs"]
            self.assertEqual((first["steps_asked"], second["steps"]), (1000, 2))
            self.assertLess(first["steps"], 1000)
            if backend == "sim":
                self.assertGreater(first["steps"], 5)

    def test_stop_while_waiting(self):
        """Two that need most of a device's memory: the second leaves before the first is done."""
        large = {**FREE, "functions": {"f": {**FREE["functions"]["f"], "output": "1.5GiB"}}}
        made = scenario([free("a", parameters=large), free("b", parameters=large, stop="5ms"),
                         free("c", parameters=large, steps=1)],
                        [{"hosts": 1, "devices_per_host": 2, "accelerator": "cpu"}])
        jobs = self.summary(self.write("s.json", made), "--out", self.out, "--paranoid")["jobs"]
        self.assertEqual([job["steps"] for job in jobs], [10, 0, 1])
        self.assertIsNone(jobs[1]["started_ns"])


class Faults(program.Case):
    def remove(self, at, *hosts, **target):
        return {"at": at, "remove": {"island": 0, **({"hosts": list(hosts)} if hosts else {}),
                                     **target}}

    def test_move(self):
        made = scenario([free("a"), free("b")], faults=[self.remove("2500us", 0, 1)])
        path = self.write("s.json", made)
        for backend in ("sim", "cpu"):
            jobs = self.summary(path, "--backend", backend, "--out", self.out)["jobs"]
            self.assertEqual([(job["steps"], job["stays"]) for job in jobs], [(10, 0), (10, 0)])
            if backend == "sim":
                self.assertEqual([job["moves"] for job in jobs], [1, 1])
        with open(self.out / "gangs.csv", encoding="utf-8") as table:
            runs = sorted(int(row["run"]) for row in csv.DictReader(table) if row["job"] == "a")
        self.assertEqual(runs, list(range(10))) # Each once, wherever.

    def test_stay(self):
        made = scenario([chain("a", 2, steps=10)], faults=[self.remove("3ms")])
        job, = self.summary(self.write("s.json", made), "--out", self.out, "--paranoid")["jobs"]
        self.assertEqual((job["steps"], job["moves"], job["stays"]), (10, 0, 1))

    def test_back_again(self):
        """All hosts go, and one comes back: the job waits for it."""
        made = scenario([free("a")], faults=[self.remove("3ms"),
                                             {"at": "50ms", "add": {"island": 0, "hosts": [2]}}])
        job, = self.summary(self.write("s.json", made), "--out", self.out, "--paranoid")["jobs"]
        self.assertEqual((job["steps"], job["moves"]), (10, 1))
        self.assertGreater(job["done_ns"], 50_000_000)

    def test_last_host(self):
        made = scenario([free("a")], faults=[self.remove("3ms")])
        self.refuse(1, ["job a can never be served",
                        "hosts that it needs were removed, and not enough are put back"],
                    "run", self.write("s.json", made), "--out", self.out)
        other = dict(made, cluster={"islands": [ISLAND, ISLAND]})
        job, = self.summary(self.write("t.json", other), "--out", self.out)["jobs"]
        self.assertEqual((job["steps"], job["moves"]), (10, 1))

    def test_from_the_beginning(self):
        made = scenario([free("a")], faults=[self.remove("0ms", 0, 1, 2)])
        path = self.write("s.json", made)
        self.summary(path, "--out", self.out)
        with open(self.out / "gangs.csv", encoding="utf-8") as table:
            self.assertEqual({row["first_device"] for row in csv.DictReader(table)}, {"6"})

    def test_same_bytes(self):
        made = scenario([free(f"j{i}", steps=20) for i in range(5)],
                        faults=[self.remove("3ms", 0, 1), {"at": "9ms", "add":
                                                           {"island": 0, "hosts": [0, 1]}},
                                self.remove("10ms", 2, 3)])
        made["control"]["placement"] = "random"
        path = self.write("s.json", made)
        outputs = {json.dumps(self.summary(path, "--out", self.out)) for _ in range(2)}
        self.assertEqual(len(outputs), 1)


if __name__ == "__main__":
    program.main()
