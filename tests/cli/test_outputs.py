#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Files that a run leaves: which, that they are whole or absent, and what happens when they cannot
be written.  Works for root too, whom no permission stops."""
import csv
import gzip
import json
import os
import pathlib
import re
import resource
import shutil
import subprocess
import sys

import program

MLP = program.CONFIGS / "mlp_cpu.json"
TWO_ISLANDS = program.ROOT / "tests" / "scenario" / "two_islands.json"
BENCH = program.CONFIGS / "bench_sim.json"
FIGURES = {f"{subject}.{form}" for subject in ("timeline", "utilization")
           for form in ("svg", "pdf", "png")}


class Files(program.Case):
    def test_without_options(self):
        done = self.accept("run", MLP, "--out", self.out)
        self.assertEqual(set(self.files(self.out)), program.DATA_FILES)
        self.assertIn(f"written to {self.out}", done.stdout)

    def test_without_a_folder_nothing_is_written(self):
        self.accept("run", MLP, cwd=self.folder)
        self.accept("run", MLP, "--json", cwd=self.folder)
        self.accept("run", program.CONFIGS / "quickstart.json", cwd=self.folder)
        self.assertEqual(list(self.folder.iterdir()), [])

    def test_json_is_the_summary_and_nothing_else(self):
        done = self.accept("run", MLP, "--json", "--out", self.out)
        self.assertEqual(done.stdout, (self.out / "summary.json").read_text())
        self.assertEqual(done.stdout, self.accept("run", MLP, "--json").stdout)

    def test_trace_opens(self):
        self.accept("run", MLP, "--out", self.out, "--trace")
        with gzip.open(self.out / "trace.json.gz") as file:
            trace = json.load(file)
        events = trace["traceEvents"] if isinstance(trace, dict) else trace
        self.assertGreater(len(events), 100)

    def test_tables_agree_with_the_summary(self):
        self.accept("run", MLP, "--out", self.out)
        summary = json.loads((self.out / "summary.json").read_text())
        with open(self.out / "devices.csv") as file:
            devices = list(csv.DictReader(file))
        self.assertEqual(len(devices), summary["devices"])
        windows = {sum(int(row[key]) for key in ("busy_ns", "wait_ns", "idle_ns"))
                   for row in devices}
        self.assertEqual(len(windows), 1)
        busy_ns = sum(int(row["busy_ns"]) for row in devices)
        self.assertAlmostEqual(busy_ns / (len(devices) * windows.pop()), summary["utilization"])
        self.assertAlmostEqual(sum(float(row["energy_j"]) for row in devices),
                               summary["energy_j"])
        with open(self.out / "gangs.csv") as file:
            gangs = list(csv.DictReader(file))
        self.assertLessEqual(max(int(row["end_ns"]) for row in gangs), summary["makespan_ns"])
        self.assertEqual(len({row["gang"] for row in gangs}), len(gangs))

    def test_shards_are_their_devices_time(self):
        """On no device do two overlap, and together they are the time that devices.csv tells."""
        for backend in ("sim", "cpu"):
            folder = self.out / backend
            self.accept("run", program.CONFIGS / "quickstart.json", "--backend", backend, "--out",
                        folder)
            with open(folder / "shards.csv") as file:
                shards = list(csv.DictReader(file))
            with open(folder / "gangs.csv") as file:
                gangs = {row["gang"]: row for row in csv.DictReader(file)}
            self.assertEqual({row["gang"] for row in shards}, set(gangs))
            spans, local_ns = {}, {}
            for row in shards:
                gang = gangs[row["gang"]]
                self.assertEqual([row[key] for key in ("job", "run", "node", "stage")],
                                 [gang[key] for key in ("job", "run", "node", "stage")])
                first, count = int(row["first_device"]), int(row["device_count"])
                for device in range(first, first + count):
                    span = int(row["start_ns"]), int(row["end_ns"])
                    spans.setdefault(device, []).append(span)
                    local_ns[device] = local_ns.get(device, 0) + int(row["local_ns"])
            with open(folder / "devices.csv") as file:
                for row in csv.DictReader(file):
                    held = sorted(spans[int(row["device"])])
                    for one, other in zip(held, held[1:]):
                        self.assertLessEqual(one[1], other[0])
                    self.assertEqual(sum(end - start for start, end in held),
                                     int(row["busy_ns"]) + int(row["wait_ns"]))
                    self.assertEqual(local_ns[int(row["device"])], int(row["local_ns"]))

    def test_gangs_can_be_left_out(self):
        self.accept("run", MLP, "--out", self.out, "--set", "outputs.gangs=false")
        self.assertEqual(set(self.files(self.out)),
                         program.DATA_FILES - {"gangs.csv", "shards.csv"})

    def test_outputs_of_the_scenario(self):
        self.accept("run", MLP, "--out", self.out, "--set", "outputs.trace=true")
        self.assertIn("trace.json.gz", self.files(self.out))

    def test_folders_are_made(self):
        self.accept("run", MLP, "--out", self.out / "deep" / "er")
        self.assertIn("summary.json", self.files(self.out / "deep" / "er"))

    def test_the_folder_speaks_of_one_run(self):
        """What only the older run had is gone; what is not ours stays."""
        self.accept("run", MLP, "--out", self.out, "--trace")
        (self.out / "notes.txt").write_text("mine")
        self.accept("run", BENCH, "--out", self.out, "--set", "jobs.0.steps=1")
        left = set(self.files(self.out))
        self.assertEqual(left, program.DATA_FILES - {"gangs.csv", "shards.csv"} | {"notes.txt"})

    def test_bytes_between_islands(self):
        """An activation and its slope cross; where both stages lie on one island, nothing does."""
        def bytes_dcn(activation, *settings):
            words = ["jobs.0.parameters.activation=" + activation, *settings]
            return self.summary(TWO_ISLANDS, *(word for setting in words
                                               for word in ("--set", setting)))["bytes_dcn"]
        self.assertEqual(bytes_dcn("300kB") - bytes_dcn("100kB"), 2 * 200000)
        near = ("cluster.islands.0.count=1", "cluster.islands.0.hosts=2",
                "jobs.0.placement.stage1.island=0")
        self.assertEqual(bytes_dcn("300kB", *near), bytes_dcn("100kB", *near))

    def test_on_every_backend(self):
        for backend in ("sim", "cpu", "null"):
            folder = self.out / backend
            self.accept("run", MLP, "--backend", backend, "--out", folder, "--trace")
            computed = {"results.csv"} if backend == "cpu" else set()  # Others hold no data.
            self.assertEqual(set(self.files(folder)),
                             program.DATA_FILES | {"trace.json.gz"} | computed)
            self.assertEqual(json.loads((folder / "summary.json").read_text())["backend"], backend)
            timing = json.loads((folder / "timing.json").read_text())
            self.assertGreater(timing["wall_s"], 0)
            self.assertGreater(timing["device_operations"], 0)
            self.assertGreater(timing["peak_bytes"], 0)


class Words(program.Case):
    """What people read says what became of each job."""

    def loop(self, values):
        program_parts = {"meshes": {"m": [2]},
                         "functions": {"f": {"operations": [{"duration": "1ms"}]}},
                         "nodes": [{"name": "x", "function": "f", "mesh": "m"}],
                         "results": {"loss": "x"}}
        job = {"name": "w", "workload": "graph", "parameters": program_parts, "steps": 20,
               "until": {"result": "loss", "below": 0.5}, "values": {"loss": values}}
        island = {"hosts": 1, "devices_per_host": 2, "accelerator": "cpu"}
        return self.write("s.json", {"cluster": {"islands": [island]}, "jobs": [job]})

    def test_a_loop_that_stops_and_one_that_never_does(self):
        for values, steps, words in (([3, 2, 1, 0.4, 0.1], 4, "4 of 20 steps"),
                                     ([3], 20, "20 steps")):
            file = self.loop(values)
            expected = [values[min(i, len(values) - 1)] for i in range(steps)]
            for backend in ("sim", "null"):
                with self.subTest(words, backend=backend):
                    done = self.accept("run", file, "--backend", backend)
                    self.assertRegex(done.stdout, rf"\n  w: {words}, step .*"
                                     rf", loss 3 -> {expected[-1]:g}\n\Z")
                    job, = self.summary(file, "--backend", backend)["jobs"]
                    self.assertEqual((job["steps"], job["results"]), (steps, {"loss": expected}))

    def test_where_a_job_went(self):
        island = {"hosts": 2, "devices_per_host": 2, "accelerator": "tpu_v3_core"}
        job = {"name": "a", "workload": "chain", "steps": 10,
               "parameters": {"devices": 2, "length": 8, "duration": "100us"},
               "placement": {"mesh0": {"island": 0}}}
        for hosts, words in (([0], "moved 1 time"),
                             ([0, 1], "stayed 1 time on devices of removed hosts")):
            fault = {"at": "3ms", "remove": {"island": 0, "hosts": hosts}}
            file = self.write("s.json", {"cluster": {"islands": [island]}, "jobs": [job],
                                         "faults": [fault]})
            self.assertIn(f"\n  a: 10 steps, {words}, step ", self.accept("run", file).stdout)


class Unwritable(program.Case):
    def refuse_folder(self, folder, *arguments):
        return self.refuse(5, [str(folder)], "run", MLP, "--out", folder, *arguments)

    def test_below_a_file(self):
        file = self.write("file", "text")
        self.refuse_folder(file / "out")
        self.refuse_folder(file)
        self.assertEqual(file.read_text(), "text")

    def test_where_nothing_can_be_made(self):
        self.refuse_folder(pathlib.Path("/proc/gangway"))
        self.refuse_folder(pathlib.Path("/proc/self"))
        self.refuse_folder(pathlib.Path("/dev/null/out"))

    def test_nothing_is_run_before(self):
        """A week's run must not end in a folder that could not be written from the start."""
        message = self.refuse_folder(pathlib.Path("/proc/gangway"), "--set", "jobs.0.steps=1000000")
        self.assertIn("make the folder", message)

    def test_a_name_that_is_taken_by_a_folder(self):
        (self.out / "summary.json").mkdir(parents=True)
        self.refuse(5, ["summary.json"], "run", MLP, "--out", self.out)
        self.check_no_leftovers(self.out)

    def test_no_permission(self):
        if os.geteuid() == 0:
            self.skipTest("root may do all")
        self.out.mkdir(mode=0o500)
        self.refuse(5, [str(self.out)], "run", MLP, "--out", self.out)


