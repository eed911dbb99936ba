#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Wrong scenarios: one message with file, line, JSON path, what was found and what was expected;
exit code 1; nothing on standard output, and no folder made for outputs."""
import json

import program

BASE = """\
{
  "cluster": {"islands": [{"hosts": 2, "devices_per_host": 2, "accelerator": "cpu"}]},
  "control": {"profile": "pathways-2022", "policy": "fifo"},
  "jobs": [
    {
      "name": "a",
      "workload": "chain",
      "parameters": {"devices": 4, "length": 2, "duration": "1ms"},
      "steps": 3
    }
  ]
}
"""
ISLAND = '{"hosts": 2, "devices_per_host": 2, "accelerator": "cpu"}'
CHAIN = '"workload": "chain",\n      "parameters": {"devices": 4, "length": 2, "duration": "1ms"}'


def workload(name, parameters):
    """BASE's job with another workload; its parameters stay on one line."""
    return CHAIN, f'"workload": "{name}",\n      "parameters": {json.dumps(parameters)}'


def graph(nodes, **more):
    made = {"meshes": {"m": [4]}, "functions": {"f": {"operations": [{"duration": "1ms"}]}},
            "nodes": nodes}
    return workload("graph", {**made, **more})


# What is replaced in BASE and by what; line; JSON path; parts of the message.
MISTAKES = {
    "unknown key": ('"steps"', '"stepps"', 9, "/jobs/0/stepps",
                    ["found an unknown key", "expected one of", 'did you mean "steps"?']),
    "unknown key at the root": ('"control"', '"controll"', 3, "/controll",
                                ["unknown key", 'did you mean "control"?']),
    "wrong unit": ('"1ms"', '"1GB"', 8, "/jobs/0/parameters/duration",
                   ['found "1GB"', 'expected a span such as "2.3ms"']),
    "no unit": ('"1ms"', '"1"', 8, "/jobs/0/parameters/duration", ['found "1"', "a span"]),
    "a number without its unit": ('"1ms"', "1000", 8, "/jobs/0/parameters/duration",
                                  ["found 1000", '"duration_ns"']),
    "negative count": ('"hosts": 2', '"hosts": -3', 2, "/cluster/islands/0/hosts",
                       ["found -3", "a whole number from 1 to 65536"]),
    "negative span": ('"1ms"', '"-1ms"', 8, "/jobs/0/parameters/duration",
                      ['found "-1ms"', "not negative"]),
    "nothing": ('"steps": 3', '"steps": 0', 9, "/jobs/0/steps", ["found 0", "from 1 to"]),
    "half a host": ('"hosts": 2', '"hosts": 2.5', 2, "/cluster/islands/0/hosts", ["found 2.5"]),
    "absurd count": ('"hosts": 2', '"hosts": 1000000000000000000', 2, "/cluster/islands/0/hosts",
                     ["found 1000000000000000000", "65536"]),
    "absurd real": ('"steps": 3', '"steps": 1e300', 9, "/jobs/0/steps", ["1e"]),
    "absurd span": ('"1ms"', '"1e30s"', 8, "/jobs/0/parameters/duration", ['found "1e30s"']),
    "absurd number of devices": (ISLAND, '{"count": 65536, "hosts": 65536, '
                                 '"devices_per_host": 64, "accelerator": "cpu"}', 2,
                                 "/cluster/islands/0", ["expected at most 1048576"]),
    "absurd length": ('"length": 2', '"length": 1000000000000', 8, "/jobs/0/parameters/length",
                      ["found 1000000000000", "262144"]),
    "absurd memory": (*workload("pipeline", {"stages": 2, "microbatches": 2, "forward": "1ms",
                                             "backward": "1ms", "activation": "1e300GiB"}), 8,
                      "/jobs/0/parameters/activation", ["1e300GiB"]),
    "text for a number": ('"steps": 3', '"steps": "three"', 9, "/jobs/0/steps",
                          ['found "three"', "a whole number"]),
    "number for a text": ('"name": "a"', '"name": 7', 6, "/jobs/0/name",
                          ["found 7", "a string"]),
    "null": ('"steps": 3', '"steps": null', 9, "/jobs/0/steps", ["found null"]),
    "a key is missing": ('"hosts": 2, ', "", 2, "/cluster/islands/0",
                         ['found no "hosts"', "a whole number from 1 to 65536"]),
    "a slice larger than its island": ('"devices": 4', '"devices": 5', 5, "/jobs/0",
                                       ['mesh "mesh0" of 5 devices',
                                        "at most the 4 of the largest island"]),
    "devices twice": ('"steps": 3', '"placement": {"mesh0": {"devices": [0, 1, 2, 2]}}', 9,
                      "/jobs/0/placement/mesh0/devices/3", ["found device 2 again"]),
    "a mesh that is not there": ('"steps": 3', '"placement": {"mesh9": {"island": 0}}', 9,
                                 "/jobs/0/placement/mesh9", ["no mesh of that name", '"mesh0"']),
    "a cycle": (*graph([{"name": "x", "function": "f", "mesh": "m", "inputs": ["y"]},
                        {"name": "y", "function": "f", "mesh": "m", "inputs": ["x"]}]), 8,
                "/jobs/0/parameters", ["nodes wait for each other: x -> y -> x"]),
    "a node that is not there": (*graph([{"name": "x", "function": "f", "mesh": "m",
                                          "inputs": ["z"]}]), 8,
                                 "/jobs/0/parameters/nodes/0/inputs/0", ['found "z"']),
    "a function that is not there": (*graph([{"name": "x", "function": "ff", "mesh": "m"}]), 8,
                                     "/jobs/0/parameters/nodes/0/function",
                                     ['found "ff"', "expected the name of a function"]),
    "a batch that does not divide": (*workload("mlp", {"devices": 4, "batch": 10, "inputs": 4,
                                                       "classes": 2, "layers": [4]}), 8,
                                     "/jobs/0/parameters/batch",
                                     ["found 10", "a multiple of devices (4)"]),
    "a torus that does not multiply": ('"accelerator": "cpu"',
                                       '"accelerator": "cpu", "torus": [3, 2]', 2,
                                       "/cluster/islands/0/torus", ["expected"]),
    "memory that can never fit": (*workload("pipeline",
                                            {"stages": 1, "microbatches": 8, "schedule": "gpipe",
                                             "forward": "1ms", "backward": "1ms",
                                             "activation": "1GiB"}), 5, "/jobs/0",
                                  ['mesh "stage0" needs', "per device",
                                   "expected at most the 2 GiB", "of a cpu"]),
    "unknown workload": ('"chain"', '"chian"', 7, "/jobs/0/workload",
                         ['found "chian"', 'did you mean "chain"?']),
    "unknown policy": ('"fifo"', '"lifo"', 3, "/control/policy",
                       ['found "lifo"', 'did you mean "fifo"?']),
    "unknown accelerator": ('"cpu"', '"cpv"', 2, "/cluster/islands/0/accelerator",
                            ['found "cpv"', 'did you mean "cpu"?', "looked in"]),
    "unknown profile": ('"pathways-2022"', '"pathways-2023"', 3, "/control/profile",
                        ['found "pathways-2023"', 'did you mean "pathways-2022"?']),
    "both ways at once": ('"duration": "1ms"', '"duration": "1ms", "duration_ns": 5', 8,
                          "/jobs/0/parameters/duration_ns",
                          ['found "duration" as well as "duration_ns"']),
}

