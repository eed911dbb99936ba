#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The scenarios that come with the program, and the published figures that they have to meet."""
import json

import program

PAPER = program.CONFIGS / "paper"

# Qi et al., "Zero Bubble Pipeline Parallelism" (ICLR 2024), bubble rates of 1F1B by the measured
# stage times.  The tolerance is two units of the last digit that was published.
BUBBLES = {
    "pipeline_1.5b_m24_1f1b": 0.2431,
    "pipeline_1.5b_m32_1f1b": 0.1985,
    "pipeline_1.5b_m64_1f1b": 0.1240,
    "pipeline_14.6b_m48_1f1b": 0.2552,
    "pipeline_14.6b_m64_1f1b": 0.2082,
    "pipeline_14.6b_m128_1f1b": 0.1251,
}
BUBBLE_TOLERANCE = 0.0002

# Barham et al., "Pathways" (MLSys 2022), from the parity points of Fig. 6: the computation that
# hides the controller takes 2.39 ms on 16 hosts and 35 ms on 512, so op by op there is one in that
# time.  The profile's `call` and `send` were fitted to these two.
RATES = {"dispatch_op_by_op_b16": 1 / 2.39e-3, "dispatch_op_by_op_a512": 1 / 35e-3}
RATE_TOLERANCE = 0.05


# Barham et al., Fig. 5: the legend's order, which is that of the curves at their left end.
LEGEND = ["JAX-F", "PW-F", "PW-C", "JAX-O", "Ray-F", "TF-C", "PW-O", "Ray-C", "Ray-O", "TF-O"]
SYSTEMS = {"JAX": ("multi_controller", "jax-2021"), "PW": ("pathways", "pathways-2022"),
           "TF": ("tf1", "tf1-2021"), "Ray": ("ray", "ray-1.3")}
MODES = {"F": "fused", "C": "chained", "O": "op_by_op"}
LARGE = {"islands_64b", "dispatch_chained_a512", "dispatch_op_by_op_a512", "experts_600b",
         "lm_3b_pipeline", "lm_3b_islands"}
TORUS = {2: [2, 4], 16: [8, 8], 64: [16, 16], 256: [32, 32], 512: [32, 64]}


class Checks(program.Case):
    def test_every_scenario_is_good(self):
        self.assertGreater(len(program.SCENARIOS), 15)
        done = self.accept("check", *program.SCENARIOS)
        self.assertEqual(done.stdout.count(": ok: "), len(program.SCENARIOS))

    def test_every_scenario_says_what_it_is(self):
        for path in program.SCENARIOS:
            text = path.read_text()
            self.assertRegex(text, r'"description": "[A-Z].{20,}"', path.name)
            self.assertRegex(text, r'"name": "%s"' % path.stem.replace(".", r"\."))

    def test_every_scenario_runs(self):
        for path in program.SCENARIOS:
            # As large as many others that sanitizers have seen, many times over.
            if program.is_sanitized() and path.stem in LARGE:
                continue
            with self.subTest(path.name):
                done = self.run_program("run", path)
                self.assertEqual(done.returncode, 3 if path.stem == "deadlock" else 0)


class Published(program.Case):
    def bubble(self, name, *settings):
        arguments = [word for setting in settings for word in ("--set", setting)]
        summary = self.summary(PAPER / f"{name}.json", *arguments)
        return summary["jobs"][0]["bubble_fraction"], summary["makespan_ns"]

    def rate(self, curve, host_count):
        """Computations per second; Ray ran on one V100 per host, the others on four cores."""
        system, mode = curve.split("-")
        name, profile = SYSTEMS[system]
        is_ray = system == "Ray"
        torus = [host_count] if is_ray else TORUS[host_count]
        island = {"hosts": host_count, "devices_per_host": 1 if is_ray else 4, "torus": torus,
                  "accelerator": "v100_10g" if is_ray else "tpu_v3_core"}
        settings = {"cluster.islands": [island], "jobs.0.parameters.mesh": torus,
                    "control": {"system": name, "profile": profile},
                    "jobs.0.steps": 20 if mode == "F" else 3,
                    "jobs.0.parameters.result": system in ("TF", "Ray")}
        arguments = [word for path, value in settings.items()
                     for word in ("--set", f"{path}={json.dumps(value)}")]
        summary = self.summary(PAPER / f"dispatch_{MODES[mode]}_a512.json", *arguments)
        return summary["computations_per_s"]

    def test_order_of_the_legend(self):
        rates = [self.rate(curve, 2) for curve in LEGEND]
        for i in range(len(rates) - 1):
            self.assertGreaterEqual(rates[i], rates[i + 1], f"{LEGEND[i]} above {LEGEND[i + 1]}")

    def test_pathways_above_single_coordinators(self):
        for host_count in (2, 16) if program.is_sanitized() else TORUS:
            for mode in MODES:
                ours = self.rate(f"PW-{mode}", host_count)
                for other in ("TF", "Ray"):
                    with self.subTest(f"{other}-{mode} on {host_count} hosts"):
                        self.assertGreater(ours, self.rate(f"{other}-{mode}", host_count))

    def test_chained_crosses_a_language_call(self):
        self.assertGreater(self.rate("PW-C", 64), self.rate("JAX-O", 64))
        self.assertLess(self.rate("PW-C", 256), self.rate("JAX-O", 256))

    def test_bubbles(self):
        for name, published in BUBBLES.items():
            with self.subTest(name):
                ours, _ = self.bubble(name)
                self.assertAlmostEqual(ours, published, delta=BUBBLE_TOLERANCE)

    def test_a_controller_that_costs_something_makes_no_smaller_bubbles(self):
        """Stages of 18 ms hide the controller's 100 us while it may work ahead, so that only the
        beginning is later; when it may not, every stage waits for it."""
        for name in BUBBLES:
            with self.subTest(name):
                free, free_end_ns = self.bubble(name)
                usual, usual_end_ns = self.bubble(name, "control.profile=pathways-2022")
                self.assertGreaterEqual(usual, free)
                self.assertGreater(usual_end_ns, free_end_ns)
                tight, _ = self.bubble(name, "control.profile=pathways-2022",
                                       "control.lookahead=1")
                self.assertGreater(tight, usual)

    def test_rates(self):
        for name, published in RATES.items():
            with self.subTest(name):
                job = self.summary(PAPER / f"{name}.json")["jobs"][0]
                self.assertAlmostEqual(job["computations_per_s"], published,
                                       delta=RATE_TOLERANCE * published)

    def test_ways_of_calling(self):
        """Op by op is slowest, one call for many nodes faster, one node fastest: Fig. 5."""
        for size in ("b16",) if program.is_sanitized() else ("b16", "a512"):
            rates = [self.summary(PAPER / f"dispatch_{way}_{size}.json")["jobs"][0]
                     ["computations_per_s"] for way in ("op_by_op", "chained", "fused")]
            self.assertEqual(rates, sorted(rates))
            self.assertGreater(rates[2], 10 * rates[0])


