# SPDX-License-Identifier: Apache-2.0
"""The layer of sim/workload/workload_mixture.c once more, written from its description alone: plain
Python, double precision, one process, every expert at hand."""
import math

from perceptron import product, random_at, softmax, uniform

STREAM_TOKENS, STREAM_GATE, STREAM_UP, STREAM_DOWN, STREAM_PROBE = range(5)


def choose(tokens, gate):
    """Of each token: the expert, the first of equals, and its share."""
    shares = [softmax(row) for row in product(tokens, gate)]
    return [(row.index(max(row)), max(row)) for row in shares]


def dealt(choices, expert, devices, capacity):
    """The tokens that an expert takes: by device, then as they stand, as many as it has room
    for."""
    rows = len(choices) // devices
    asked = [t for d in range(devices) for t in range(d * rows, (d + 1) * rows)
             if choices[t][0] == expert]
    return asked[:capacity], len(asked)


def run(seed, tokens, experts, width, hidden, steps, devices=1, capacity=None):
    """For each step the signal, and the most tokens that any expert was asked to take."""
    x = uniform(tokens, width, 1, random_at(seed, STREAM_TOKENS))
    gate = uniform(width, experts, 4 / math.sqrt(width), random_at(seed, STREAM_GATE))
    probe = uniform(tokens, width, 1, random_at(seed, STREAM_PROBE))
    scale = math.sqrt(6 / (width + hidden))
    up = uniform(experts * width, hidden, scale, random_at(seed, STREAM_UP))
    down = uniform(experts * hidden, width, scale, random_at(seed, STREAM_DOWN))
    signals, most = [], []
    for _ in range(steps):
        choices = choose(x, gate)
        made = [[0.0] * width for _ in x]
        most.append(0)
        for e in range(experts):
            taken, asked = dealt(choices, e, devices, tokens if capacity is None else capacity)
            most[-1] = max(most[-1], asked)
            inner = product([x[t] for t in taken], up[e * width:(e + 1) * width])
            inner = [[max(v, 0) for v in row] for row in inner]
            for t, row in zip(taken, product(inner, down[e * hidden:(e + 1) * hidden])):
                made[t] = row
        x = [[math.tanh(v + share * m) for v, m in zip(row, other)]
             for row, other, (_, share) in zip(x, made, choices)]
        signals.append(math.fsum(v * p for row, other in zip(x, probe)
                                 for v, p in zip(row, other)))
    return signals, most
