#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What meets on the wires, as a user sees it: cards, switches, oversubscription, algorithms."""
import program

MB = 1_000_000
SENT = 100 * MB  # By each device.


def edge(left, right):
    """A node on each of two meshes of 8 or 4 devices, the one's output the other's input."""
    return {"meshes": {"left": [left], "right": [right]},
            "functions": {"make": {"operations": [{"duration": "1us"}], "output_bytes": SENT,
                                   "sharded": True},
                          "take": {"operations": [{"duration": "1us"}]}},
            "nodes": [{"name": "make", "function": "make", "mesh": "left"},
                      {"name": "take", "function": "take", "mesh": "right", "inputs": ["make"]}]}


def scenario(island, parameters, count=1, **job):
    return {"cluster": {"islands": [dict(island, count=count)], "dcn": {"bandwidth": "12.5GB/s"}},
            "control": {"profile": "ideal"},
            "jobs": [{"name": "a", "workload": "graph", "parameters": parameters, "steps": 1,
                      **job}]}


H100 = {"hosts": 1, "devices_per_host": 8, "accelerator": "h100"}


class Contention(program.Case):
    def seconds(self, made, *settings):
        path = self.write("s.json", made)
        arguments = [word for setting in settings for word in ("--set", setting)]
        return self.summary(path, *arguments)["makespan_ns"] / 1e9

    def test_cards_that_others_leave_idle(self):
        """Of each of two nodes a mesh has two of the four devices, which share a card: alone they
        have it to themselves, in half the time of all four.  Tolerance 2 %: latencies."""
        island = {"hosts": 2, "devices_per_host": 4, "accelerator": "tpu_v4",
                  "interconnect": "nodes", "network": "infiniband_hdr", "nics_per_host": 1}
        took = {}
        for devices in ([0, 1, 4, 5], [0, 1, 2, 3, 4, 5, 6, 7]):
            parameters = {"meshes": {"m": [2, len(devices) // 2]},
                          "functions": {"f": {"operations": [
                              {"collective": "all_gather", "bytes": "64MiB", "axes": [0]}]}},
                          "nodes": [{"name": "n", "function": "f", "mesh": "m"}]}
            made = scenario(island, parameters, placement={"m": {"devices": devices}})
            both = [self.seconds(made, f"cluster.links={links}")
                    for links in ("auto", "contended")]
            self.assertAlmostEqual(both[0] / both[1], 1, delta=0.02)
            took[len(devices)] = both[0]
        self.assertAlmostEqual(took[8] / took[4], 2, delta=0.04)
        self.assertAlmostEqual(took[4], 2 * 64 * 2 ** 20 / (25e9 * 0.9), delta=0.02 * took[4])

    def test_network_cards(self):
        """8 devices of one host send 100 MB each.  Tolerance 2 %: latencies."""
        made = scenario(H100, edge(8, 8), count=2, placement={"left": {"island": 0},
                                                              "right": {"island": 1}})
        for settings, rate in (
                ([], 12.5e9), (["cluster.dcn.cards=4"], 50e9), (["cluster.dcn.cards=8"], 100e9),
                (["cluster.dcn.cards=8", "cluster.dcn.host_bandwidth=40GB/s"], 40e9),
                (["cluster.dcn.cards=8", "cluster.dcn.oversubscription=4"], 25e9),
                (["cluster.links=alone"], 100e9), (["cluster.dcn.cards=16"], 100e9),
                (["cluster.dcn.cards=16", "cluster.dcn.flows=2"], 200e9),
                (["cluster.dcn.cards=16", "cluster.dcn.flows=3"], 150e9),
                (["cluster.dcn.cards=16", "cluster.dcn.flows=4", "cluster.dcn.in_order=true"],
                 200e9)):
            self.assertAlmostEqual(self.seconds(made, *settings), 8 * SENT / rate,
                                   delta=0.02 * 8 * SENT / rate, msg=settings)

    def test_flows_by_hash(self):
        """Some cards get more flows than others: it takes longer, the less so the more flows."""
        made = scenario(H100, edge(8, 8), count=2, placement={"left": {"island": 0},
                                                              "right": {"island": 1}})
        even = 8 * SENT / 100e9
        few, many = (self.seconds(made, "cluster.dcn.cards=8", "cluster.dcn.spread=hash",
                                  f"cluster.dcn.flows={flows}") for flows in (1, 64))
        self.assertGreaterEqual(few, 1.9 * even)
        self.assertLess(many, 1.4 * even)
        self.assertGreater(many, even)

    def test_switch(self):
        """4 devices send 100 MB each to the 4 others: on a ring all go the same way half round,
        over links of 184.5 GB/s, four on the fullest; on a switch each has a port of twice that."""
        made = scenario(H100, edge(4, 4), placement={"left": {"devices": [0, 1, 2, 3]},
                                                     "right": {"devices": [4, 5, 6, 7]}})
        link = 225e9 * 0.82
        for settings, seconds in ((["cluster.islands.0.interconnect=torus"], 4 * SENT / link),
                                  (["cluster.islands.0.interconnect=switch"], SENT / link / 2)):
            self.assertAlmostEqual(self.seconds(made, *settings), seconds, delta=0.05 * seconds,
                                   msg=settings)

    def test_algorithms(self):
        """An all-reduce of 1 GB on a ring of 8: one way round takes twice as long as both ways, and
        a tree sends it whole three times up and down.  Tolerance 2 %: hops and start-up."""
        parameters = {"meshes": {"m": [8]},
                      "functions": {"f": {"operations": [{"collective": "all_reduce",
                                                          "bytes": "1GB"}]}},
                      "nodes": [{"name": "n", "function": "f", "mesh": "m"}]}
        made = scenario(H100, parameters)
        link = 225e9 * 0.82
        for name, bytes_of_a_link in (("auto", 7 / 8), ("torus", 7 / 8), ("ring", 7 / 4),
                                      ("direct", None), ("halving_doubling", None)):
            seconds = self.seconds(made, f"cluster.islands.0.collectives={name}")
            if bytes_of_a_link is not None:
                expected = bytes_of_a_link * 1e9 / link
                self.assertAlmostEqual(seconds, expected, delta=0.02 * expected, msg=name)
            else:  # On a ring they send over the same links again and again.
                self.assertGreater(seconds, 7 / 8 * 1e9 / link, name)
        for name, times in (("tree", 6), ("ring", 7 / 4), ("halving_doubling", 7 / 4)):
            seconds = self.seconds(made, "cluster.islands.0.interconnect=switch",
                                   f"cluster.islands.0.collectives={name}")
            expected = times * 1e9 / link / 2
            self.assertAlmostEqual(seconds, expected, delta=0.02 * expected, msg=name)

    def test_meeting_is_repeatable(self):
        crossing = program.ROOT / "tests/scenario/crossing_islands.json"
        first = self.accept("run", "--json", crossing).stdout
        self.assertEqual(first, self.accept("run", "--json", crossing, "--paranoid").stdout)
        alone = self.summary(crossing, "--set", "cluster.links=alone")
        self.assertLess(alone["makespan_ns"], self.summary(crossing)["makespan_ns"])


if __name__ == "__main__":
    program.main()
