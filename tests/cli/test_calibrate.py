#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""`gangway calibrate` writes a machine that scenarios can name, and files of machines are read with
care."""
import copy
import csv
import json
import pathlib

import program
import ranks

MLP = str(program.CONFIGS / "mlp_cpu.json")


def as_machine(path):
    return ["--set", f"cluster.islands.0.accelerator={path}", "--set", f"control.profile={path}"]


def without_ranks(machine):
    """What a process alone would have measured of the same."""
    alone = copy.deepcopy(machine)
    measured = alone["accelerator"]["measured"]
    del measured["between_hosts"]
    measured["collectives"] = {
        kind: [one for one in all_of_kind if "hosts" not in one]
        for kind, all_of_kind in measured["collectives"].items()}
    return alone


class Calibrate(ranks.Case):
    def calibrate(self, path):
        """Between ranks, too, where there is MPI: what it prints."""
        wanted = ["calibrate", "--quick", "--name", "here", "--out", str(path), "--rows", "--for",
                  MLP]
        if ranks.LAUNCHER is None or not ranks.is_built():
            return self.accept(*wanted, "--threads", "1").stdout
        done = self.mpirun(2, *wanted, "--backend", "mpi")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return done.stdout

    def check_ranks(self, printed, machine):
        for word in ("send, receive", "4 members, 2 ranks", "between ranks"):
            self.assertIn(word, printed)
        shortest_ns, longest_ns = 0, 0
        for kind in ("all_reduce", "all_gather", "reduce_scatter", "all_to_all", "broadcast",
                     "permute"):
            between = [one for one in machine["accelerator"]["measured"]["collectives"][kind]
                       if one.get("hosts") == 2]
            self.assertEqual([one["members"] for one in between], [2, 4])
            for one in between:
                sizes, ns = zip(*one["points"])
                self.assertEqual(list(sizes), sorted(set(sizes)))
                shortest_ns, longest_ns = shortest_ns + ns[0], longest_ns + ns[-1]
        self.assertGreater(longest_ns, shortest_ns)  # 65536 times the bytes.

    def check_shapes(self, operations):
        """Products as the scenario has them: first of its batch with the first layer's weights."""
        parameters = json.loads(pathlib.Path(MLP).read_text())["jobs"][0]["parameters"]
        rows = parameters["batch"] // parameters["devices"]
        shapes = operations["matmul"]["shapes"]
        self.assertIn([rows, parameters["layers"][0], parameters["inputs"]],
                      [shape[:3] for shape in shapes])
        for *sizes, ns in shapes:
            self.assertEqual(len(sizes), 3)
            self.assertGreater(ns, 0)
        self.assertNotIn("shapes", operations["adam"])  # It has none.

    def makespan(self, machine, name):
        path = self.folder / name
        path.write_text(json.dumps(machine))
        return self.summary(MLP, *as_machine(path))["makespan_ns"]

    def test_the_file_is_a_machine(self):
        if program.is_sanitized():
            self.skipTest("it takes minutes there, and says nothing")
        path = self.folder / "new" / "here.json"
        printed = self.calibrate(path)
        for word in ("products", "hand-over", "controller", "spread", "gelu", "all_reduce"):
            self.assertIn(word, printed)
        machine = json.loads(path.read_text())
        self.assertEqual(machine["accelerator"]["name"], "here")
        measured = machine["accelerator"]["measured"]
        gelu = measured["operations"]["gelu"]
        points = measured["collectives"]["all_reduce"][0]["points"]
        for sizes, ns in ((gelu["elements"], gelu["ns"]), zip(*points)):
            self.assertEqual(list(sizes), sorted(set(sizes)))
            self.assertGreater(list(ns)[-1], list(ns)[0])  # Thousands of times the work.
        product = measured["operations"]["matmul_a_transposed"]
        cells = len(product["rows"]) * len(product["columns"]) * len(product["depth"])
        self.assertEqual(len(product["ns"]), cells)
        self.check_shapes(measured["operations"])
        self.assertGreaterEqual(machine["accelerator"]["shared_cores"], 1)
        rests, waking = zip(*measured["wake"])
        self.assertEqual(list(rests), sorted(set(rests)))
        self.assertGreater(min(waking), 0)
        slowness = machine["accelerator"].get("core_slowness", [])
        self.assertEqual(slowness, sorted(slowness, reverse=True))
        if slowness:
            self.assertAlmostEqual(sum(slowness) / len(slowness), 1)
        self.accept("run", MLP, *as_machine(path))
        if "between_hosts" in measured:
            self.check_ranks(printed, machine)
            self.assertNotEqual(self.makespan(machine, "ranks.json"),
                                self.makespan(without_ranks(machine), "threads.json"))

    def test_mistakes_of_usage(self):
        self.refuse(2, ["found 1 arguments, expected none"], "calibrate", "here")
        self.refuse(2, ["--threads: -1, expected 1 to 1024"], "calibrate", "--threads", "-1")
        self.refuse(2, ["expected a name without a slash"], "calibrate", "--name", "a/b")
        self.refuse(2, ['--backend: found "null", expected cpu or mpi'], "calibrate",
                    "--backend", "null")

    def test_mistakes_of_scenarios_are_told_first(self):
        self.refuse(1, ["none.json"], "calibrate", "--for", str(self.folder / "none.json"))
        wide = ("calibrate", "--for", str(self.write_wide()), "--threads", "1024", "--out",
                str(self.folder / "wide.json"))
        self.refuse(1, ["running it on 1024 threads takes", "half of this machine's memory"], *wide)
        self.assertFalse((self.folder / "wide.json").exists())

    def write_wide(self):
        path = self.folder / "wide_mlp.json"
        scenario = json.loads(pathlib.Path(MLP).read_text())
        scenario["jobs"][0]["parameters"].update(inputs=4096, layers=[4096])
        path.write_text(json.dumps(scenario))
        return path