# docs/MODEL.md, "Fan-out": a report of each of 512 hosts costs the scheduler 1 us, a message to
# each 64.946 us.
RECEIVE_S, SEND_S, HOSTS = 1e-6, 64.946e-6, 512


class FanOut(program.Case):
    def rate(self, degree):
        fanout = '"direct"' if degree == 0 else '{"tree": %u}' % degree
        summary = self.summary(PAPER / "dispatch_op_by_op_a512.json",
                               "--set", f"control.fanout={fanout}")
        return summary["computations_per_s"], summary["messages"]

    def test_a_tree_takes_the_sends_off_the_scheduler(self):
        """As many messages as before, but not one after the other."""
        bound = 1 / (HOSTS * RECEIVE_S)
        direct, messages = self.rate(0)
        self.assertLess(direct, 1 / (HOSTS * (SEND_S + RECEIVE_S)))
        for degree in (8,) if program.is_sanitized() else (2, 8, 32):
            with self.subTest(degree):
                rate, relayed = self.rate(degree)
                self.assertEqual(relayed, messages)
                self.assertLess(rate, bound)
                self.assertGreater(rate, 5 * direct)


class Backends(program.Case):
    def test_quickstart_and_mlp(self):
        for name, jobs in (("quickstart", {"train": 20, "pipeline": 3}),
                           ("mlp_cpu", {"mlp": 20})):
            for backend in ("sim", "cpu", "null"):
                with self.subTest(name, backend=backend):
                    summary = self.summary(program.CONFIGS / f"{name}.json", "--backend", backend)
                    self.assertEqual(summary["backend"], backend)
                    self.assertEqual({job["name"]: job["steps"] for job in summary["jobs"]}, jobs)
                    self.assertEqual(summary["devices"], 4)
                    self.assertGreater(summary["computations"], 0)
                    self.assertTrue(all(job["done_ns"] is not None for job in summary["jobs"]))

    def test_many_clients_on_all_devices(self):
        """Sixteen clients, and room for few gangs: each waits for the others, and all are done."""
        island = ('cluster.islands.0={"hosts":16,"devices_per_host":4,'
                  '"accelerator":"tpu_v3_core"}')
        for backend in ("sim", "null"):
            for lookahead in (1, 16, 256):
                with self.subTest(backend, lookahead=lookahead):
                    summary = self.summary(
                        program.CONFIGS / "bench_sim.json", "--backend", backend, "--set", island,
                        "--set", "jobs.0.parameters.devices=64", "--set", "jobs.0.steps=6",
                        "--set", "jobs.0.in_flight=4", "--set", f"control.lookahead={lookahead}")
                    self.assertEqual([job["steps"] for job in summary["jobs"]], [6] * 16)

    def test_what_is_printed_for_people(self):
        done = self.accept("run", program.CONFIGS / "mlp_cpu.json", "--backend", "cpu")
        self.assertRegex(done.stdout, r"\Amlp_cpu on cpu: makespan [\d.]+ m?s, utilization "
                         r"[\d.]+ %, \d+ messages, digest [0-9a-f]{16}\n  mlp: 20 steps, step ")
        self.assertRegex(done.stdout, r", loss 2\.3\d* -> 2\.\d+\n")


if __name__ == "__main__":
    program.main()
