#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What scheduling policies promise, measured in simulated time from what a run writes."""
import csv

import program

WINDOW_NS = 200_000_000
# The first client fills the lookahead before the others are there: 32 gangs of 0.33 ms, and as
# much again until reports have told how long its gangs are.
BEGIN_NS = 60_000_000
TOLERANCE = 0.01
STRETCH_MAX_NS = 1_000_000


def read(folder, name):
    with open(folder / name, newline="") as file:
        return [row for row in csv.DictReader(file) if row["node"] != "start"]


class Window:
    """The 200 ms from BEGIN_NS on, in which every client has gangs to order all the time."""

    def __init__(self, folder):
        end_ns = BEGIN_NS + WINDOW_NS
        self.busy_ns, self.last_end_ns = {}, {}
        for row in read(folder, "shards.csv"):
            if int(row["start_ns"]) >= BEGIN_NS and int(row["end_ns"]) <= end_ns:
                used_ns = int(row["local_ns"]) + int(row["collective_ns"])
                self.busy_ns[row["job"]] = (self.busy_ns.get(row["job"], 0)
                                            + used_ns * int(row["device_count"]))
        gangs = sorted((int(row["start_ns"]), int(row["end_ns"]), row["job"])
                       for row in read(folder, "gangs.csv"))
        for _, done_ns, job in gangs:
            self.last_end_ns[job] = max(self.last_end_ns.get(job, 0), done_ns)
        self.gangs = [gang for gang in gangs if gang[0] >= BEGIN_NS and gang[1] <= end_ns]

    def shares(self):
        return {job: busy / sum(self.busy_ns.values()) for job, busy in self.busy_ns.items()}

    def longest_gaps_ns(self):
        """By client: the longest time between two gangs of its own."""
        gaps, last = {}, {}
        for start_ns, end_ns, job in self.gangs:
            if job in last:
                gaps[job] = max(gaps.get(job, 0), start_ns - last[job])
            last[job] = end_ns
        return gaps

    def longest_stretch_ns(self):
        """The longest time for which one client has the devices to itself."""
        longest, holder, since_ns = 0, None, 0
        for start_ns, end_ns, job in self.gangs:
            if job != holder:
                holder, since_ns = job, start_ns
            longest = max(longest, end_ns - since_ns)
        return longest


class Share(program.Case):
    def measure(self, name, weights):
        self.accept("run", program.CONFIGS / f"{name}.json", "--out", self.out)
        window = Window(self.out)
        self.assertGreater(min(window.last_end_ns.values()), BEGIN_NS + WINDOW_NS)
        for job, weight in zip("abcd", weights):
            self.assertAlmostEqual(window.shares()[job], weight / sum(weights), delta=TOLERANCE)
        self.assertGreater(sum(window.busy_ns.values()), 0.99 * 128 * WINDOW_NS)
        self.assertLessEqual(window.longest_stretch_ns(), STRETCH_MAX_NS)
        return window

    def test_equal_weights(self):
        window = self.measure("share_1_1_1_1", [1, 1, 1, 1])
        for job, gap_ns in window.longest_gaps_ns().items():
            self.assertLessEqual(gap_ns, 1_000_000, job)

    def test_weights_that_double(self):
        """One of weight w has every (15 / w)-th gang, give or take one of the others'."""
        window = self.measure("share_1_2_4_8", [1, 2, 4, 8])
        gang_ns = max(end_ns - start_ns for start_ns, end_ns, _ in window.gangs)
        for job, weight in zip("abcd", [1, 2, 4, 8]):
            self.assertLessEqual(window.longest_gaps_ns()[job], (15 / weight + 1) * gang_ns, job)

    def test_first_come_first_served_has_no_shares(self):
        """The measure tells policies apart."""
        self.accept("run", program.CONFIGS / "share_1_2_4_8.json", "--set", "control.policy=fifo",
                    "--out", self.out)
        window = Window(self.out)
        self.assertGreater(window.longest_stretch_ns(), 50 * STRETCH_MAX_NS)
        self.assertGreater(abs(window.shares().get("d", 0) - 8 / 15), 0.2)


if __name__ == "__main__":
    program.main()