SPAN_KEYS = ("kernel_overhead", "hop_latency", "collective_overhead", "pcie_latency")
RATE_KEYS = ("hbm_bandwidth", "link_bandwidth", "pcie_bandwidth")
EFFICIENCIES = ("matmul_efficiency", "hbm_efficiency", "link_efficiency")


def make_machine(measured, shared_cores=None):
    figures = {"peak": "100GFLOP/s", "vector": "1GFLOP/s", "hbm": "1GiB", "busy_power": "10W",
               "idle_power": "1W", **{key: "1us" for key in SPAN_KEYS},
               **{key: "1GB/s" for key in RATE_KEYS}, **{key: 1.0 for key in EFFICIENCIES}}
    costs = ("call", "schedule", "send", "receive", "prepare", "launch", "complete", "lower")
    if shared_cores is not None:
        figures["shared_cores"] = shared_cores
    return {
        "accelerator": {"name": "made", **figures, "sources": {key: "made" for key in figures},
                        "measured": measured},
        "profile": {"name": "made", "network": "free" if shared_cores is None else "modelled",
                    "costs": {key: "0ns" for key in costs},
                    "sources": {key: "made" for key in costs}},
    }


GOOD = {
    "source": "made",
    "operations": {"add_scalar": {"elements": [1], "ns": [5000]},
                   "scale": {"elements": [1], "ns": [2000]},
                   "matmul": {"rows": [1], "columns": [1, 2], "depth": [3], "ns": [4, 5]}},
    "collectives": {"all_reduce": [{"members": 2, "points": [[4, 10000]]}]},
}