class FullDisk(program.Case):
    """Every file is the old one or the new one, whole, wherever the disk was full."""

    def finished(self, seed):
        folder = self.folder / f"seed{seed}"
        self.accept("run", BENCH, "--set", f"seed={seed}", "--set", "jobs.0.steps=2", "--set",
                    "outputs.gangs=true", "--out", folder, "--trace")
        return folder

    def check_whole(self, folder, *versions):
        self.check_no_leftovers(folder)
        for name, content in self.files(folder).items():
            if name == "timing.json":
                json.loads(content)
            else:
                self.assertIn(content, [version.get(name) for version in versions], name)

    def test_limited_file_sizes(self):
        """A write beyond the limit fails as on a full disk."""
        old = self.finished(1)
        before, after = self.files(old), self.files(self.finished(2))
        sizes = sorted({len(content) for content in after.values()})
        for limit in [0, 1, *(size - 1 for size in sizes)]:
            with self.subTest(limit):
                folder = self.folder / f"limit{limit}"
                shutil.copytree(old, folder)
                self.refuse(5, [str(folder), "File too large"], "run", BENCH, "--set", "seed=2",
                            "--set", "jobs.0.steps=2", "--set", "outputs.gangs=true", "--out",
                            folder, "--trace", "--json",
                            preexec_fn=lambda most=limit: resource.setrlimit(
                                resource.RLIMIT_FSIZE, (most, most)))
                self.check_whole(folder, before, after)

    def test_a_small_file_system(self):
        if sys.platform != "linux" or shutil.which("unshare") is None:
            self.skipTest("no mount name spaces")
        self.out.mkdir()
        after = self.files(self.finished(2))
        # The mount is seen by this command alone and goes with it.
        script = ('mount -t tmpfs -o "size=$1" none "$3" || exit 77; kept=$2 out=$3; shift 3; "$@";'
                  ' code=$?; mkdir "$kept"; cp -a "$out/." "$kept"; exit $code')
        for size in ("4k", "16k", "64k", "128k", "1m"):
            with self.subTest(size):
                kept = self.folder / f"kept{size}"
                ran = subprocess.run(
                    ["unshare", "--mount", "sh", "-c", script, "sh", size, kept, self.out,
                     program.GANGWAY, "run", BENCH, "--set", "seed=2", "--set", "jobs.0.steps=2",
                     "--set", "outputs.gangs=true", "--out", self.out, "--trace", "--json"],
                    capture_output=True, text=True, env=program.environment(), timeout=120,
                    check=False)
                if ran.returncode in (1, 77) and not kept.exists():
                    self.skipTest("this user may not mount")
                self.check_sound(ran.returncode, ran.stderr)
                if ran.returncode == 0:
                    self.assertEqual(size, "1m")
                    continue
                self.assertEqual((ran.returncode, ran.stdout), (5, ""), ran.stderr)
                self.check_message(ran.stderr, ["No space left on device"])
                self.check_whole(kept, after)


