#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What the CPU computes is right: losses do not depend on how many devices share the batch, fall,
and are those of an implementation of its own (perceptron.py)."""
import json

import perceptron
import program

MLP = program.CONFIGS / "mlp_cpu.json"
TOLERANCE = 1e-4       # Relative; sums of float32 in another order.
EXACT_TOLERANCE = 2e-5  # Against double precision: a few hundred roundings of 6e-8.


class Training(program.Case):
    def losses(self, *settings):
        arguments = [word for setting in settings for word in ("--set", setting)]
        summary = self.summary(MLP, "--backend", "cpu", *arguments)
        return summary["jobs"][0]["results"]["loss"]

    def check_close(self, ours, theirs, tolerance):
        self.assertEqual(len(ours), len(theirs))
        for step, (a, b) in enumerate(zip(ours, theirs)):
            self.assertLessEqual(abs(a - b), tolerance * abs(b), f"step {step}: {a} and {b}")

    def test_devices_do_not_matter(self):
        for optimizer, rate, fell in (("sgd", 0.1, 0.97), ("adam", 0.001, 0.9)):
            usual = program.shortened([f"jobs.0.parameters.optimizer={optimizer}",
                                       f"jobs.0.parameters.learning_rate={rate}",
                                       "jobs.0.steps=50"])
            alone = self.losses("jobs.0.parameters.devices=1", *usual)
            self.check_fell(alone, fell)
            for settings in (["devices=2"], ["devices=4"], ["devices=4", "granularity=step"]):
                with self.subTest((optimizer, settings)):
                    words = [f"jobs.0.parameters.{setting}" for setting in settings]
                    self.check_close(self.losses(*words, *usual), alone, TOLERANCE)

    def test_losses_fall(self):
        losses = self.losses()
        self.assertTrue(all(after < before for before, after in zip(losses, losses[1:])), losses)
        adam = self.losses("jobs.0.parameters.optimizer=adam",
                           "jobs.0.parameters.learning_rate=0.001")
        self.assertLess(adam[-1], adam[0] - 0.1)

    def test_ways_of_running_do_not_matter(self):
        """Adam's steps have numbers, which have to be the same however they are dispatched."""
        usual = self.losses()
        adam = ["jobs.0.parameters.optimizer=adam", "jobs.0.parameters.learning_rate=0.001"]
        numbered = self.losses(*adam)
        for settings in (["jobs.0.parameters.granularity=step"], ["jobs.0.submit=op_by_op"],
                         ["jobs.0.submit=fused"], ["control.dispatch=sequential"],
                         ["control.policy=none"], ["control.system=multi_controller"],
                         ["control.system=tf1"], ["control.system=ray", "jobs.0.submit=op_by_op"],
                         ["control.lookahead=1"], ["jobs.0.in_flight=4"]):
            with self.subTest(settings):
                self.check_close(self.losses(*settings), usual, 1e-6)
                self.check_close(self.losses(*settings, *adam), numbered, 1e-6)

    def test_spilling_does_not_matter(self):
        """Memory of just the peak, three steps in flight: buffers go to the host and come back."""
        accelerator = json.loads((program.CONFIGS / "accelerators" / "cpu.json").read_text())
        scenario = json.loads(MLP.read_text())
        del scenario["$schema"]
        scenario["jobs"][0]["in_flight"] = 3
        scenario["jobs"][0]["parameters"]["batch"] = 4096
        island = scenario["cluster"]["islands"][0]
        island["accelerator"] = "./tight.json"
        accelerator["hbm"] = "2766928B"
        path = self.folder / "tight.json"
        path.write_text(json.dumps(accelerator))
        losses = {}
        for spill in ("none", "oldest", "largest"):
            scenario["control"] = {"spill": spill}
            if spill != "none":
                island["host_memory"] = "64MiB"
            file = self.folder / "scenario.json"
            file.write_text(json.dumps(scenario))
            job = self.summary(file, "--backend", "cpu")["jobs"][0]
            losses[spill] = job["results"]["loss"]
            self.assertEqual(job["bytes_spilled"] > 0, spill != "none")
            self.assertGreaterEqual(job["bytes_spilled"], job["bytes_returned"])
        self.assertEqual(len(losses["none"]), 20)
        self.assertEqual(losses["oldest"], losses["none"])
        self.assertEqual(losses["largest"], losses["none"])

    def test_moving_does_not_matter(self):
        """Drained again and again in the middle: the same losses, value by value."""
        place = ["cluster.islands.0.hosts=4", "jobs.0.steps=120", "jobs.0.parameters.devices=4"]
        adam = ["jobs.0.parameters.optimizer=adam", "jobs.0.parameters.learning_rate=0.001"]
        # On a machine of any speed some of them fall into the run.
        changes = [{"at": f"{round(3000 * 1.2 ** i)}us",
                    ("remove", "add")[i % 2]: {"island": 0, "hosts": [i // 2 % 4]}}
                   for i in range(44)]
        for settings in (place, place + adam, place + ["jobs.0.submit=op_by_op"],
                         place + ["jobs.0.in_flight=4", "control.policy=none"]):
            with self.subTest(settings):
                usual = self.losses(*settings)
                drained = [*settings, f"faults={json.dumps(changes)}"]
                arguments = [word for setting in drained for word in ("--set", setting)]
                job, = self.summary(MLP, "--backend", "cpu", *arguments)["jobs"]
                self.assertEqual(job["results"]["loss"], usual)
                self.assertGreater(job["moved_bytes"], 0)
                self.assertEqual(job["stays"], 0)

    def test_a_loss_ends_the_job(self):
        """The first step below the threshold is the last; what a simulation would read is not
        asked for, since the CPU knows."""
        usual = self.losses()
        last = next(step for step, loss in enumerate(usual) if loss < 2.25)
        self.assertTrue(0 < last < 19)
        until = ['jobs.0.until={"result": "loss", "below": 2.25}', 'jobs.0.values={"loss": [9]}']
        self.check_close(self.losses(*until), usual[:last + 1], 1e-6)
        self.check_close(self.losses(*until, "jobs.0.in_flight=4"), usual[:last + 1], 1e-6)
        never = ['jobs.0.until={"result": "loss", "below": 0}', 'jobs.0.values={"loss": [9]}']
        self.check_close(self.losses(*never), usual, 1e-6)  # Its steps are a bound.

    def test_the_seed_matters(self):
        self.assertNotEqual(self.losses("seed=2"), self.losses())

    def test_against_another_implementation(self):
        for optimizer, rate in (("sgd", 0.5), ("adam", 0.01)):
            with self.subTest(optimizer):
                ours = self.losses(
                    "seed=7", "jobs.0.parameters.devices=1", "jobs.0.parameters.batch=24",
                    "jobs.0.parameters.inputs=10", "jobs.0.parameters.classes=4",
                    "jobs.0.parameters.layers=[12,8]", f"jobs.0.parameters.optimizer={optimizer}",
                    f"jobs.0.parameters.learning_rate={rate}")
                made = perceptron.Sgd(rate) if optimizer == "sgd" else perceptron.Adam(rate)
                theirs = perceptron.train(7, 24, 10, 4, [12, 8], made, 20)
                self.check_close(ours, theirs, EXACT_TOLERANCE)
                self.assertLess(ours[-1], ours[0])

    def test_the_first_losses_at_full_size(self):
        theirs = perceptron.train(1, 256, 64, 10, [128, 64], perceptron.Sgd(0.1), 2)
        self.check_close(self.losses("jobs.0.parameters.devices=1")[:2], theirs, EXACT_TOLERANCE)


if __name__ == "__main__":
    program.main()
