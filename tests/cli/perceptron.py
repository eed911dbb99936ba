# SPDX-License-Identifier: Apache-2.0
"""The training job of sim/workload/workload_mlp.c once more, written from its description alone:
plain Python, double precision, one process.  Lists of rows; slow, for small sizes."""
import math
import operator

MASK = 2**64 - 1
GOLDEN_GAMMA = 0x9E3779B97F4A7C15
STREAM_INPUTS, STREAM_TEACHER, STREAM_WEIGHTS = 0, 1, 2


def mix(word):
    word = (word ^ (word >> 30)) * 0xBF58476D1CE4E5B9 & MASK
    word = (word ^ (word >> 27)) * 0x94D049BB133111EB & MASK
    return word ^ (word >> 31)


def random_at(seed, index):
    """sim/base/random.h, gw_random_at."""
    return mix((mix((seed + GOLDEN_GAMMA) & MASK) + GOLDEN_GAMMA * (index + 1)) & MASK)


def uniform(rows, columns, scale, seed):
    """In [-scale, scale), by the element's place in the whole matrix; 24 bits as a float has."""
    def value(index):
        return scale * ((random_at(seed, index) >> 40) / 2**23 - 1)
    return [[value(r * columns + c) for c in range(columns)] for r in range(rows)]


def transpose(a):
    return [list(column) for column in zip(*a)]


def product(a, b):
    return product_of_rows(a, list(zip(*b)))


def product_of_rows(a, b):
    """Of `a` and the transposed `b`: nearly all of the time of these models goes here."""
    return [[sum(map(operator.mul, row, other)) for other in b] for row in a]


def softmax(row):
    most = max(row)
    powers = [math.exp(x - most) for x in row]
    total = math.fsum(powers)
    return [power / total for power in powers]


class Sgd:
    def __init__(self, rate):
        self.rate = rate

    def update(self, _, value, slope):
        return value - self.rate * slope


class Adam:
    """Kingma and Ba (2015), algorithm 1, letter by letter."""

    def __init__(self, rate):
        self.rate = rate
        self.mean, self.square, self.number = {}, {}, {}

    def update(self, key, value, slope):
        t = self.number[key] = self.number.get(key, 0) + 1
        self.mean[key] = 0.9 * self.mean.get(key, 0) + 0.1 * slope
        self.square[key] = 0.999 * self.square.get(key, 0) + 0.001 * slope * slope
        mean = self.mean[key] / (1 - 0.9 ** t)
        square = self.square[key] / (1 - 0.999 ** t)
        return value - self.rate * mean / (math.sqrt(square) + 1e-8)


def train(seed, batch, inputs, classes, layers, optimizer, steps):
    """The loss of every step: the mean cross-entropy before the step's update."""
    sizes = [inputs, *layers, classes]
    x = uniform(batch, inputs, 1, random_at(seed, STREAM_INPUTS))
    teacher = uniform(inputs, classes, 6 / math.sqrt(inputs), random_at(seed, STREAM_TEACHER))
    labels = [softmax(row) for row in product(x, teacher)]
    weights = [uniform(n, m, math.sqrt(6 / (n + m)), random_at(seed, STREAM_WEIGHTS + i))
               for i, (n, m) in enumerate(zip(sizes, sizes[1:]))]
    biases = [[0.0] * m for m in sizes[1:]]
    losses = []
    for _ in range(steps):
        values = [x]
        for i, (weight, bias) in enumerate(zip(weights, biases)):
            sums = [[v + b for v, b in zip(row, bias)] for row in product(values[-1], weight)]
            is_last = i + 1 == len(weights)
            values.append(sums if is_last else [[max(v, 0.0) for v in row] for row in sums])
        guesses = [softmax(row) for row in values[-1]]
        losses.append(-math.fsum(l * math.log(g) for guess, label in zip(guesses, labels)
                                 for g, l in zip(guess, label)) / batch)
        slopes = [[(g - l) / batch for g, l in zip(guess, label)]
                  for guess, label in zip(guesses, labels)]
        changes = []
        for i in reversed(range(len(weights))):
            changes.append((i, product(transpose(values[i]), slopes),
                            [math.fsum(column) for column in zip(*slopes)]))
            back = product(slopes, transpose(weights[i]))
            slopes = [[s if v > 0 else 0.0 for s, v in zip(row, kept)]
                      for row, kept in zip(back, values[i])]
        for i, weight_slopes, bias_slopes in changes:
            weights[i] = [[optimizer.update((i, r, c), v, s) for c, (v, s) in enumerate(
                zip(row, row_slopes))] for r, (row, row_slopes) in enumerate(
                    zip(weights[i], weight_slopes))]
            biases[i] = [optimizer.update((i, c), v, s)
                         for c, (v, s) in enumerate(zip(biases[i], bias_slopes))]
    return losses