NO_JSON = {
    "empty": ("", []),
    "cut short": (BASE[:200], []),
    "a comma too many": (BASE.replace("3\n    }", "3,\n    }"), [":10:"]),
    "a key twice": (BASE.replace('"steps": 3', '"steps": 3,\n      "steps": 4'),
                    [":10:", "duplicate", "steps"]),
    "something after the end": (BASE + "{}", [":13:"]),
    "a list": ("[1, 2]", ["expected"]),
    "a number": ("7", []),
    "no UTF-8": (b'{"name": "\xff\xfe"}', []),
    "a zero byte": (b'{"name": "a\0b"}', []),
    "not a number": ('{"seed": NaN}', []),
    "a number beyond all bounds": ('{"seed": 1e999}', []),
    "a deep nest": ("[" * 100000, []),
    "random bytes": (bytes(range(256)) * 16, []),
}


class Scenarios(program.Case):
    def refuse_everywhere(self, path, parts, *arguments):
        """Every command that reads a scenario says the same."""
        first = self.refuse(1, parts, "check", path, *arguments)
        for backend in ("sim", "cpu", "null"):
            again = self.refuse(1, parts, "run", path, "--backend", backend, "--out", self.out,
                                *arguments)
            self.assertEqual(again, first)
        self.assertFalse(self.out.exists())

    def test_the_base_is_good(self):
        self.accept("check", self.write("s.json", BASE))

    def test_mistakes(self):
        for name, (old, new, line, path, parts) in MISTAKES.items():
            with self.subTest(name):
                self.assertEqual(BASE.count(old), 1, "a replacement that does not hit once")
                file = self.write("s.json", BASE.replace(old, new))
                self.refuse_everywhere(file, [f"{file}:{line}: {path}: ", *parts])

    def test_no_jobs(self):
        file = self.write("s.json", BASE[:BASE.index("[\n")] + "[]\n}\n")
        self.refuse_everywhere(file, [f"{file}:4: /jobs: ", "at least"])

    def test_what_is_no_json(self):
        for name, (content, parts) in NO_JSON.items():
            with self.subTest(name):
                file = self.write("s.json", content)
                self.refuse_everywhere(file, [f"{file}", *parts])

    def test_missing_file(self):
        file = self.folder / "absent.json"
        self.refuse_everywhere(file, [f"{file}: ", "No such file"])
        below = self.write("s.json", BASE) / "s.json"
        self.refuse_everywhere(below, [str(below)])

    def test_a_folder_as_a_file(self):
        self.refuse_everywhere(self.folder, [f"{self.folder}: ", "directory", "expected"])

    def test_no_name(self):
        self.refuse_everywhere("", [])

    def test_a_file_that_may_not_be_read(self):
        file = self.write("s.json", BASE)
        file.chmod(0)
        try:
            file.read_text()
        except PermissionError:
            done = self.run_program("run", file)
            self.assertEqual((done.returncode, done.stdout), (5, ""))
            self.check_message(done.stderr, [str(file)])

    def test_names_that_are_hard_to_print(self):
        for name in ("with space.json", "qu'ote\".json", "umläut.json", "new\nline.json", "-x"):
            file = self.write(name, BASE.replace("steps", "stepps"))
            done = self.run_program("check", "--", file)
            self.assertEqual((done.returncode, done.stdout), (1, ""))
            self.assertIn("/jobs/0/stepps", done.stderr)

    def test_control_characters_do_not_reach_the_terminal(self):
        file = self.write("s.json", BASE.replace('"chain"', '"ch\\u001b[31main\\n"'))
        message = self.refuse(1, ["/jobs/0/workload"], "check", file)
        self.assertNotIn("\x1b", message)

    def test_accelerator_file_is_wrong(self):
        text = (program.CONFIGS / "accelerators/cpu.json").read_text()
        bad = self.write("accelerators/cpu.json", text.replace('"10W"', '"10V"'))
        file = self.write("s.json", BASE)
        self.refuse_everywhere(file, [str(bad), "/busy_power: ", 'found "10V"'])

    def test_profile_file_is_wrong(self):
        text = (program.CONFIGS / "profiles/ideal.json").read_text()
        bad = self.write("mine.json", text.replace('"call": "0ns"', '"cal": "0ns"', 1))
        file = self.write("s.json", BASE.replace('"pathways-2022"', '"mine.json"'))
        self.refuse_everywhere(file, [str(bad), "/costs: ", 'found no "call"', '"cal"'])


