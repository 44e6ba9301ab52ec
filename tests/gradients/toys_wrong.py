"""Layers with a wrong gradient, and the part and the cause that gradcheck must name."""

from __future__ import annotations

import numpy as np

from minidl.layers import Layer

from .toys_right import IMAGES, SQUARE, Affine, Dropping, Linear, Mix, Softmax, X


class WrongSign(Affine):
    def backward(self, x, dy):
        return -super().backward(x, dy)


class MeanForSum(Linear):
    def backward(self, x, dy):
        self.kernel.grad = x.T @ dy / len(x)
        return dy @ self.kernel.value.T


class SumForMean(Layer):
    def forward(self, x, training=False):
        return x.mean(axis=1, keepdims=True), x

    def backward(self, x, dy):
        return np.broadcast_to(dy, x.shape).copy()


class Half(Layer):
    def forward(self, x, training=False):
        return x * x, x

    def backward(self, x, dy):
        return x * dy


class Double(Layer):
    def forward(self, x, training=False):
        return 0.5 * x * x, x

    def backward(self, x, dy):
        return 2 * x * dy


class Threefold(Half):
    def backward(self, x, dy):
        return 6 * x * dy


class Transposed(Linear):
    def backward(self, x, dy):
        self.kernel.grad = (x.T @ dy).T
        return dy @ self.kernel.value.T


class KernelNotTransposed(Linear):
    def backward(self, x, dy):
        super().backward(x, dy)
        return dy @ self.kernel.value


class NeverWritten(Affine):
    def backward(self, x, dy):
        self.scale.grad = (x * dy).sum(axis=0)
        return dy * self.scale.value


class PartlyWritten(Affine):
    def backward(self, x, dy):
        self.scale.grad = (x * dy).sum(axis=0)
        self.shift.grad[:-1] = dy.sum(axis=0)[:-1]
        return dy * self.scale.value


class Accumulates(Affine):
    def backward(self, x, dy):
        self.scale.grad += (x * dy).sum(axis=0)
        self.shift.grad = dy.sum(axis=0)
        return dy * self.scale.value


class Zero(Affine):
    def backward(self, x, dy):
        super().backward(x, dy)
        return np.zeros_like(dy)


class Diagonal(Softmax):
    def backward(self, y, dy):
        return dy * y * (1 - y)


class IgnoresDy(Affine):
    def backward(self, x, dy):
        super().backward(x, dy)
        return np.ones_like(dy) * self.scale.value


class MaskMissing(Dropping):
    def forward(self, x, training=False):
        y, mask = super().forward(x, training)
        return 2 * y, mask

    def backward(self, mask, dy):
        return 2 * dy


class Unchanged(Dropping):
    def forward(self, x, training=False):
        y, mask = super().forward(x, training)
        return (y if mask is None else 2 * y), mask

    def backward(self, mask, dy):
        return dy


class MaskInverted(Layer):
    def forward(self, x, training=False):
        return np.maximum(x, 0), x

    def backward(self, x, dy):
        return dy * (x < 0)


class OneSample(Affine):
    def backward(self, x, dy):
        super().backward(x, dy)
        self.shift.grad = dy[0]
        return dy * self.scale.value


class ScaleForgotten(Affine):
    def backward(self, x, dy):
        super().backward(x, dy)
        return dy.copy()


class MeanTermMissing(Layer):
    def forward(self, x, training=False):
        return x - x.mean(axis=-1, keepdims=True), None

    def backward(self, residuals, dy):
        return dy.copy()


class StatisticsConstant(Layer):
    def forward(self, x, training=False):
        s = np.sqrt(x.var(axis=-1, keepdims=True) + 1e-3)
        return (x - x.mean(axis=-1, keepdims=True)) / s, s

    def backward(self, s, dy):
        return dy / s


class BatchStatistics(Layer):
    def forward(self, x, training=False):
        s = np.sqrt(x.var(axis=(0, 1, 2)) + 1e-3)
        return (x - x.mean(axis=(0, 1, 2))) / s, s

    def backward(self, s, dy):
        return dy / s


class WrongSplit(Layer):
    def forward(self, x, training=False):
        return np.concatenate([x[:, :2] * 2, x[:, 2:] * 3], axis=-1), None

    def backward(self, residuals, dy):
        return np.concatenate([dy[:, :3] * 2, dy[:, 3:] * 3], axis=-1)


class OtherEpsilon(Layer):
    def forward(self, x, training=False):
        return np.sqrt(x * x + 1e-3), x

    def backward(self, x, dy):
        return dy * x / np.sqrt(x * x + 1.01e-3)


class OneOutput(Mix):
    def backward(self, residuals, dy):
        a, b = residuals
        return [dy[0] * b, dy[0] * a + 3 * dy[1]]


class WrongShape(Linear):
    def backward(self, x, dy):
        return super().backward(x, dy).T


class WrongGradientShape(Affine):
    def backward(self, x, dy):
        self.scale.grad = x * dy
        self.shift.grad = dy.sum(axis=0)
        return dy * self.scale.value


class NoDx(Affine):
    def backward(self, x, dy):
        super().backward(x, dy)


class NotFinite(Affine):
    def backward(self, x, dy):
        dx = super().backward(x, dy)
        dx[0, 0] = np.nan
        return dx


class TooFewInputs(Mix):
    def backward(self, residuals, dy):
        return super().backward(residuals, dy)[:1]


WRONG = [
    (WrongSign, X, "dx", "opposite sign"),
    (
        MeanForSum,
        X,
        "kernel",
        "divided by 4, the batch size or axis 1 of dy: a mean stands where the sum",
    ),
    (SumForMean, X, "dx", "multiplied by 5"),
    (Half, X, "dx", "half of what it should be"),
    (Double, X, "dx", "twice what it should be"),
    (Threefold, X, "dx", "3 times"),
    (Transposed, SQUARE, "kernel", "transposed"),
    (KernelNotTransposed, SQUARE, "dx", "a transpose is missing"),
    (NeverWritten, X, "shift", "never writes never_written/shift.grad"),
    (PartlyWritten, X, "shift", "leaves 1 of 5 entries"),
    (Accumulates, X, "scale", "accumulates"),
    (Zero, X, "dx", "zero everywhere"),
    (Diagonal, X, "dx", "only the diagonal"),
    (IgnoresDy, X, "dx", "dy is not used"),
    (MaskMissing, X, "dx", "a mask is missing"),
    (Unchanged, X, "dx", "dy is handed on unchanged"),
    (BatchStatistics, IMAGES, "dx", "along axes (0, 1, 2) are missing"),
    (MaskInverted, X, "dx", "wrong way round"),
    (OneSample, X, "shift", "only sample 0 contributes"),
    (ScaleForgotten, X, "dx", "lacks the factor scale"),
    (MeanTermMissing, X, "dx", "all along axis 1"),
    (StatisticsConstant, X, "dx", "terms of the form"),
    (WrongSplit, X, "dx", "index 2 on axis 1"),
    (OtherEpsilon, X, "dx", "digits only"),
    (OneOutput, [X, X + 1], "dx[0]", "only output 0 contributes"),
    (WrongShape, SQUARE[:3], "dx", "It is transposed"),
    (WrongGradientShape, X, "backward", "missing sum over the batch axis"),
    (NoDx, X, "dx", "returned None"),
    (NotFinite, X, "dx", "NaN or infinity"),
    (TooFewInputs, [X, X + 1], "dx", "a list of 1, expected a list of 2"),
]
