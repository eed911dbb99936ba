# SPDX-License-Identifier: Apache-2.0
"""The model of transformer.py with a mixture of experts in perceptrons' places, from the
description of sim/workload/transformer_experts.c alone."""
import math

import transformer
from perceptron import product, product_of_rows, softmax


class Model(transformer.Model):
    def __init__(self, seed, layers, hidden, heads, vocabulary, sequence, batch, experts=0,
                 experts_every=1, top=2, capacity_factor=1.25, balance=0.01, encoder_layers=0):
        self.experts, self.every, self.top, self.balance = experts, experts_every, top, balance
        self.capacity = experts and min(
            math.ceil(capacity_factor * top * sequence / experts), sequence)
        self.wide = 4 * hidden
        self.unbalance, self.dropped = [], 0
        # Layers are counted over both sides; this counts each from its first.
        assert encoder_layers % experts_every == 0
        super().__init__(seed, layers, hidden, heads, vocabulary, sequence, batch,
                         encoder_layers=encoder_layers, encoder_sequence=sequence)

    def has_experts(self, layer):
        return self.experts > 0 and (layer + 1) % self.every == 0

    def perceptron_shapes(self, layer, hidden, scale, added):
        if not self.has_experts(layer):
            return super().perceptron_shapes(layer, hidden, scale, added)
        return [(self.experts, hidden, scale, 0), (self.experts * self.wide, hidden, scale, 0),
                (self.experts * self.wide, hidden, added, 0)]

    def objective(self):
        """The loss, and what balances experts."""
        loss = self.loss()
        return loss + self.balance * math.fsum(self.unbalance) / (self.batch * self.sequence)

    def loss(self):
        self.unbalance, self.dropped = [], 0
        return super().loss()

    def perceptron(self, tensors, n, layer):
        if not self.has_experts(layer):
            return super().perceptron(tensors, n, layer)
        return self.mix(n, next(tensors), next(tensors), next(tensors))

    def mix(self, x, gate, widen, narrow):
        """The rows of one sequence, which is a group: all first choices, then all second ones."""
        shares = [softmax(row) for row in product_of_rows(x, gate)]
        ranked = [sorted(range(self.experts), key=lambda e: (-row[e], e))[:self.top]
                  for row in shares]
        taken = [0] * self.experts
        out = [[0.0] * len(row) for row in x]
        for rank in range(self.top):
            for i, row in enumerate(x):
                expert = ranked[i][rank]
                if taken[expert] == self.capacity:
                    self.dropped += 1
                    continue
                taken[expert] += 1
                whole = math.fsum(shares[i][e] for e in ranked[i]) if self.top > 1 else 1
                block = slice(expert * self.wide, (expert + 1) * self.wide)
                wide = [transformer.gelu(v) for v in product_of_rows([row], widen[block])[0]]
                answer = product([wide], narrow[block])[0]
                out[i] = [o + shares[i][expert] / whole * a for o, a in zip(out[i], answer)]
        for expert in range(self.experts):
            part = sum(1 for choices in ranked if choices[0] == expert) / len(x)
            self.unbalance.append(self.experts * part * math.fsum(row[expert] for row in shares))
        return out
