"""PyTorch: the usual loop, with the optimizer's fused form, and compiled."""

from __future__ import annotations

import shutil
from typing import Any, ClassVar

import numpy as np

from benchmarks import networks
from benchmarks.contenders.base import Contender
from benchmarks.task import Array


class Torch(Contender):
    """Eager: zero_grad, forward, loss on the logits, backward, step."""

    requires = ("torch",)
    distributions = ("torch", "numpy")
    networks: ClassVar[tuple[str, ...]] = ("dense", "convnet", "lstm")
    fused = False

    def prepare(self) -> None:
        """Make the model, the optimizer and the tensors."""
        import torch

        torch.set_num_threads(self.threads)
        task, dtype = self.task, getattr(torch, self.dtype)
        nn, output = torch.nn, None
        self.model: Any = networks.in_torch(task, dtype)
        self.x = torch.from_numpy(self.channels_first(task.x))
        if task.output == "softmax":
            self.y = torch.from_numpy(task.labels)
            self.loss, output = nn.CrossEntropyLoss(), nn.Softmax(dim=1)
        else:
            self.y = torch.from_numpy(task.targets())
            self.loss, output = nn.BCEWithLogitsLoss(), nn.Sigmoid()
        self.predictor: Any = nn.Sequential(self.model, output)
        settings: dict[str, Any] = {"lr": task.learning_rate, "fused": self.fused or None}
        parameters = [p for p in self.model.parameters() if p.requires_grad]
        if task.optimizer == "adam":
            self.optimizer: Any = torch.optim.Adam(parameters, eps=1e-7, **settings)
        else:
            self.optimizer = torch.optim.SGD(parameters, **settings)

    def channels_first(self, x: Array) -> Array:
        """Return rows in the contender's dtype, and images with the channels first."""
        x = x.astype(self.dtype, copy=False)
        return np.ascontiguousarray(x.transpose(0, 3, 1, 2)) if x.ndim == 4 else x

    def train(self, rows: int, epochs: int) -> None:
        """Go on training."""
        self.predictor.train()
        size = self.task.batch_size
        for _ in range(epochs):
            for start in range(0, rows, size):
                self.optimizer.zero_grad()
                logits = self.model(self.x[start : start + size])
                self.loss(logits, self.y[start : start + size]).backward()
                self.optimizer.step()

    def predict(self, x: Array) -> Any:
        """Return probabilities."""
        import torch

        if self.predictor.training:
            self.predictor.eval()
        with torch.inference_mode():
            return self.predictor(torch.from_numpy(self.channels_first(x)))


class TorchFused(Torch):
    """The same with `fused=True`: the optimizer's whole update is one kernel."""

    fused = True


class TorchCompile(TorchFused):
    """The same with the model through `torch.compile`, where a C++ compiler is there."""

    @classmethod
    def missing(cls) -> list[str]:
        """Return what has to be installed first."""
        compiler = any(shutil.which(name) for name in ("c++", "g++", "clang++"))
        return super().missing() + ([] if compiler else ["a C++ compiler"])

    def prepare(self) -> None:
        """Wrap what the eager form has."""
        import torch

        super().prepare()
        self.model = torch.compile(self.model)
        self.predictor = torch.compile(self.predictor)
