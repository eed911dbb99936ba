# SPDX-License-Identifier: Apache-2.0
"""The training job of sim/workload/workload_transformer.c once more, written from its description
alone: plain Python, double precision, one process.  Slopes are central differences of the loss, so
nothing of a backward pass is written down here.  Slow, for a few hundred parameters."""
import math

from perceptron import product, random_at, softmax, transpose, uniform

DEVIATION = 0.02
STEP = 1e-5
EPSILON = 1e-5


class Model:
    def __init__(self, seed, layers, hidden, heads, vocabulary, sequence, batch, experts=0,
                 experts_every=1, top=2, capacity_factor=1.25, balance=0.01):
        self.layers, self.hidden, self.heads = layers, hidden, heads
        self.vocabulary, self.sequence, self.batch = vocabulary, sequence, batch
        self.experts, self.every, self.top, self.balance = experts, experts_every, top, balance
        self.capacity = experts and min(
            math.ceil(capacity_factor * top * sequence / experts), sequence)
        self.wide = wide = 4 * hidden
        scale = DEVIATION * math.sqrt(3)
        added = scale / math.sqrt(2 * layers)
        draws = [random_at(random_at(seed, 0), i) >> 40 for i in range(batch * (sequence + 1))]
        tokens = [draw * vocabulary >> 24 for draw in draws]
        self.sequences = [tokens[b * (sequence + 1):(b + 1) * (sequence + 1)]
                          for b in range(batch)]
        # Rows, columns and scale of each, in the order of the functions' inputs; 0: a constant.
        attention = [(1, hidden, 0, 1), (1, hidden, 0, 0),
                     *[(hidden, hidden, scale, 0), (1, hidden, 0, 0)] * 3,
                     (hidden, hidden, added, 0), (1, hidden, 0, 0),
                     (1, hidden, 0, 1), (1, hidden, 0, 0)]
        perceptron = [(wide, hidden, scale, 0), (1, wide, 0, 0),
                      (wide, hidden, added, 0), (1, hidden, 0, 0)]
        mixture = [(experts, hidden, scale, 0), (experts * wide, hidden, scale, 0),
                   (experts * wide, hidden, added, 0)]
        shapes = [(vocabulary, hidden, scale, 0), (sequence, hidden, scale, 0)]
        for layer in range(layers):
            shapes += attention + (mixture if self.has_experts(layer) else perceptron)
        shapes += [(1, hidden, 0, 1), (1, hidden, 0, 0), (vocabulary, hidden, scale, 0)]
        self.tensors = [uniform(rows, columns, size, random_at(seed, 1 + i)) if size
                        else [[constant] * columns for _ in range(rows)]
                        for i, (rows, columns, size, constant) in enumerate(shapes)]

    def has_experts(self, layer):
        return self.experts > 0 and (layer + 1) % self.every == 0

    def objective(self):
        """What slopes are of: the loss, and what balances experts."""
        loss = self.loss()
        return loss + self.balance * math.fsum(self.unbalance) / (self.batch * self.sequence)

    def loss(self):
        """The mean over all tokens of minus log softmax at the next one."""
        total = 0.0
        self.unbalance, self.dropped = [], 0
        for tokens in self.sequences:
            logits = self.logits(tokens[:-1])
            total -= math.fsum(math.log(softmax(row)[label])
                               for row, label in zip(logits, tokens[1:]))
        return total / (self.batch * self.sequence)

    def logits(self, ids):
        tensors = iter(self.tensors)
        table, positions = next(tensors), next(tensors)
        x = [[e + p for e, p in zip(table[word], place)] for word, place in zip(ids, positions)]
        for layer in range(self.layers):
            n = norm(x, next(tensors), next(tensors))
            q, k, v = (dense(n, next(tensors), next(tensors)) for _ in range(3))
            x = add(x, add_row(product(self.attend(q, k, v), next(tensors)), next(tensors)))
            n = norm(x, next(tensors), next(tensors))
            if self.has_experts(layer):
                x = add(x, self.mix(n, next(tensors), next(tensors), next(tensors)))
                continue
            active = [[gelu(value) for value in row]
                      for row in dense(n, next(tensors), next(tensors))]
            x = add(x, add_row(product(active, next(tensors)), next(tensors)))
        n = norm(x, next(tensors), next(tensors))
        return product(n, transpose(next(tensors)))

    def mix(self, x, gate, widen, narrow):
        """The rows of one sequence, which is a group: all first choices, then all second ones."""
        shares = [softmax(row) for row in product(x, transpose(gate))]
        ranked = [sorted(range(self.experts), key=lambda e: (-row[e], e))[:self.top]
                  for row in shares]
        taken = [0] * self.experts
        out = [[0.0] * self.hidden for _ in x]
        for rank in range(self.top):
            for i, row in enumerate(x):
                expert = ranked[i][rank]
                if taken[expert] == self.capacity:
                    self.dropped += 1
                    continue
                taken[expert] += 1
                whole = math.fsum(shares[i][e] for e in ranked[i]) if self.top > 1 else 1
                block = slice(expert * self.wide, (expert + 1) * self.wide)
                wide = [gelu(v) for v in product([row], transpose(widen[block]))[0]]
                answer = product([wide], narrow[block])[0]
                out[i] = [o + shares[i][expert] / whole * a for o, a in zip(out[i], answer)]
        for expert in range(self.experts):
            part = sum(1 for choices in ranked if choices[0] == expert) / len(x)
            self.unbalance.append(self.experts * part * math.fsum(row[expert] for row in shares))
        return out

    def attend(self, q, k, v):
        width = self.hidden // self.heads
        out = [[0.0] * self.hidden for _ in q]
        for head in range(self.heads):
            band = slice(head * width, (head + 1) * width)
            for i, row in enumerate(q):
                shares = softmax([math.fsum(a * b for a, b in zip(row[band], k[j][band]))
                                  / math.sqrt(width) for j in range(i + 1)])
                for c in range(band.start, band.stop):
                    out[i][c] = math.fsum(s * v[j][c] for j, s in enumerate(shares))
        return out


def add(a, b):
    return [[x + y for x, y in zip(*rows)] for rows in zip(a, b)]


def add_row(a, row):
    return [[x + y for x, y in zip(line, row[0])] for line in a]


def dense(x, weights, bias):
    return add_row(product(x, transpose(weights)), bias)


def norm(x, gain, bias):
    out = []
    for row in x:
        mean = math.fsum(row) / len(row)
        variance = math.fsum((value - mean) ** 2 for value in row) / len(row)
        out.append([(value - mean) / math.sqrt(variance + EPSILON) * g + b
                    for value, g, b in zip(row, gain[0], bias[0])])
    return out


def gelu(x):
    return x / 2 * (1 + math.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x ** 3)))


def slope(model, row, column):
    at = row[column]
    row[column] = at + STEP
    above = model.objective()
    row[column] = at - STEP
    below = model.objective()
    row[column] = at
    return (above - below) / (2 * STEP)


def train(model, optimizer, steps):
    """The loss of every step, before its update."""
    losses = []
    for _ in range(steps):
        losses.append(model.loss())
        slopes = [(row, c, slope(model, row, c), (t, r, c))
                  for t, tensor in enumerate(model.tensors)
                  for r, row in enumerate(tensor) for c in range(len(row))]
        for row, column, value, key in slopes:
            row[column] = optimizer.update(key, row[column], value)
    return losses
