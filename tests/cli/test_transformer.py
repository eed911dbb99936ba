#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A transformer trained for real: losses do not depend on the mesh, on policy or dispatch, fall,
and are those of an implementation of its own (transformer.py); and its mistakes have words."""
import json

import perceptron
import program
import transformer

SCENARIO = program.CONFIGS / "transformer_cpu.json"
TEXT = program.CONFIGS / "text_cpu.json"
TOLERANCE = 1e-4        # Relative; sums of float32 in another order.
EXACT_TOLERANCE = 2e-5  # Against double precision.
P = "jobs.0.parameters"


class Transformer(program.Case):
    def losses(self, *settings):
        arguments = [word for setting in program.shortened(settings)
                     for word in ("--set", setting)]
        summary = self.summary(SCENARIO, "--backend", "cpu", *arguments)
        return summary["jobs"][0]["results"]["loss"]

    def check_close(self, ours, theirs, tolerance):
        self.assertEqual(len(ours), len(theirs))
        for step, (a, b) in enumerate(zip(ours, theirs)):
            self.assertLessEqual(abs(a - b), tolerance * abs(b), f"step {step}: {a} and {b}")

    def test_the_mesh_does_not_matter(self):
        usual = (f"{P}.learning_rate=0.004", "jobs.0.steps=50")
        alone = self.losses(f"{P}.data=1", f"{P}.tensor=1", *usual)
        self.check_fell(alone, 0.1)
        for data, tensor in ((2, 1), (1, 2), (2, 2), (4, 1), (1, 4)):
            with self.subTest((data, tensor)):
                shared = self.losses(f"{P}.data={data}", f"{P}.tensor={tensor}", *usual)
                self.check_close(shared, alone, TOLERANCE)

    def test_neither_do_pipelines(self):
        """Stages, chunks and micro-batches, with data and tensor, by each schedule."""
        alone = self.losses(f"{P}.layers=4", f"{P}.data=1", f"{P}.tensor=1", "jobs.0.steps=50")
        for data, tensor, stages, chunks, microbatch, schedule in (
                (1, 1, 4, 1, 1, "1f1b"), (2, 1, 2, 1, 2, "1f1b"), (1, 2, 2, 1, 1, "gpipe"),
                (1, 1, 2, 2, 2, "interleaved"), (2, 2, 1, 1, 1, "1f1b"),
                (2, 1, 2, 2, 1, "interleaved")):
            with self.subTest((data, tensor, stages, chunks, microbatch, schedule)):
                piped = self.losses(
                    f"{P}.layers=4", f"{P}.data={data}", f"{P}.tensor={tensor}",
                    f"{P}.stages={stages}", f"{P}.chunks={chunks}", f"{P}.microbatch={microbatch}",
                    f"{P}.schedule={schedule}", "jobs.0.steps=50")
                self.check_close(piped, alone, TOLERANCE)

    def test_nor_do_backward_passes_in_two_parts(self):
        alone = self.losses(f"{P}.layers=4", f"{P}.data=1", f"{P}.tensor=1", "jobs.0.steps=50")
        for settings in (
                ("data=1", "tensor=1", "stages=4", "schedule=zb-h1"),
                ("data=1", "tensor=1", "stages=2", "schedule=zb-h2", "recompute=full"),
                ("data=2", "tensor=1", "stages=2", "schedule=zb-1p", "recompute=selective"),
                ("data=1", "tensor=2", "stages=2", "schedule=zb-2p", "sequence_parallel=true"),
                ("data=2", "tensor=1", "stages=2", "schedule=zb-auto", "activations_max=3",
                 "zero=3"),
                ("data=2", "tensor=2", "stages=1", "schedule=zb-h1", "zero=2",
                 "sequence_parallel=true", "bucket=4KiB")):
            with self.subTest(settings):
                split = self.losses(f"{P}.layers=4", f"{P}.microbatch=1",
                                    *(f"{P}.{setting}" for setting in settings), "jobs.0.steps=50")
                self.check_close(split, alone, TOLERANCE)

    def test_a_schedule_of_ones_own_may_split_some(self):
        """Whole passes and passes in two parts on one stage: slopes go from either to either."""
        rows = ["stage,operation,microbatch"]
        rows += [f"0,{word}" for word in ("F,0", "F,1", "F,2", "F,3", "BW,0", "B,1", "BW,2", "W,1",
                                          "B,3", "W,3")]
        rows += [f"1,{word}" for word in ("F,0", "B,0", "F,1", "BW,1", "F,2", "W,0", "B,2", "F,3",
                                          "B,3", "W,3", "W,2")]
        path = self.folder / "mixed.csv"
        path.write_text("\n".join(rows) + "\n")
        usual = self.losses(f"{P}.tensor=1", f"{P}.microbatch=1", "jobs.0.steps=50")
        mixed = self.losses(f"{P}.tensor=1", f"{P}.microbatch=1", f"{P}.stages=2",
                            f"{P}.schedule=file", f"{P}.schedule_file={path}", "jobs.0.steps=50")
        self.check_close(mixed, usual, TOLERANCE)

    def test_splitting_fills_bubbles(self):
        """As many activations are held as by 1F1B, and the step is shorter."""
        times = {}
        for schedule in ("1f1b", "zb-h1"):
            summary = self.summary(
                SCENARIO, "--paranoid", *(word for setting in (
                    "cluster.islands.0.accelerator=tpu_v4", "jobs.0.submit=chained",
                    f"{P}.hidden=1024", f"{P}.heads=8", f"{P}.layers=8", f"{P}.sequence=512",
                    f"{P}.batch=16", f"{P}.microbatch=1", f"{P}.data=1", f"{P}.tensor=1",
                    f"{P}.stages=4", f"{P}.schedule={schedule}", "jobs.0.steps=4")
                    for word in ("--set", setting)))
            times[schedule] = summary["jobs"][0]["step_time_ns"]
            self.assertLessEqual(max(summary["jobs"][0]["peak_activations"]), 4)
        self.assertLess(times["zb-h1"], 0.95 * times["1f1b"])

    def test_chunks_are_applied_as_they_come(self):
        """In order the first chunks come early, and their updates go beside the exchange; slopes of
        the last layers cross beside the backward pass."""
        more = ("cluster.islands.0.accelerator=tpu_v3_core", "cluster.islands.0.count=2",
                "cluster.islands.0.hosts=2", "cluster.islands.0.devices_per_host=4",
                "jobs.0.submit=chained", f"{P}.hidden=2048",
                f"{P}.heads=8", f"{P}.layers=8", f"{P}.sequence=512", f"{P}.batch=32",
                f"{P}.data=8", f"{P}.tensor=1", f"{P}.islands=2", "jobs.0.steps=3")
        times = []
        for settings in ((), ("cluster.dcn.in_order=true",), (f"{P}.exchange_chunks=8",),
                         ("cluster.dcn.in_order=true", f"{P}.exchange_chunks=8"),
                         (f"{P}.chunks=4", f"{P}.schedule=interleaved")):
            arguments = (word for setting in more + settings for word in ("--set", setting))
            summary = self.summary(SCENARIO, "--paranoid", *arguments)
            times.append(summary["jobs"][0]["step_time_ns"])
        whole, ordered, shared, both, beside = times
        self.assertAlmostEqual(ordered / whole, 1, delta=0.005)
        self.assertAlmostEqual(shared / whole, 1, delta=0.01)
        self.assertLess(both, 0.98 * whole)
        self.assertLess(beside, 0.9 * whole)

    def test_sequence_parallelism_does_not_matter(self):
        alone = self.losses(f"{P}.data=1", f"{P}.tensor=1", "jobs.0.steps=50")
        for settings in (("data=1", "tensor=2"), ("data=1", "tensor=4", "microbatch=1"),
                         ("data=2", "tensor=2", "microbatch=2", "recompute=full"),
                         ("data=1", "tensor=2", "stages=2", "microbatch=2"),
                         ("data=1", "tensor=4", "recompute=selective")):
            with self.subTest(settings):
                split = self.losses(*(f"{P}.{setting}" for setting in settings),
                                    f"{P}.sequence_parallel=true", "jobs.0.steps=50")
                self.check_close(split, alone, TOLERANCE)

    def test_where_slopes_are_added_and_parts_are_handed_on_does_not_matter(self):
        for settings in (("data=1", "tensor=2", "stages=2", "microbatch=2"),
                         ("data=2", "tensor=2", "microbatch=1"),
                         ("data=1", "tensor=4", "stages=2", "microbatch=1", "recompute=full"),
                         ("data=2", "tensor=1", "microbatch=2", "zero=1", "bucket=4KiB")):
            with self.subTest(settings):
                plain = self.losses(*(f"{P}.{setting}" for setting in settings))
                other = self.losses(*(f"{P}.{setting}" for setting in settings),
                                    f"{P}.scatter_gather=true", f"{P}.fused_accumulation=true")
                self.check_close(other, plain, TOLERANCE)

    def test_sums_beside_products_do_not_matter(self):
        for settings in (("data=1", "tensor=2"), ("data=2", "tensor=2", "microbatch=1"),
                         ("data=1", "tensor=4", "sequence_parallel=true", "recompute=full"),
                         ("data=1", "tensor=2", "stages=2", "microbatch=2")):
            with self.subTest(settings):
                plain = self.losses(*(f"{P}.{setting}" for setting in settings))
                other = self.losses(*(f"{P}.{setting}" for setting in settings),
                                    f"{P}.overlapped_slopes=true")
                self.assertEqual(other, plain)

    def test_slopes_of_two_bytes_train_as_well(self):
        for settings in (("data=2", "tensor=2", "microbatch=1"), ("data=4", "tensor=1", "zero=2"),
                         ("data=1", "tensor=2", "stages=2", "microbatch=2")):
            with self.subTest(settings):
                wide = self.losses(*(f"{P}.{setting}" for setting in settings),
                                   f"{P}.precision=bfloat16")
                thin = self.losses(*(f"{P}.{setting}" for setting in settings),
                                   f"{P}.precision=bfloat16", f"{P}.slopes=bfloat16")
                self.assertNotEqual(thin, wide)
                self.check_close(thin, wide, 0.05)

    def test_eager_takes_time(self):
        plain, eager = (self.summary(SCENARIO, "--set", "cluster.islands.0.accelerator=a100",
                                     "--set", "control.profile=ideal",
                                     "--set", f"{P}.eager={value}", "--set", "jobs.0.steps=2")
                        for value in ("false", "true"))
        self.assertLess(plain["jobs"][0]["step_time_ns"], eager["jobs"][0]["step_time_ns"])

    def test_dropping_out_takes_time(self):
        plain, dropped = (self.summary(SCENARIO, "--set", "cluster.islands.0.accelerator=a100",
                                       "--set", f"{P}.dropout={value}", "--set", "jobs.0.steps=2",
                                       "--set", f"{P}.hidden=1024", "--set", f"{P}.sequence=512")
                          for value in ("false", "true"))
        self.assertLess(plain["jobs"][0]["step_time_ns"], dropped["jobs"][0]["step_time_ns"])

    def test_zero_and_buckets_do_not_matter(self):
        alone = self.losses(f"{P}.data=1", f"{P}.tensor=1", "jobs.0.steps=50")
        for settings in (("data=4", "tensor=1", "zero=1"), ("data=4", "tensor=1", "bucket=0B"),
                         ("data=4", "tensor=1", "zero=1", "bucket=0B"),
                         ("data=4", "tensor=1", "zero=2", "microbatch=1", "bucket=0B"),
                         ("data=2", "tensor=2", "zero=2", "microbatch=1", "bucket=4KiB"),
                         ("data=4", "tensor=1", "zero=3", "recompute=full"),
                         ("data=2", "tensor=2", "zero=3", "microbatch=2",
                          "sequence_parallel=true", "recompute=selective"),
                         ("data=2", "tensor=1", "zero=3", "stages=2", "microbatch=2"),
                         ("data=2", "tensor=1", "zero=1", "stages=2", "microbatch=1"),
                         ("data=2", "tensor=2", "bucket=1kB", "microbatch=1")):
            with self.subTest(settings):
                parted = self.losses(*(f"{P}.{setting}" for setting in settings),
                                     "jobs.0.steps=50")
                self.check_close(parted, alone, TOLERANCE)

    def test_parts_of_two_bytes(self):
        half = self.losses(f"{P}.precision=bfloat16", f"{P}.data=4", f"{P}.tensor=1")
        for zero in (1, 2, 3):
            parted = self.losses(f"{P}.precision=bfloat16", f"{P}.data=4", f"{P}.tensor=1",
                                 f"{P}.zero={zero}")
            self.check_close(parted, half, TOLERANCE)

    def test_what_does_not_divide_stays_whole(self):
        sizes = (f"{P}.sequence=9", f"{P}.batch=6", f"{P}.tensor=1", "jobs.0.steps=50")
        alone = self.losses(f"{P}.data=1", *sizes)
        self.check_close(self.losses(f"{P}.data=3", f"{P}.zero=3", *sizes), alone, TOLERANCE)

    def test_ways_of_running_do_not_matter(self):
        usual = self.losses()
        for setting in ("jobs.0.submit=op_by_op", "control.dispatch=sequential",
                        "control.policy=none", "control.system=multi_controller",
                        "control.lookahead=1", "jobs.0.in_flight=4",
                        f"{P}.recompute=selective", f"{P}.recompute=full",
                        f"{P}.microbatch=2"):
            with self.subTest(setting):
                self.check_close(self.losses(setting), usual, 1e-6)

    def test_sgd_is_stable_at_its_own_rate(self):
        """Where steps are too long for that, they make losses of roundings."""
        made = json.loads(SCENARIO.read_text())
        del made["$schema"], made["jobs"][0]["parameters"]["learning_rate"]
        made["jobs"][0]["parameters"].update(optimizer="sgd", layers=4)
        path = self.write("s.json", made)

        def losses(*settings):
            words = program.shortened((*settings, "jobs.0.steps=60"))
            return self.summary(path, "--backend", "cpu", *(word for setting in words for word in
                                ("--set", setting)))["jobs"][0]["results"]["loss"]
        for size in (("hidden=32",), ("hidden=64",),
                     ("layers=8", "heads=2", "vocabulary=16", "batch=4", "seed=732")):
            with self.subTest(size):
                usual = [word if word.startswith("seed") else f"{P}.{word}" for word in size]
                alone = losses(*usual, f"{P}.data=1", f"{P}.tensor=1")
                self.check_fell(alone, 0.98, steps=60)
                self.check_close(losses(*usual), alone, TOLERANCE)

    def test_two_bytes_are_nearly_as_good(self):
        """Rounding to 8 bits shows, and does no harm; and every mesh rounds alike, nearly."""
        long = (f"{P}.learning_rate=0.004", "jobs.0.steps=50")
        usual = self.losses(*long)
        half = self.losses(*long, f"{P}.precision=bfloat16")
        self.check_close(half[:20], usual[:20], 0.02)
        self.assertNotEqual(half, usual)
        self.check_fell(half, 0.1)
        again = self.losses(*long, f"{P}.precision=bfloat16", f"{P}.recompute=full")
        self.check_close(again, half, 1e-6)

    def test_an_encoder_before_it(self):
        """Sides of different lengths, heads wider than the activations; all meshes, pipelines.
        What such a training makes of roundings depends on seed and rate, also where they are of
        one parameter on one device (docs/decisions/0085-the-number-of-an-update.md): at 0.001
        this one parts by 5e-3 and at 0.005, twenty times deeper, by 2e-6."""
        sides = (f"{P}.encoder_layers=2", f"{P}.encoder_sequence=24", f"{P}.head_size=12",
                 f"{P}.learning_rate=0.005", "jobs.0.steps=50")
        alone = self.losses(f"{P}.data=1", f"{P}.tensor=1", *sides)
        self.check_fell(alone, 0.1)
        for data, tensor, stages, chunks, microbatch, more in (
                (2, 2, 1, 1, 4, "recompute=full"), (1, 4, 1, 1, 8, "recompute=none"),
                (2, 1, 1, 1, 2, "recompute=selective"), (2, 1, 2, 1, 4, "recompute=full"),
                (1, 1, 4, 1, 2, "recompute=none"), (1, 2, 2, 2, 2, "schedule=interleaved"),
                (1, 1, 2, 1, 1, "schedule=gpipe")):
            with self.subTest((data, tensor, stages, chunks, microbatch, more)):
                shared = self.losses(
                    f"{P}.data={data}", f"{P}.tensor={tensor}", f"{P}.stages={stages}",
                    f"{P}.chunks={chunks}", f"{P}.microbatch={microbatch}", f"{P}.{more}", *sides)
                self.check_close(shared, alone, TOLERANCE)

    def test_light_ends(self):
        alone = self.losses(f"{P}.layers=6", f"{P}.data=1", f"{P}.tensor=1", "jobs.0.steps=50")
        for stages, chunks, schedule in ((4, 1, "gpipe"), (2, 2, "interleaved"), (2, 1, "1f1b")):
            with self.subTest((stages, chunks, schedule)):
                piped = self.losses(
                    f"{P}.layers=6", f"{P}.data=1", f"{P}.tensor=1", f"{P}.microbatch=2",
                    f"{P}.stages={stages}", f"{P}.chunks={chunks}", f"{P}.schedule={schedule}",
                    f"{P}.light_ends=true", "jobs.0.steps=50")
                self.check_close(piped, alone, TOLERANCE)

    def test_neither_do_islands(self):
        """Each with all of the model; with parts of every kind, pipelines and an encoder."""
        more = ("jobs.0.steps=50", "cluster.islands.0.count=4")
        alone = self.losses(f"{P}.data=1", f"{P}.tensor=1", *more)
        for islands, *settings in (
                (2,), (2, "data=1", "tensor=1"), (4, "data=2", "tensor=1", "zero=3", "bucket=1kB"),
                (2, "zero=2", "microbatch=1", "recompute=full"),
                (2, "tensor=1", "stages=2", "microbatch=1", "bucket=0B"),
                (4, "sequence_parallel=true", "microbatch=1"), (2, "exchange_chunks=1"),
                (2, "zero=3", "exchange_chunks=7"),
                (2, "tensor=1", "chunks=2", "schedule=interleaved", "exchange_chunks=4")):
            with self.subTest((islands, settings)):
                shared = self.losses(f"{P}.islands={islands}",
                                     *(f"{P}.{setting}" for setting in settings), *more)
                self.check_close(shared, alone, TOLERANCE)
        sides = (f"{P}.encoder_layers=2", f"{P}.encoder_sequence=24", *more)
        self.check_close(self.losses(f"{P}.islands=2", *sides), self.losses(*sides), TOLERANCE)

    def test_against_another_implementation(self):
        """Two updates by each optimizer: the second one uses what Adam kept."""
        if program.is_sanitized():
            self.skipTest("nearly all of the time is Python's, and the plain build does it")
        sizes = {"layers": 2, "hidden": 4, "heads": 2, "vocabulary": 6, "sequence": 3, "batch": 2}
        sides = {"layers": 1, "encoder_layers": 2, "encoder_sequence": 4, "head_size": 4}
        for optimizer, rate, more in (("sgd", 0.05, {}), ("adam", 0.001, {}),
                                      ("adam", 0.001, sides)):
            with self.subTest((optimizer, more)):
                chosen = {**sizes, **more}
                ours = self.losses(
                    "seed=7", f"{P}.data=2", f"{P}.tensor=2", f"{P}.optimizer={optimizer}",
                    f"{P}.learning_rate={rate}", "jobs.0.steps=3",
                    *(f"{P}.{key}={value}" for key, value in chosen.items()))
                made = perceptron.Sgd(rate) if optimizer == "sgd" else perceptron.Adam(rate)
                theirs = transformer.train(transformer.Model(7, **chosen), made, 3)
                self.check_close(ours, theirs, EXACT_TOLERANCE)
                self.assertLess(ours[-1], ours[0])

    def test_a_text_is_read(self):
        """Each step's sequences are those of the text, whatever the mesh."""
        text = bytes([5, 0, 3, 1, 2, 2, 4, 0, 1, 3, 3])
        path = self.folder / "text"
        path.write_bytes(text)
        sizes = {"layers": 1, "hidden": 4, "heads": 2, "vocabulary": 6, "sequence": 3, "batch": 2}
        model = transformer.Model(7, **sizes, text=text)
        made = transformer.train(model, perceptron.Adam(0.001), 3)
        for settings in ((), ("data=2", "microbatch=1"), ("tensor=2", "data=1"),
                         ("data=1", "stages=2", "layers=2")):
            with self.subTest(settings):
                ours = self.losses(
                    "seed=7", f"{P}.data=1", f"{P}.tensor=1", "jobs.0.steps=3",
                    *(f"{P}.{key}={value}" for key, value in sizes.items()), f"{P}.text={path}",
                    *(f"{P}.{setting}" for setting in settings))
                if "layers=2" not in settings:
                    self.check_close(ours, made, EXACT_TOLERANCE)
                self.assertEqual(len(set(ours)), 3)

    def test_forward_passes_alone(self):
        """The loss of the parameters as drawn, in every step, with less memory and time."""
        trained = self.losses("jobs.0.steps=3")
        for settings in ((), ("data=1", "tensor=1"), ("zero=3",), ("stages=2", "microbatch=1"),
                         ("microbatch=1", "schedule=zb-h1", "stages=2", "tensor=1")):
            with self.subTest(settings):
                ours = self.losses("jobs.0.steps=3", f"{P}.training=false",
                                   *(f"{P}.{setting}" for setting in settings))
                self.check_close(ours, 3 * trained[:1], TOLERANCE)
        both, forward = (self.summary(SCENARIO, "--set", f"{P}.training={value}",
                                      "--set", "cluster.islands.0.accelerator=a100",
                                      "--set", f"{P}.hidden=1024", "--set", f"{P}.sequence=512")
                         ["jobs"][0] for value in ("true", "false"))
        self.assertLess(forward["memory"]["bytes"], 0.7 * both["memory"]["bytes"])
        self.assertLess(forward["step_time_ns"], 0.7 * both["step_time_ns"])

    def test_slopes_are_summed_in_place(self):
        """With several micro-batches the last backward pass holds one generation of slopes, and
        what it works with is less than another one; so much memory does, on both worlds."""
        accelerator = json.loads((program.CONFIGS / "accelerators/cpu.json").read_text())
        made = json.loads(SCENARIO.read_text())
        made["cluster"]["islands"][0]["accelerator"] = "tight.json"
        made["jobs"][0]["parameters"].update(data=4, stages=1, tensor=1, microbatch=1)
        made["jobs"][0]["steps"] = 3
        usual = self.losses(f"{P}.data=1", f"{P}.tensor=1", "jobs.0.steps=3")
        for setting in ({}, {"zero": 1}, {"zero": 0, "bucket": "4KiB"}):
            made["jobs"][0]["parameters"].update(setting)
            self.write("tight.json", accelerator)
            path = self.write("s.json", made)
            memory = self.summary(path)["jobs"][0]["memory"]
            with self.subTest(setting):
                self.assertLess(memory["temporaries_bytes"], memory["gradients_bytes"])
                self.write("tight.json", dict(accelerator, hbm=f"{memory['bytes']}B"))
                losses = [self.summary(path, "--backend", backend)["jobs"][0]["results"]["loss"]
                          for backend in ("sim", "cpu")]
                self.check_close(losses[1], usual, TOLERANCE)
                self.write("tight.json", dict(accelerator, hbm=f"{memory['bytes'] - 1}B"))
                self.refuse(1, [" too much: "], "run", path)

    def test_texts_and_meshes(self):
        """50 steps on the prose, on one device and on others; letters get easier to guess."""
        def losses(*settings):
            job = [f"{P}.{setting}" for setting in ("learning_rate=0.002", *settings)]
            job += ["jobs.0.steps=50"]
            return self.summary(TEXT, "--backend", "cpu", *(word for setting in job for word in
                                ("--set", setting)))["jobs"][0]["results"]["loss"]
        alone = losses("data=1", "stages=1", "microbatch=4")
        self.assertEqual(len(alone), 50)
        self.assertLess(alone[-1], 0.6 * alone[0])
        for settings in ((), ("data=4", "stages=1", "zero=3"), ("tensor=2", "data=1"),
                         ("stages=1", "data=2", "tensor=2", "sequence_parallel=true")):
            with self.subTest(settings):
                self.check_close(losses(*settings), alone, TOLERANCE)

    def test_the_same_graph_is_simulated(self):
        for accelerator in ("cpu", "tpu_v4"):
            summary = self.summary(SCENARIO, "--set",
                                   f"cluster.islands.0.accelerator={accelerator}")
            job = summary["jobs"][0]
            self.assertEqual(job["steps"], 20)
            self.assertAlmostEqual(job["tokens_per_s"] * job["step_time_ns"] * 1e-9, 8 * 16,
                                   delta=1)
            self.assertLess(0, job["mfu"])
            self.assertLess(job["mfu"], 1)
            self.assertEqual(job["mfu"], job["hfu"])  # Nothing is computed again.


if __name__ == "__main__":
    program.main()