class Machines(program.Case):
    def write_machine(self, measured, shared_cores=None):
        path = self.folder / "machine.json"
        path.write_text(json.dumps(make_machine(measured, shared_cores)))
        return path

    def run_chain(self, machine, hosts, **cluster):
        """Computations of the chain, each on two devices: how long they took, and the summary."""
        chain = self.folder / "chain.json"
        island = {"hosts": hosts, "devices_per_host": 2 // hosts, "accelerator": str(machine)}
        chain.write_text(json.dumps({
            "name": "chain",
            "cluster": {"islands": [island], **cluster},
            "control": {"profile": str(machine)},
            "jobs": [{"workload": "chain", "parameters": {"devices": 2, "length": 4}, "steps": 3}],
        }))
        self.accept("run", str(chain), "--paranoid", "--out", str(self.out))
        rows = (self.out / "gangs.csv").read_text().splitlines()
        columns = rows[0].split(",")
        values = [dict(zip(columns, row.split(","))) for row in rows[1:]]
        spans = {int(value["end_ns"]) - int(value["start_ns"]) for value in values}
        return spans, json.loads((self.out / "summary.json").read_text())

    def test_what_was_measured_counts(self):
        """A computation of the chain is an all-reduce, a scale and an add: 17 us, and a start-up
        of 1 us."""
        spans, _ = self.run_chain(self.write_machine(GOOD), 1)
        self.assertIn(18000, spans)

    def test_shapes_count_where_they_are_met(self):
        """Of the chain's scalars, not of others: 9 us longer, and nothing."""
        for elements, expected in ((1, 27000), (2, 18000)):
            measured = copy.deepcopy(GOOD)
            measured["operations"]["scale"]["shapes"] = [[elements, 11000]]
            spans, _ = self.run_chain(self.write_machine(measured), 1)
            self.assertIn(expected, spans)

    def test_devices_share_cores(self):
        """Two of them on one core take twice the 8 us outside of the all-reduce, which has that
        core; on two cores nothing changes."""
        for cores, expected in ((1, 26000), (2, 18000)):
            spans, _ = self.run_chain(self.write_machine(GOOD, cores), 1)
            self.assertIn(expected, spans)

    def test_a_machine_has_a_jitter(self):
        """Of islands that do not say: what it computes then is never as long twice."""
        machine = make_machine(GOOD, 2)
        machine["accelerator"]["jitter"] = 0.1
        machine["accelerator"]["sources"]["jitter"] = "made"
        path = self.write("jitter.json", machine)
        jittered, _ = self.run_chain(path, 1)
        self.assertGreater(len(jittered), 2)
        island = {"hosts": 1, "devices_per_host": 2, "accelerator": str(path), "jitter": 0}
        spans, _ = self.run_chain(path, 1, islands=[island])
        self.assertIn(18000, spans)

    def test_who_has_slept_is_woken(self):
        """A device that has had nothing to do is later by what waking takes over a hand-over; one
        that goes on is not."""
        awake, asleep = copy.deepcopy(GOOD), copy.deepcopy(GOOD)
        awake["wake"], asleep["wake"] = [[1, 0]], [[1, 500000]]
        spans, plain = self.run_chain(self.write_machine(GOOD, 2), 1)
        _, without = self.run_chain(self.write_machine(awake, 2), 1)
        slept, late = self.run_chain(self.write_machine(asleep, 2), 1)
        self.assertEqual(without["digest"], plain["digest"])
        self.assertEqual(slept, spans)
        self.assertGreater(late["makespan_ns"], plain["makespan_ns"] + 400000)

    def slow_cores(self, slowness, cores=2):
        machine = make_machine(GOOD, cores)
        machine["accelerator"]["core_slowness"] = slowness
        machine["accelerator"]["sources"]["core_slowness"] = "made"
        return self.write("slow.json", machine)

    def test_cores_differ(self):
        """The slower of two takes 1.5 times the 8 us outside of each all-reduce, whichever it is,
        and the other waits for it."""
        _, plain = self.run_chain(self.write_machine(GOOD, 2), 1)
        for alike in ([], [1], [1, 1]):
            _, same = self.run_chain(self.slow_cores(alike), 1)
            self.assertEqual(same["digest"], plain["digest"])
        _, slow = self.run_chain(self.slow_cores([1.5, 0.5]), 1)
        later_ns = slow["makespan_ns"] - plain["makespan_ns"]
        self.assertGreater(later_ns, 11 * 4000)  # Of 3 x 4 gangs, but what control hides.
        self.assertLess(later_ns, 13 * 4000)

    def test_mistakes_of_cores(self):
        for cores, slowness, part in (
            (None, [1], '/core_slowness: found 1, expected at most "shared_cores", 0'),
            (2, [1, 1, 1], '/core_slowness: found 3, expected at most "shared_cores", 2'),
            (2, [1, 0], "/core_slowness/1: found 0, expected 0.1 to 10"),
            (2, [11], "/core_slowness/0: found 11, expected 0.1 to 10"),
            (2, ["1"], '/core_slowness/0: found "1"'),
            (2, 1, "/core_slowness: found 1"),
        ):
            path = self.slow_cores(slowness, cores=cores)
            self.refuse(1, [part], "check", MLP, *as_machine(path))
        machine = make_machine(GOOD, 2)
        machine["accelerator"]["core_slowness"] = [1, 1]
        self.refuse(1, ['/sources: found no "core_slowness"'], "check", MLP,
                    *as_machine(self.write("sourceless.json", machine)))

    def list_spans(self, first_touch, workload, parameters):
        """Of one device's gangs, in order: node, run, and how long."""
        machine = make_machine(GOOD, 1)
        if first_touch is not None:
            machine["accelerator"]["first_touch_bandwidth"] = first_touch
            machine["accelerator"]["sources"]["first_touch_bandwidth"] = "made"
        path = self.write("machine.json", machine)
        job = {"workload": workload, "parameters": parameters, "steps": 8, "in_flight": 1}
        scenario = self.write("touch.json", {
            "name": "touch", "control": {"profile": str(path)}, "jobs": [job],
            "cluster": {"islands": [{"hosts": 1, "devices_per_host": 1,
                                     "accelerator": str(path)}]}})
        self.accept("run", str(scenario), "--paranoid", "--out", str(self.out))
        with open(self.out / "gangs.csv", encoding="utf-8") as file:
            rows = sorted(csv.DictReader(file), key=lambda row: int(row["start_ns"]))
        return [(row["node"], row["run"], int(row["end_ns"]) - int(row["start_ns"]))
                for row in rows]

    def test_the_first_use_of_memory_takes_time(self):
        """A byte 1 ns.  The start of products makes two buffers of 1 KiB, the first product one
        more; the next finds what the start's was, or nothing given back as yet."""
        products = {"devices": 1, "size": 16, "length": 3}
        mlp = {"devices": 1, "batch": 8, "inputs": 12, "classes": 4, "layers": [20]}
        for workload, parameters in (("products", products), ("mlp", mlp)):
            before = self.list_spans(None, workload, parameters)
            after = self.list_spans("1GB/s", workload, parameters)
            self.assertEqual([one[:2] for one in before], [one[:2] for one in after])
            more = [late[2] - early[2] for early, late in zip(before, after)]
            if workload == "products":
                self.assertEqual(more[:2], [2048, 1024])
                self.assertLessEqual(sum(more), 5 * 1024)
            self.assertGreater(more[0], 0)
            self.assertGreaterEqual(min(more), 0)
            half = len(more) // 2
            self.assertEqual(more[half:], [0] * (len(more) - half))

    def test_mistakes_of_first_touch(self):
        for cores, figure, parts in (
            (None, "1GB/s", ['/first_touch_bandwidth: found without "shared_cores"']),
            (2, "0GB/s", ["/first_touch_bandwidth: found 0 B/s, expected at least 1e+06 B/s"]),
            (2, "1B/s", ["found 1 B/s, expected at least 1e+06 B/s"]),
            (2, "-1GB/s", ["/first_touch_bandwidth: found \"-1GB/s\""]),
            (2, "1GB", ["/first_touch_bandwidth: found \"1GB\""]),
            (2, [], ["/first_touch_bandwidth"]),
        ):
            machine = make_machine(GOOD, cores)
            machine["accelerator"]["first_touch_bandwidth"] = figure
            machine["accelerator"]["sources"]["first_touch_bandwidth"] = "made"
            path = self.write("mistaken.json", machine)
            self.refuse(1, parts, "check", MLP, *as_machine(path))
        machine = make_machine(GOOD, 2)
        machine["accelerator"]["first_touch_bandwidth"] = "1GB/s"
        self.refuse(1, ['/sources: found no "first_touch_bandwidth"'], "check", MLP,
                    *as_machine(self.write("sourceless.json", machine)))

    def test_hosts_of_one_machine_hand_over_in_memory(self):
        machine = self.write_machine(GOOD, 2)
        _, by_default = self.run_chain(machine, 2)
        _, as_said = self.run_chain(machine, 2, dcn={"latency": "1us", "bandwidth": "1GB/s"})
        _, elsewhere = self.run_chain(machine, 2, dcn={"latency": "2us", "bandwidth": "1GB/s"})
        self.assertEqual(by_default["digest"], as_said["digest"])
        self.assertLess(by_default["makespan_ns"], elsewhere["makespan_ns"])

    def test_ranks_are_not_threads(self):
        """A collective over hosts takes what it took between ranks, and messages what they took."""
        measured = copy.deepcopy(GOOD)
        measured["collectives"]["all_reduce"].append(
            {"members": 2, "hosts": 2, "points": [[4, 30000]]})
        measured["between_hosts"] = {"latency": "40us", "bandwidth": "1GB/s"}
        machine = self.write_machine(measured, 2)
        spans, on_one = self.run_chain(machine, 1)
        self.assertIn(18000, spans)
        spans, by_default = self.run_chain(machine, 2)
        self.assertIn(38000, spans)
        _, as_said = self.run_chain(machine, 2, dcn={"latency": "40us", "bandwidth": "1GB/s"})
        _, faster = self.run_chain(machine, 2, dcn={"latency": "1us", "bandwidth": "1GB/s"})
        self.assertEqual(by_default["digest"], as_said["digest"])
        self.assertGreater(by_default["makespan_ns"], faster["makespan_ns"])
        self.assertGreater(by_default["makespan_ns"], on_one["makespan_ns"])

    def test_mistakes(self):
        for change, parts in (
            (lambda m: m.pop("source"), ['/accelerator/measured: found no "source"']),
            (lambda m: m.pop("operations"), ['/accelerator/measured: found no "operations"']),
            (lambda m: m["operations"].update(gleu=[[1, 1]]), ["gleu", 'did you mean "gelu"?']),
            (lambda m: m["operations"]["scale"].update(elements=[]),
             ["/operations/scale/elements: found 0 sizes, expected 1 to 64"]),
            (lambda m: m["operations"]["scale"].update(elements=[2, 2], ns=[1, 1]),
             ["/scale/elements/1: found 2, expected more than 2"]),
            (lambda m: m["operations"]["scale"].update(elements=[0]),
             ["found 0, expected at least 1"]),
            (lambda m: m["operations"]["scale"].update(ns=[-1]), ["/scale/ns/0: found -1"]),
            (lambda m: m["operations"]["scale"].update(ns=["a"]), ["/scale/ns/0"]),
            (lambda m: m["operations"]["scale"].pop("ns"), ['found no "ns"']),
            (lambda m: m["operations"]["scale"].update(rows=[1]), ["rows"]),
            (lambda m: m["operations"].update(gelu=3), ["/operations/gelu"]),
            (lambda m: m["operations"]["matmul"].update(ns=[1]),
             ["found 1 number, expected 2, one for each size"]),
            (lambda m: m["operations"]["matmul"].pop("depth"), ['found no "depth"']),
            (lambda m: m["operations"]["matmul"].update(shapes=[[1, 2, 3]]),
             ["/matmul/shapes/0: expected a size along each of 3 axes, and nanoseconds"]),
            (lambda m: m["operations"]["scale"].update(shapes=[[0, 5]]),
             ["/scale/shapes/0/0: found size 0, expected 1 to"]),
            (lambda m: m["operations"]["scale"].update(shapes=[[1, -5]]),
             ["/scale/shapes/0/1: found -5 ns, expected 0 to"]),
            (lambda m: m["operations"]["scale"].update(shapes=[[7, 5], [3, 5], [7, 6]]),
             ["/scale/shapes/2: found these sizes twice, expected each once"]),
            (lambda m: m["operations"]["scale"].update(shapes=3), ["/scale/shapes"]),
            (lambda m: m["collectives"]["all_reduce"].append({"members": 2, "points": [[4, 1]]}),
             ["/all_reduce/1/members: found 2, expected more than 2"]),
            (lambda m: m["collectives"].update(all_redcue=[]), ["all_redcue"]),
            (lambda m: m["collectives"]["all_reduce"][0].update(hosts=3),
             ["/all_reduce/0/hosts: found 3, expected a whole number from 1 to 2"]),
            (lambda m: m["collectives"]["all_reduce"].insert(
                0, {"members": 2, "hosts": 2, "points": [[4, 1]]}),
             ["/all_reduce/1/hosts: found 1, expected at least 2"]),
            (lambda m: m["collectives"]["all_reduce"].append(
                {"members": 3, "hosts": 2, "points": [[4, 1]]}),
             ["/all_reduce/1/hosts: found 2, expected as many of 3 members on each"]),
            (lambda m: m["collectives"]["all_reduce"].extend(
                [{"members": 2, "hosts": 2, "points": [[4, 1]]}] * 2),
             ["/all_reduce/2/members: found 2, expected more than 2"]),
            (lambda m: m.update(between_hosts={"latency": "1us"}), ['found no "bandwidth"']),
            (lambda m: m.update(between_hosts={"latency": "1us", "bandwidth": "0GB/s"}),
             ["/between_hosts/bandwidth: found 0 B/s, expected at least 1 B/s"]),
            (lambda m: m.update(between_hosts={"latency": "1us", "bandwidht": "1GB/s"}),
             ["between_hosts"]),
            (lambda m: m.update(between_hosts=3), ["/measured/between_hosts"]),
            (lambda m: m.update(wake=[]), ["/measured/wake: found 0 points, expected 1 to"]),
            (lambda m: m.update(wake=[[2, 1], [2, 1]]),
             ["/measured/wake/1: found size 2, expected more than 2"]),
            (lambda m: m.update(wake=[[2, -1]]), ["/measured/wake/0: found -1 ns"]),
            (lambda m: m.update(wake=3), ["/measured/wake: found 3"]),
        ):
            measured = copy.deepcopy(GOOD)
            change(measured)
            self.refuse(1, parts, "check", MLP, *as_machine(self.write_machine(measured)))

    def test_half_a_machine(self):
        path = self.folder / "machine.json"
        machine = make_machine(GOOD)
        del machine["profile"]
        path.write_text(json.dumps(machine))
        self.refuse(1, ['found no "profile"', "machine.json"], "check", MLP, *as_machine(path))


if __name__ == "__main__":
    program.main()
