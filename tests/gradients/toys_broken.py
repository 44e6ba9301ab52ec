"""Layers that break the contract, and what gradcheck must say of it."""

from __future__ import annotations

import numpy as np

from minidl.layers import Layer

from .toys_right import Affine


class ChangesInput(Affine):
    def forward(self, x, training=False):
        x *= 2
        return super().forward(x, training)


class ChangesDy(Affine):
    def backward(self, x, dy):
        super().backward(x, dy)
        dy *= self.scale.value
        return dy


class ChangesResiduals(Affine):
    def backward(self, x, dy):
        dx = super().backward(x, dy)
        x *= 0
        return dx


class ChangesOwnResiduals(Affine):
    def forward(self, x, training=False):
        y, x = super().forward(x, training)
        return y, {"x": [x.copy()]}

    def backward(self, residuals, dy):
        x = residuals["x"][0]
        dx = super().backward(x, dy)
        x *= 0
        return dx


class KeepsInput(Affine):
    def forward(self, x, training=False):
        self.x = x
        return super().forward(x, training)[0], None

    def backward(self, residuals, dy):
        return super().backward(self.x, dy)


class KeepsOutput(Affine):
    def forward(self, x, training=False):
        y, x = super().forward(x, training)
        if "buffer" not in vars(self) or self.buffer.dtype != y.dtype:
            self.buffer = np.empty_like(y)
        self.buffer[...] = y
        return self.buffer, x


class UsesUpResiduals(Affine):
    def forward(self, x, training=False):
        return super().forward(x, training)[0], [x]

    def backward(self, residuals, dy):
        return super().backward(residuals.pop() if residuals else dy, dy)


class ChangesParameter(Affine):
    def forward(self, x, training=False):
        self.scale.value += 0.1
        return super().forward(x, training)


class DoublePrecision(Affine):
    def forward(self, x, training=False):
        y, x = super().forward(x, training)
        return y * np.ones(1), x


class DoubleDx(Affine):
    def backward(self, x, dy):
        return super().backward(x, dy).astype(np.float64)


class SinglePrecision(Affine):
    def forward(self, x, training=False):
        y, x = super().forward(x, training)
        return y.astype(np.float32), x


class HiddenSinglePrecision(Affine):
    def forward(self, x, training=False):
        y, x = super().forward(x.astype(np.float32), training)
        return y.astype(x.dtype).astype(self.dtype), x.astype(self.dtype)


class Unseeded(Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.hidden = [np.random.default_rng(0)]

    def forward(self, x, training=False):
        mask = self.hidden[0].random(x.shape) > 0.5
        return x * mask, mask

    def backward(self, mask, dy):
        return dy * mask


class NotAPair(Affine):
    def forward(self, x, training=False):
        return super().forward(x, training)[0]


class BackwardRaises(Affine):
    def backward(self, x, dy):
        raise KeyError("x")


class CallDisagrees(Affine):
    def call(self, x, training=False):
        return x

    def __call__(self, x, training=False):
        return super().__call__(x, training=training) + 1


class NeedDxChanges(Affine):
    def backward(self, x, dy, need_dx=True):
        self.scale.grad = (x * dy).sum(axis=0)
        self.shift.grad = dy.sum(axis=0) if need_dx else 0 * dy[0]
        return dy * self.scale.value if need_dx else None


class FrozenStopsAll(Affine):
    def backward(self, x, dy):
        if self.scale.trainable:
            self.scale.grad = (x * dy).sum(axis=0)
            self.shift.grad = dy.sum(axis=0)
        return dy * self.scale.value


BROKEN = [
    (ChangesInput, "forward", "changes its input x in place"),
    (ChangesDy, "backward", "changes dy in place"),
    (ChangesResiduals, "backward", "changes x, the input of forward"),
    (ChangesOwnResiduals, "backward", "changes its residuals"),
    (KeepsInput, "backward", "Look at self.x"),
    (KeepsOutput, "forward", "overwritten by the next call"),
    (UsesUpResiduals, "backward", "uses up a list"),
    (ChangesParameter, "forward", "changes the parameter"),
    (DoublePrecision, "forward", "dtype float64 for an input of dtype float32"),
    (DoubleDx, "dx", "dtype float64 for an input of dtype float32"),
    (SinglePrecision, "forward", "dtype float32 for an input of dtype float64"),
    (HiddenSinglePrecision, "dx", "float32 takes part"),
    (Unseeded, "forward", "SeedGenerator"),
    (NotAPair, "forward", "expected the pair"),
    (BackwardRaises, "backward", "it raised KeyError"),
    (CallDisagrees, "forward", "does not agree with a plain call"),
    (NeedDxChanges, "backward", "need_dx=False"),
    (FrozenStopsAll, "backward", "frozen"),
]
