#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A mixture of experts trained for real: losses and dropped choices do not depend on the mesh, and
are those of an implementation of its own (experts.py); simulated, choices are drawn."""
import experts
import perceptron
import program
import transformer

SCENARIO = program.CONFIGS / "experts_cpu.json"
TOLERANCE = 1e-4        # Relative; sums of float32 in another order.
EXACT_TOLERANCE = 2e-5  # Against double precision.
P = "jobs.0.parameters"


def total(results):
    """Dropped choices by step, of all places that have gates."""
    return [sum(step) for step in zip(*(values for name, values in results.items()
                                        if name.split(".")[0] == "dropped"))]


def experts_dropped(seed, sizes):
    model = experts.Model(seed, **sizes)
    model.loss()
    return model.dropped


class Experts(program.Case):
    def results(self, *settings, backend="cpu"):
        arguments = [word for setting in program.shortened(settings)
                     for word in ("--set", setting)]
        summary = self.summary(SCENARIO, "--backend", backend, *arguments)
        return summary["jobs"][0]["results"]

    def step_time(self, *settings):
        arguments = [word for setting in settings for word in ("--set", setting)]
        summary = self.summary(SCENARIO, "--backend", "sim", *arguments)
        return summary["jobs"][0]["step_time_ns"]

    def check_close(self, ours, theirs, tolerance):
        self.assertEqual(len(ours), len(theirs))
        for step, (a, b) in enumerate(zip(ours, theirs)):
            self.assertLessEqual(abs(a - b), tolerance * abs(b), f"step {step}: {a} and {b}")

    def test_the_mesh_does_not_matter(self):
        """1 to 8 devices, whether seats are enough or not, and experts one or several a device;
        what is dropped is the same to the last choice."""
        for choice in ([], [f"{P}.top=1", f"{P}.experts_every=1"],
                       [f"{P}.capacity_factor=8", f"{P}.balance=0"]):
            # Not much longer steps: where two shares are as good as equal, rounding may choose
            # another one, and losses part there.
            usual = ["cluster.islands.0.hosts=4", "jobs.0.steps=50", f"{P}.layers=4",
                     f"{P}.learning_rate=0.002", *choice]
            alone = self.results(f"{P}.data=1", *usual)
            self.check_fell(alone["loss"], 0.5)
            has_room = f"{P}.capacity_factor=8" in choice
            self.assertEqual(any(alone["dropped"]), not has_room)
            for data, tensor, stages, microbatch in ((2, 1, 1, 4), (8, 1, 1, 1), (4, 2, 1, 1),
                                                     (2, 4, 1, 4), (2, 2, 2, 2), (2, 1, 4, 1)):
                with self.subTest((choice, data, tensor, stages, microbatch)):
                    shared = self.results(f"{P}.data={data}", f"{P}.tensor={tensor}",
                                          f"{P}.stages={stages}", f"{P}.microbatch={microbatch}",
                                          *usual)
                    self.check_close(shared["loss"], alone["loss"], TOLERANCE)
                    self.assertEqual(total(shared), alone["dropped"])

    def test_neither_does_sequence_parallelism(self):
        """Parts of the stream along tensor: gates see all tokens, and their slopes are whole."""
        usual = ["cluster.islands.0.hosts=4", "jobs.0.steps=50", f"{P}.layers=4",
                 f"{P}.learning_rate=0.0003"]
        alone = self.results(f"{P}.data=1", *usual)
        for data, tensor, *more in ((1, 2), (2, 4, "microbatch=1"), (2, 2, "zero=3"),
                                    (1, 4, "recompute=full", "microbatch=2"),
                                    (2, 2, "stages=2", "microbatch=2"),
                                    (1, 2, "stages=2", "microbatch=2", "schedule=zb-h1")):
            with self.subTest((data, tensor, more)):
                shared = self.results(f"{P}.data={data}", f"{P}.tensor={tensor}",
                                      f"{P}.sequence_parallel=true",
                                      *(f"{P}.{setting}" for setting in more), *usual)
                self.check_close(shared["loss"], alone["loss"], TOLERANCE)
                self.assertEqual(total(shared), alone["dropped"])

    def test_groups_of_sequences(self):
        """Results depend on the groups, and on nothing that holds them."""
        usual = [f"{P}.group=2", "jobs.0.steps=50"]
        alone = self.results(f"{P}.data=1", *usual)
        self.assertNotEqual(alone["dropped"],
                            self.results(f"{P}.data=1", "jobs.0.steps=50")["dropped"])
        for data, microbatch in ((4, 2), (2, 2), (1, 2), (2, 4)):
            with self.subTest((data, microbatch)):
                shared = self.results(f"{P}.data={data}", f"{P}.microbatch={microbatch}", *usual)
                self.check_close(shared["loss"], alone["loss"], TOLERANCE)
                self.assertEqual(shared["dropped"], alone["dropped"])

    def test_ways_of_running_do_not_matter(self):
        usual = self.results()
        for setting in ("jobs.0.submit=op_by_op", "jobs.0.submit=fused",
                        "control.dispatch=sequential", "control.policy=none",
                        "control.system=multi_controller",
                        f"{P}.recompute=selective", f"{P}.recompute=full"):
            with self.subTest(setting):
                self.check_close(self.results(setting)["loss"], usual["loss"], 1e-6)

    def test_two_bytes_are_nearly_as_good(self):
        long = (f"{P}.learning_rate=0.004", "jobs.0.steps=50")
        usual = self.results(*long)["loss"]
        half = self.results(*long, f"{P}.precision=bfloat16")["loss"]
        self.check_close(half[:10], usual[:10], 0.03)
        self.check_fell(half, 0.1)

    def test_against_another_implementation(self):
        if program.is_sanitized():
            self.skipTest("nearly all of the time is Python's, and the plain build does it")
        sizes = {"hidden": 4, "heads": 2, "vocabulary": 6, "sequence": 4, "batch": 2,
                 "experts": 4, "capacity_factor": 1}
        for optimizer, rate, top, layers, balance in (("sgd", 0.05, 2, 1, 0.5),
                                                      ("adam", 0.001, 1, 2, 0.01)):
            with self.subTest(optimizer):
                sizes.update(top=top, layers=layers, experts_every=layers, balance=balance)
                ours = self.results(
                    "seed=7", f"{P}.data=2", f"{P}.tensor=2", f"{P}.optimizer={optimizer}",
                    f"{P}.learning_rate={rate}", "jobs.0.steps=3",
                    *(f"{P}.{key}={value}" for key, value in sizes.items()))
                made = perceptron.Sgd(rate) if optimizer == "sgd" else perceptron.Adam(rate)
                model = experts.Model(7, **sizes)
                model.loss()
                self.assertEqual(ours["dropped"][0], model.dropped)
                self.assertGreater(model.dropped, 0)
                self.check_close(ours["loss"], transformer.train(model, made, 3), EXACT_TOLERANCE)

    def test_encoders_have_experts_too(self):
        """On both sides, on any mesh, and as another implementation has it."""
        sizes = {"hidden": 4, "heads": 2, "vocabulary": 6, "sequence": 4, "batch": 2,
                 "experts": 4, "capacity_factor": 1, "layers": 1, "encoder_layers": 1,
                 "experts_every": 1, "balance": 0.5}
        settings = ["seed=7", f"{P}.optimizer=sgd", f"{P}.learning_rate=0.05", "jobs.0.steps=3",
                    *(f"{P}.{key}={value}" for key, value in sizes.items())]
        theirs = transformer.train(experts.Model(7, **sizes), perceptron.Sgd(0.05), 3)
        for data, tensor, recompute in ((1, 1, "none"), (2, 2, "none"), (2, 1, "full")):
            with self.subTest((data, tensor, recompute)):
                ours = self.results(*settings, f"{P}.data={data}", f"{P}.tensor={tensor}",
                                    f"{P}.recompute={recompute}")
                self.check_close(ours["loss"], theirs, EXACT_TOLERANCE)
        self.assertEqual(ours["dropped"][0], experts_dropped(7, sizes))

    def test_masks_take_time_alone(self):
        """The same numbers, and more time where it is simulated; tiles of seats likewise."""
        one_hot, tiles = f"{P}.dispatch=one_hot", f"{P}.seat_tile=64"
        usual = self.results()
        self.assertEqual(self.results(one_hot, tiles), usual)
        times = [self.step_time(*settings) for settings in ([], [tiles], [one_hot],
                                                            [one_hot, tiles])]
        self.assertEqual(len(set(times)), 4)
        self.assertEqual((min(times), max(times)), (times[0], times[3]))
        # 5 seats in tiles of 5 lie close.
        self.assertEqual(self.step_time(f"{P}.seat_tile=5"), times[0])

    def test_simulated_choices_are_drawn(self):
        """8 sequences of 16 tokens with two choices: 256, of which an even share is taken."""
        uniform = self.results(backend="sim")["dropped"]
        skewed = self.results(f'{P}.routing={{"zipf": 1.5}}', backend="sim")["dropped"]
        self.assertEqual(self.results(f'{P}.routing={{"zipf": 0}}', backend="sim")["dropped"],
                         uniform)
        self.assertEqual(self.results(backend="null")["dropped"], uniform)
        self.assertEqual(self.results("jobs.0.submit=fused", backend="sim")["dropped"], uniform)
        self.assertEqual(self.results(f"{P}.data=1", backend="sim")["dropped"], uniform)
        self.assertGreater(len(set(uniform)), 5)
        self.assertTrue(all(0 < few < many < 256 for few, many in zip(uniform, skewed)))
        roomy = self.results(f'{P}.routing={{"zipf": 1.5}}', f"{P}.capacity_factor=8",
                             backend="sim")["dropped"]
        self.assertEqual(roomy, [0] * 20)
        said = self.results('jobs.0.values={"dropped": [3, 4]}', backend="sim")["dropped"]
        self.assertEqual(said, [3] + [4] * 19)


if __name__ == "__main__":
    program.main()