class Stalls(program.Case):
    def test_deadlock_is_told_in_words(self):
        text = self.refuse(3, ["deadlock.json", "2 of 2 jobs are not done", "deadlock: ",
                               "job there", "job back", "all_reduce"],
                           "run", program.CONFIGS / "deadlock.json", "--out", self.out)
        cycle = next(line for line in text.splitlines() if line.startswith("deadlock: "))
        waits = [wait for wait in cycle.removeprefix("deadlock: ").split("; ")]
        self.assertGreaterEqual(len(waits), 2)
        begins = [wait.split()[1] for wait in waits]
        ends = [wait.split()[-1] for wait in waits]
        self.assertEqual(begins[1:] + begins[:1], ends)  # It is a ring.
        self.check_no_leftovers(self.out)
        self.assertNotIn("summary.json", self.files(self.out) if self.out.is_dir() else {})

    def test_hosts_that_order_for_themselves_are_named(self):
        for system, words in (("multi_controller", "hosts do not agree on an order between jobs"),
                              ("tf1", "waits at the barrier behind node c0 for 8 hosts"),
                              ("ray", "the actor of job there is busy with the first of 4 calls")):
            with self.subTest(system):
                self.refuse(3, ["2 of 2 jobs are not done", words], "run",
                            program.CONFIGS / "deadlock.json", "--set",
                            f'control={{"system": "{system}"}}')

    def test_a_scheduler_prevents_it(self):
        summary = self.summary(program.CONFIGS / "deadlock.json", "--set", "control.policy=fifo")
        self.assertEqual([job["steps"] for job in summary["jobs"]], [1, 1])

    def test_no_job_finishes(self):
        """An older run's outputs stay as they were."""
        deadlock = program.CONFIGS / "deadlock.json"
        self.accept("run", deadlock, "--set", "control.policy=fifo", "--out", self.out, "--trace")
        before = self.files(self.out)
        self.refuse(3, ["deadlock: "], "run", deadlock, "--out", self.out, "--trace")
        self.assertEqual(self.files(self.out), before)

    def test_json_prints_nothing(self):
        self.refuse(3, ["deadlock: "], "run", program.CONFIGS / "deadlock.json", "--json")


if __name__ == "__main__":
    program.main()