class LittleMemory(program.Case):
    def test_a_cluster_too_large_for_this_machine(self):
        if program.is_sanitized():
            self.skipTest("a sanitizer needs all addresses")
        island = ('cluster.islands=[{"hosts":65536,"devices_per_host":16,"accelerator":"cpu"}]')
        most = 256 << 20
        self.refuse(5, ["out of memory"], "run", MLP, "--set", island, "--set", "jobs.0.steps=1",
                    preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (most, most)))


    def test_no_room_for_products(self):
        """OpenBLAS would ask for ever."""
        if program.is_sanitized():
            self.skipTest("a sanitizer needs all addresses")
        most = 320 << 20
        self.refuse(5, ["no addresses for OpenBLAS", "ulimit -v"], "run", MLP, "--backend", "cpu",
                    preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (most, most)))


class Plots(program.Case):
    def test_figures(self):
        if shutil.which("gnuplot") is None:
            self.skipTest("no gnuplot")
        done = self.accept("run", MLP, "--out", self.out, "--plot")
        self.assertLessEqual(FIGURES, set(self.files(self.out)))
        for subject in ("timeline", "utilization"):
            self.assertIn(f"figure: {self.out}/{subject}", done.stdout)
        self.assertTrue((self.out / "utilization.png").read_bytes().startswith(b"\x89PNG"))
        self.check_no_leftovers(self.out)

    def test_boxes_without_a_label_have_none(self):
        """Texts are labels, tics, kinds of nodes, and what the axes are."""
        if shutil.which("gnuplot") is None:
            self.skipTest("no gnuplot")
        self.accept("run", program.CONFIGS / "text_cpu.json", "--set", "jobs.0.steps=2", "--plot",
                    "--out", self.out)
        boxes = list(csv.DictReader((self.out / "timeline.csv").read_text().splitlines()))
        self.assertIn("", [box["label"] for box in boxes])
        shards = csv.DictReader((self.out / "shards.csv").read_text().splitlines())
        known = {"device", *(re.match("[a-z]+", shard["node"])[0] for shard in shards)}
        texts = re.findall(r"<text.*?</text>", (self.out / "timeline.svg").read_text(), re.DOTALL)
        for text in texts:
            word = re.sub(r"<[^>]*>", "", text).strip()
            if word not in known:
                self.assertRegex(word, r"^([\d.]+|time \(.s\))$")

    def test_plot_again(self):
        if shutil.which("gnuplot") is None:
            self.skipTest("no gnuplot")
        self.accept("run", MLP, "--out", self.out)
        done = self.accept("plot", self.out, "--figure", "utilization", "--format", "svg")
        self.assertEqual(done.stdout, f"{self.out}/utilization.svg\n")
        self.assertEqual(set(self.files(self.out)) & FIGURES, {"utilization.svg"})

    def test_a_later_run_takes_them_away(self):
        if shutil.which("gnuplot") is None:
            self.skipTest("no gnuplot")
        self.accept("run", MLP, "--backend", "cpu", "--set", "jobs.0.steps=3", "--out", self.out,
                    "--plot", "--trace")
        self.assertLessEqual(FIGURES | {"trace.json.gz", "results.csv"}, set(self.files(self.out)))
        self.accept("run", MLP, "--out", self.out)
        self.assertEqual(set(self.files(self.out)), program.DATA_FILES)

    def test_gnuplot_absent(self):
        """Whoever wants figures is told before the work, and the folder stays as it was."""
        env = program.environment(PATH=str(self.folder / "empty"))
        for arguments in (["run", MLP, "--plot"], ["run", MLP, "--set", "outputs.plot=true"],
                          ["compare", MLP, "--vary", "control.lookahead=1,2", "--plot"],
                          ["reproduce", "--figure", "5"], ["validate", MLP, "--plot"]):
            self.refuse(5, ["apt-get install gnuplot-nox"], *arguments, "--out", self.out, env=env)
            self.assertFalse(self.out.exists())
        self.accept("run", MLP, "--out", self.out, env=env)
        self.refuse(5, ["apt-get install gnuplot-nox"], "plot", self.out, env=env)
        self.check_no_leftovers(self.out)

    def test_gnuplot_that_fails(self):
        fake = self.write("bin/gnuplot", "#!/bin/sh\necho no such terminal >&2\nexit 3\n")
        fake.chmod(0o755)
        env = program.environment(PATH=f"{fake.parent}:/usr/bin:/bin")
        self.refuse(5, [str(self.out), "the numbers are whole", "gnuplot"],
                    "run", MLP, "--out", self.out, "--plot", env=env)
        self.assertLessEqual(program.DATA_FILES, set(self.files(self.out)))
        self.refuse(5, ["gnuplot"], "plot", self.out, env=env)
        self.check_no_leftovers(self.out)
        self.assertFalse(FIGURES & set(self.files(self.out)))

    def test_a_folder_without_a_run(self):
        self.refuse(1, [str(self.out), "No such file"], "plot", self.out)
        self.out.mkdir()
        self.refuse(1, [str(self.out), "No such file"], "plot", self.out)
        self.assertEqual(self.files(self.out), {})


if __name__ == "__main__":
    program.main()
