# SPDX-License-Identifier: Apache-2.0
"""The training job of sim/workload/workload_transformer.c once more, written from its description
alone: plain Python, double precision, one process.  Slopes are central differences of the loss, so
nothing of a backward pass is written down here.  Slow, for a few hundred parameters."""
import math

from perceptron import product, product_of_rows, random_at, softmax, uniform

DEVIATION = 0.02
STEP = 1e-5
EPSILON = 1e-5
GELU_SCALE = math.sqrt(2 / math.pi)


class Model:
    def __init__(self, seed, layers, hidden, heads, vocabulary, sequence, batch, head_size=0,
                 encoder_layers=0, encoder_sequence=0, text=None):
        self.layers, self.encoder_layers, self.heads = layers, encoder_layers, heads
        self.width = head_size or hidden // heads
        self.batch, self.sequence = batch, sequence
        self.encoder_sequences = draw(random_at(seed, 2 ** 64 - 1), batch, encoder_sequence,
                                      vocabulary)
        self.seed, self.text = random_at(seed, 0), text
        self.sequences = draw(self.seed, batch, sequence, vocabulary)
        # Rows, columns and scale of each, in the order of the functions' inputs; 0: a constant.
        wide, scale = heads * self.width, DEVIATION * math.sqrt(3)
        ends = [(1, hidden, 0, 1), (1, hidden, 0, 0)]

        def side(length, count, attentions):
            added = scale / math.sqrt(2 * count) if count else 0
            attention = [*ends, *[(wide, hidden, scale, 0), (1, wide, 0, 0)] * 3,
                         (wide, hidden, added, 0), (1, hidden, 0, 0)]
            made = [shape for layer in range(count)
                    for shape in [*attention * attentions, *ends,
                                  *self.perceptron_shapes(layer, hidden, scale, added)]]
            return [(vocabulary, hidden, scale, 0), (length, hidden, scale, 0), *made,
                    *ends] if count else []

        shapes = [*side(encoder_sequence, encoder_layers, 1),
                  *side(sequence, layers, 2 if encoder_layers else 1),
                  (vocabulary, hidden, scale, 0)]
        self.tensors = [uniform(rows, columns, size, random_at(seed, 1 + i)) if size
                        else [[constant] * columns for _ in range(rows)]
                        for i, (rows, columns, size, constant) in enumerate(shapes)]

    def perceptron_shapes(self, _layer, hidden, scale, added):
        return [(4 * hidden, hidden, scale, 0), (1, 4 * hidden, 0, 0),
                (4 * hidden, hidden, added, 0), (1, hidden, 0, 0)]

    def read(self, step):
        """The sequences of a step, where there is a text."""
        count = len(self.text) - self.sequence
        seed = random_at(self.seed, step)
        starts = [(random_at(seed, b) >> 32) * count >> 32 for b in range(self.batch)]
        self.sequences = [self.text[start:start + self.sequence + 1] for start in starts]

    def objective(self):
        """What slopes are of."""
        return self.loss()

    def loss(self):
        """The mean over all tokens of minus log softmax at the next one."""
        total = 0.0
        for seen, tokens in zip(self.encoder_sequences, self.sequences):
            logits = self.logits(seen[:-1], tokens[:-1])
            total -= math.fsum(math.log(softmax(row)[label])
                               for row, label in zip(logits, tokens[1:]))
        return total / (self.batch * self.sequence)

    def logits(self, seen, ids):
        tensors = iter(self.tensors)
        memory = None
        if self.encoder_layers:
            memory = self.side(tensors, seen, self.encoder_layers, False, None)
        n = self.side(tensors, ids, self.layers, True, memory)
        return product_of_rows(n, next(tensors))

    def side(self, tensors, ids, layers, is_causal, memory):
        table, positions = next(tensors), next(tensors)
        x = [[e + p for e, p in zip(table[word], place)] for word, place in zip(ids, positions)]
        for layer in range(layers):
            x = self.attention(tensors, x, is_causal, None)
            if memory is not None:
                x = self.attention(tensors, x, False, memory)
            n = norm(x, next(tensors), next(tensors))
            x = add(x, self.perceptron(tensors, n, layer))
        return norm(x, next(tensors), next(tensors))

    def perceptron(self, tensors, n, _layer):
        active = [[gelu(value) for value in row] for row in dense(n, next(tensors), next(tensors))]
        return add_row(product(active, next(tensors)), next(tensors))

    def attention(self, tensors, x, is_causal, memory):
        n = norm(x, next(tensors), next(tensors))
        q, k, v = (dense(source, next(tensors), next(tensors))
                   for source in (n, memory or n, memory or n))
        attended = self.attend(q, k, v, is_causal)
        return add(x, add_row(product(attended, next(tensors)), next(tensors)))

    def attend(self, q, k, v, is_causal):
        out = [[] for _ in q]
        for head in range(self.heads):
            band = slice(head * self.width, (head + 1) * self.width)
            keys, values = ([row[band] for row in side] for side in (k, v))
            for i, row in enumerate(q):
                count = i + 1 if is_causal else len(k)
                products, = product_of_rows([row[band]], keys[:count])
                shares = softmax([value / math.sqrt(self.width) for value in products])
                out[i] += product([shares], values[:count])[0]
        return out


def draw(seed, batch, sequence, vocabulary):
    """Sequences of one token more than `sequence`."""
    draws = [random_at(seed, i) >> 40 for i in range(batch * (sequence + 1))]
    tokens = [value * vocabulary >> 24 for value in draws]
    return [tokens[b * (sequence + 1):(b + 1) * (sequence + 1)] for b in range(batch)]


def add(a, b):
    return [[x + y for x, y in zip(*rows)] for rows in zip(a, b)]


def add_row(a, row):
    return [[x + y for x, y in zip(line, row[0])] for line in a]


def dense(x, weights, bias):
    return add_row(product_of_rows(x, weights), bias)


def norm(x, gain, bias):
    out = []
    for row in x:
        mean = sum(row) / len(row)
        variance = sum([(value - mean) ** 2 for value in row]) / len(row)
        rate = 1 / math.sqrt(variance + EPSILON)
        out.append([(value - mean) * rate * g + b
                    for value, g, b in zip(row, gain[0], bias[0])])
    return out


def gelu(x):
    return x / 2 * (1 + math.tanh(GELU_SCALE * (x + 0.044715 * x * x * x)))


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
    for step in range(steps):
        if model.text is not None:
            model.read(step)
        losses.append(model.loss())
        if step + 1 == steps:
            break
        slopes = [(row, c, slope(model, row, c), (t, r, c))
                  for t, tensor in enumerate(model.tensors)
                  for r, row in enumerate(tensor) for c in range(len(row))]
        for row, column, value, key in slopes:
            row[column] = optimizer.update(key, row[column], value)
    return losses
