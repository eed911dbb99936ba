#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Devices that differ, collectives beside computing and under load, devices that stop to transfer:
what they do to a run, and that no drawn mixture of them breaks a rule (run --paranoid)."""
import json
import random

import program

DRAWN = 30


def graph(meshes, functions, nodes):
    return {"meshes": meshes,
            "functions": {name: {"operations": operations, "output": "64KiB"}
                          for name, operations in functions.items()},
            "nodes": nodes}


def scenario(island, parameters, links="shared", **job):
    return {"cluster": {"islands": [dict({"hosts": 2, "devices_per_host": 2,
                                          "accelerator": "tpu_v4"}, **island)], "links": links},
            "control": {"profile": "ideal"},
            "jobs": [{"name": "a", "workload": "graph", "parameters": parameters, **job}]}


def step(overlapped=False, devices=4):
    """10 ms of computing beside, or after, a sum of 64 MiB."""
    return graph({"all": [devices]},
                 {"f": [{"collective": "all_reduce", "bytes": "64MiB", "overlapped": overlapped},
                        {"duration": "10ms"}]},
                 [{"name": "n", "function": "f", "mesh": "all"}])


def stages_that_send():
    """10 ms on one device, whose 128 MiB another takes for 10 ms of its own."""
    parameters = graph({"one": [1], "other": [1]}, {"f": [{"duration": "10ms"}]},
                       [{"name": "n", "function": "f", "mesh": "one"},
                        {"name": "m", "function": "f", "mesh": "other", "inputs": ["n"]}])
    parameters["functions"]["f"]["output"] = "128MiB"
    return parameters


class Devices(program.Case):
    def job(self, made, *settings):
        path = self.write("s.json", made)
        arguments = [word for setting in settings for word in ("--set", setting)]
        return self.summary(path, *arguments)["jobs"][0]

    def test_straggler(self):
        """One device of half the speed: the gang computes for twice as long, the others wait."""
        usual = self.job(scenario({}, step()))
        slow = self.job(scenario({"speed": [{"devices": [3], "factor": 0.5}]}, step()))
        self.assertAlmostEqual(slow["step_time_ns"] - usual["step_time_ns"], 10e6, delta=5e3)

    def test_jitter(self):
        """Each seed has its own, the same again; four devices' slowest is 1.03 deviations late on
        average, by order statistics of normals.  Tolerance: three standard errors, 0.7 / sqrt(200)
        of a deviation each."""
        parameters = graph({"all": [4]}, {"f": [{"duration": "10ms"}, {"collective": "all_reduce",
                                                                       "bytes": "4B"}]},
                           [{"name": "n", "function": "f", "mesh": "all"}])
        made = scenario({"jitter": 0.1}, parameters, steps=200)
        one, same = self.job(made, "seed=1"), self.job(made, "seed=1")
        other, none = self.job(made, "seed=2"), self.job(made, "cluster.islands.0.jitter=0")
        self.assertEqual(one, same)
        self.assertNotEqual(one["step_time_ns"], other["step_time_ns"])
        late_ns = one["step_time_ns"] - none["step_time_ns"]
        self.assertAlmostEqual(late_ns / 1e6, 1.03, delta=3 * 0.7 / 200 ** 0.5)

    def test_overlap(self):
        """A sum of less than 10 ms costs nothing beside 10 ms of computing, and is hidden."""
        apart, beside = (self.job(scenario({}, step(overlapped))) for overlapped in (False, True))
        exposed_ns = apart["communication_exposed_ns"]
        self.assertGreater(exposed_ns, 0)
        self.assertEqual(apart["communication_hidden_ns"], 0)
        self.assertEqual(beside["communication_exposed_ns"], 0)
        self.assertEqual(beside["communication_hidden_ns"], exposed_ns)
        self.assertEqual(apart["step_time_ns"] - beside["step_time_ns"], exposed_ns / 4)

    def test_devices_that_stop(self):
        """Nothing is overlapped on them, and what a stage sends keeps it from its next step."""
        accelerator = json.loads((program.CONFIGS / "accelerators/tpu_v4.json").read_text())
        accelerator["computes_while_transferring"] = False
        accelerator["sources"]["computes_while_transferring"] = "a test"
        self.write("mine.json", accelerator)
        setting = "cluster.islands.0.accelerator=mine.json"
        apart = self.job(scenario({}, step(False)))
        stopped = self.job(scenario({}, step(True)), setting)
        self.assertEqual(stopped["step_time_ns"], apart["step_time_ns"])
        made = scenario({}, stages_that_send(), steps=10, in_flight=4)
        usual, stopped = self.job(made), self.job(made, setting)
        sent_ns = 128 * 2**20 / 45  # 45 GB/s, one way.
        self.assertAlmostEqual(usual["step_time_ns"], 10e6, delta=1e5)
        self.assertAlmostEqual(stopped["step_time_ns"], 10e6 + sent_ns, delta=1e5)

    def test_devices_that_wait_for_collectives(self):
        """Nothing is overlapped on them, but what a stage sends goes beside its next step."""
        accelerator = json.loads((program.CONFIGS / "accelerators/tpu_v4.json").read_text())
        accelerator["overlaps_collectives"] = False
        accelerator["sources"]["overlaps_collectives"] = "a test"
        self.write("mine.json", accelerator)
        setting = "cluster.islands.0.accelerator=mine.json"
        apart = self.job(scenario({}, step(False)))
        waiting = self.job(scenario({}, step(True)), setting)
        for key in ("step_time_ns", "communication_exposed_ns", "communication_hidden_ns"):
            self.assertEqual(waiting[key], apart[key])
        made = scenario({}, stages_that_send(), steps=10, in_flight=4)
        usual, waiting = self.job(made), self.job(made, setting)
        self.assertEqual(waiting["step_time_ns"], usual["step_time_ns"])

    def test_links_contended(self):
        """Two jobs' sums over every other device of a ring: each alone, they have it to
        themselves; together half of it."""
        parameters = graph({"all": [4]}, {"f": [{"collective": "all_gather", "bytes": "64MiB"}]},
                           [{"name": "n", "function": "f", "mesh": "all"}])
        made = scenario({"hosts": 8, "devices_per_host": 1}, parameters, "contended",
                        placement={"all": {"devices": [0, 2, 4, 6]}})
        alone = self.job(made)
        made["jobs"].append(dict(made["jobs"][0], name="b",
                                 placement={"all": {"devices": [1, 3, 5, 7]}}))
        both = self.job(made)
        closed = self.job(made, "cluster.links=shared")
        self.assertAlmostEqual(both["step_time_ns"] / alone["step_time_ns"], 2, delta=0.02)
        self.assertAlmostEqual(both["step_time_ns"], closed["step_time_ns"],
                               delta=0.02 * closed["step_time_ns"])

    def links(self, made):
        """Its steps' time by what is said of links."""
        return {links: self.job(made, f"cluster.links={links}")["step_time_ns"]
                for links in ("auto", "contended", "shared", "alone")}

    def test_links_are_watched(self):
        """A sum on a ring, through whose links another job's stages send: it takes longer,
        as if all of it had been played."""
        collective = graph({"all": [3]}, {"f": [{"collective": "all_reduce", "bytes": "64MiB"}]},
                           [{"name": "n", "function": "f", "mesh": "all"}])
        made = scenario({"hosts": 8, "devices_per_host": 1, "torus": [8]}, collective, steps=4,
                        placement={"all": {"devices": [1, 2, 3]}})
        untouched = self.links(made)
        self.assertEqual(untouched["auto"], untouched["shared"])
        stages = stages_that_send()
        stages["functions"]["f"] = {"operations": [{"duration": "1ms"}], "output": "256MiB"}
        made["jobs"].append({"name": "b", "workload": "graph", "parameters": stages, "steps": 4,
                             "in_flight": 2, "placement": {"one": {"devices": [0]},
                                                           "other": {"devices": [4]}}})
        crossed = self.links(made)
        self.assertEqual(crossed["shared"], untouched["shared"])
        self.assertGreater(crossed["auto"], 1.2 * crossed["shared"])
        self.assertAlmostEqual(crossed["auto"], crossed["contended"],
                               delta=0.02 * crossed["contended"])

    def test_who_is_loaded_later_is_watched_for(self):
        """Sums of a run wait on their devices when another job comes that sends through their
        links; the same when it has been there from the start, and when it goes elsewhere."""
        operations = [{"collective": "all_reduce", "bytes": "64MiB"}]
        sums = graph({"all": [3]}, {"f": operations},
                     [{"name": f"n{i}", "function": "f", "mesh": "all"} for i in range(8)])
        stages = stages_that_send()
        stages["functions"]["f"] = {"operations": [{"duration": "1ms"}], "output": "256MiB"}
        made = scenario({"hosts": 8, "devices_per_host": 1, "torus": [8]}, sums, steps=4,
                        in_flight=4, placement={"all": {"devices": [1, 2, 3]}})
        made["control"]["lookahead"] = 64
        made["jobs"].append({"name": "b", "workload": "graph", "parameters": stages, "steps": 12,
                             "in_flight": 4, "start": "2ms",
                             "placement": {"one": {"devices": [0]}, "other": {"devices": [4]}}})
        crossed = self.links(made)
        self.assertGreater(crossed["auto"], 1.2 * crossed["shared"])
        self.assertAlmostEqual(crossed["auto"], crossed["contended"],
                               delta=0.001 * crossed["contended"])
        made["jobs"][1]["placement"]["other"]["devices"] = [7]
        elsewhere = self.links(made)
        self.assertEqual(elsewhere["auto"], elsewhere["shared"])

    def test_what_is_not_met_is_not_played(self):
        """One event for its beginning and one for its end, and no transfers."""
        made = scenario({"hosts": 8, "devices_per_host": 1}, step(devices=8))
        self.assertEqual(len(set(self.links(made).values()) - {None}), 1)
        del made["cluster"]["links"]
        self.assertEqual(self.job(made)["step_time_ns"], self.links(made)["auto"])

    def test_drawn_mixtures_are_as_if_played(self):
        compared = 0
        for seed in range(DRAWN):
            made = self.draw(seed)
            made["cluster"]["islands"][0].update(accelerator="tpu_v4", jitter=0)
            for job in made["jobs"]:
                for function in job["parameters"]["functions"].values():
                    function["output"] = "16MiB"
                    for operation in function["operations"]:
                        if "bytes" in operation:
                            operation["bytes"] = "8MiB"
            spans = {}
            for links in ("auto", "contended", "shared"):
                path = self.write("s.json", made)
                spans[links] = self.summary(path, "--paranoid", "--set",
                                            f"cluster.links={links}")["makespan_ns"]
            with self.subTest(seed=seed):
                self.assertAlmostEqual(spans["auto"], spans["contended"],
                                       delta=0.02 * spans["contended"])
            compared += spans["shared"] < 0.99 * spans["contended"]
        self.assertGreater(compared, 0)  # Some do meet.

    def draw_job(self, source, name, device_count):
        size = source.choice([n for n in (1, 2, 4, 8) if n <= device_count])
        functions = {f: [{"duration": f"{source.randrange(1, 300)}us"}
                         if source.random() < 0.5 else
                         {"collective": source.choice(["all_reduce", "all_gather", "all_to_all",
                                                       "reduce_scatter", "permute"]),
                          "bytes": f"{64 * source.choice([1, 2, 8, 32])}KiB",
                          "overlapped": source.random() < 0.5}
                         for _ in range(source.randrange(1, 6))] for f in "fg"}
        nodes = [{"name": f"n{i}", "function": source.choice("fg"), "mesh": source.choice("ab"),
                  "inputs": [f"n{k}" for k in range(i) if source.random() < 0.5]}
                 for i in range(source.randrange(1, 6))]
        return {"name": name, "workload": "graph", "steps": source.randrange(1, 5),
                "in_flight": source.choice([1, 2, 4]),
                "parameters": graph({"a": [size], "b": [1, max(1, size // 2)]}, functions, nodes)}

    def draw(self, seed):
        source = random.Random(seed)
        hosts, per_host = source.choice([2, 4, 8]), source.choice([1, 2, 4])
        island = {"hosts": hosts, "devices_per_host": per_host,
                  "accelerator": source.choice(["mine.json", "tpu_v4"]),
                  "jitter": source.choice([0, 0, 0.05, 0.15]),
                  "speed": [{"devices": [source.randrange(hosts * per_host)],
                             "factor": source.choice([0.5, 2])}],
                  "collectives": source.choice(["auto", "ring", "tree", "torus", "direct"]),
                  "interconnect": source.choice(["torus", "torus", "switch"])}
        return {"seed": seed,
                "cluster": {"islands": [island],
                            "links": source.choice(["auto", "shared", "alone", "contended"])},
                "control": {"dispatch": source.choice(["parallel", "sequential"])},
                "jobs": [self.draw_job(source, f"j{i}", hosts * per_host)
                         for i in range(source.randrange(1, 4))]}

    def test_drawn_mixtures(self):
        accelerator = json.loads((program.CONFIGS / "accelerators/tpu_v4.json").read_text())
        accelerator["computes_while_transferring"] = False
        accelerator["sources"]["computes_while_transferring"] = "a test"
        self.write("mine.json", accelerator)
        for seed in range(DRAWN):
            with self.subTest(seed=seed):
                path = self.write("s.json", self.draw(seed))
                self.assertEqual(self.summary(path, "--paranoid"), self.summary(path))


if __name__ == "__main__":
    program.main()
