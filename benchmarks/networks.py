"""How the tasks' networks are written: in Keras's words, which are minidl's too, and in PyTorch's.

dense     Dense layers alone
convnet   Conv 32 - pool - Conv 64 - pool - Dropout - Dense, on images
lstm      LSTM - Dense, on the rows of an image as a sequence
"""

from __future__ import annotations

from typing import Any

from benchmarks.task import Array, Task

UNITS = 128  # of the LSTM
FILTERS = (32, 64)
DROPOUT = 0.5


def shapes(network: str, classes: int) -> tuple[list[tuple[int, ...]], list[int]]:
    """Return the shapes of the kernels and the lengths of the biases of a convnet or an LSTM.

    Shapes:
        a convolution's kernel `(3, 3, channels, filters)`; the LSTM's kernels `(features, 4 units)`
        and `(units, 4 units)`; a Dense's kernel `(inputs, units)`. Images are 28 × 28.
    """
    if network == "convnet":
        first, second = FILTERS
        kernels = [(3, 3, 1, first), (3, 3, first, second), (5 * 5 * second, classes)]
        return kernels, [first, second, classes]
    return [(28, 4 * UNITS), (UNITS, 4 * UNITS), (UNITS, classes)], [4 * UNITS, classes]


def weights(task: Task) -> list[Array]:
    """Return the task's weights in the order of `set_weights`."""
    if task.network == "lstm":
        (kernel, recurrent, last), (bias, last_bias) = task.kernels, task.biases
        return [kernel, recurrent, bias, last, last_bias]
    return [array for pair in zip(task.kernels, task.biases, strict=True) for array in pair]


def in_keras(task: Task, layers: Any, output: str | None) -> list[Any]:
    """Return the network's layers.

    Arguments:
        layers: the module `layers` of Keras or of minidl.
        output: the last layer's activation, or None for logits.
    """
    last = layers.Dense(task.sizes[-1], output)
    if task.network == "convnet":
        first, second = FILTERS
        return [
            layers.Conv2D(first, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Conv2D(second, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Flatten(),
            layers.Dropout(DROPOUT),
            last,
        ]
    if task.network == "lstm":
        return [layers.LSTM(UNITS), last]
    return [*(layers.Dense(units, task.hidden) for units in task.sizes[1:-1]), last]


def in_torch(task: Task, dtype: Any) -> Any:
    """Return the network as a PyTorch module with the task's weights, ending in logits."""
    import torch
    from torch import nn

    def filled(layer: Any, **arrays: Array) -> Any:
        with torch.no_grad():
            for name, array in arrays.items():
                getattr(layer, name).copy_(torch.from_numpy(array))
        return layer

    if task.network == "convnet":
        first, second = FILTERS
        one, two, last = task.kernels
        # PyTorch's images, and so what Flatten makes of them, have the channels first.
        side = 5
        last = last.reshape(side, side, second, -1).transpose(3, 2, 0, 1).reshape(-1, last.shape[0])
        a, b, c = task.biases
        return nn.Sequential(
            filled(nn.Conv2d(1, first, 3), weight=one.transpose(3, 2, 0, 1), bias=a),
            nn.ReLU(),
            nn.MaxPool2d(2),
            filled(nn.Conv2d(first, second, 3), weight=two.transpose(3, 2, 0, 1), bias=b),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Dropout(DROPOUT),
            filled(nn.Linear(last.shape[1], task.sizes[-1]), weight=last, bias=c),
        )
    if task.network == "lstm":
        kernel, recurrent, last = task.kernels
        bias, last_bias = task.biases
        lstm = filled(
            nn.LSTM(kernel.shape[0], UNITS, batch_first=True),
            weight_ih_l0=kernel.T,
            weight_hh_l0=recurrent.T,
            bias_ih_l0=bias,
            bias_hh_l0=0 * bias,
        )
        lstm.bias_hh_l0.requires_grad_(False)  # a second bias, which Keras's LSTM does not have

        class Classifier(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.lstm = lstm
                self.last = filled(nn.Linear(*last.shape), weight=last.T, bias=last_bias)

            def forward(self, x: Any) -> Any:
                return self.last(self.lstm(x)[0][:, -1])

        return Classifier()
    activation = {"relu": nn.ReLU, "sigmoid": nn.Sigmoid}[task.hidden]
    layers: list[Any] = []
    for kernel, bias in zip(task.kernels, task.biases, strict=True):
        layers += [filled(nn.Linear(*kernel.shape, dtype=dtype), weight=kernel.T, bias=bias)]
        layers += [activation()]
    return nn.Sequential(*layers[:-1])
