"""The matrix products of a step and nothing else: what NumPy's BLAS leaves as a lower bound."""

from __future__ import annotations

import numpy as np

from benchmarks.contenders.base import Contender
from benchmarks.task import Array


class MatmulFloor(Contender):
    """x W of every layer, xᵀ dz of every layer, dz Wᵀ of every layer but the first.

    The results go into arrays made beforehand, and mean nothing.
    """

    distributions = ("numpy",)
    floor = True
    peer = False

    def prepare(self) -> None:
        """Make every array that a step needs."""
        task, dtype = self.task, self.dtype
        self.x = task.x.astype(dtype)
        self.W = [kernel.astype(dtype) for kernel in task.kernels]
        self.dW = [np.empty_like(kernel) for kernel in self.W]
        self.z = [np.zeros((task.batch_size, units), dtype) for units in task.sizes[1:]]
        self.dz = [np.zeros_like(z) for z in self.z]

    def train(self, rows: int, epochs: int) -> None:
        """Do the products of as many steps."""
        size, last = self.task.batch_size, len(self.W) - 1
        for _ in range(epochs):
            for start in range(0, rows, size):
                inputs = [self.x[start : start + size], *self.z[:-1]]
                for i, W in enumerate(self.W):
                    np.matmul(inputs[i], W, out=self.z[i])
                for i in range(last, -1, -1):
                    np.matmul(inputs[i].T, self.dz[i], out=self.dW[i])
                    if i > 0:
                        np.matmul(self.dz[i], self.W[i].T, out=self.dz[i - 1])

    def predict(self, x: Array) -> Array:
        """Do the products of a prediction."""
        for W, z in zip(self.W, self.z, strict=True):
            x = np.matmul(x, W, out=z)
        return x
