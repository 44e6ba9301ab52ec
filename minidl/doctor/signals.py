"""What runs through the network: activations forwards, gradients backwards, updates into weights.

The checks see arrays that training has left behind, or that a forward pass in inference mode gave;
none of them changes the run.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from minidl import activations
from minidl._typing import Array
from minidl.doctor.findings import Finding

DEAD = 0.5  # share of a layer's units that never fire
SATURATED = 0.8  # share of outputs at the flat ends
ROWS_NEEDED = 16  # fewer samples say nothing about a unit
VANISHING = 1e-4  # a layer's gradient, against the largest of all
EXPLODING = 1e3  # norm of all gradients together
FAST, SLOW = 0.2, 1e-6  # size of an update, against that of the weights


def layer_outputs(plan: Any, inputs: list[Array]) -> Iterator[tuple[Any, Array]]:
    """Yield each layer of a plan with its output, in inference mode."""
    values: list[Any] = [None] * plan.size
    for slot, array in zip(plan.inputs, inputs, strict=True):
        values[slot] = array
    for step in plan.steps:
        x = values[step.inputs[0]] if step.single else [values[i] for i in step.inputs]
        y = step.forward(x, False)[0]
        outputs = [y] if step.single_output else list(y)
        for slot, item in zip(step.outputs, outputs, strict=True):
            values[slot] = item
        if step.single_output:
            yield step.layer, y


def dead_units(layer: Any, y: Array) -> Array | None:
    """Return which ReLUs of a layer are 0 for a whole batch; None where that cannot be told.

    Arguments:
        layer: whose output it is.
        y: (batch, ..., units).
    """
    if type(getattr(layer, "activation", None)) is not activations.Relu:
        return None
    if len(y) < ROWS_NEEDED or y.ndim < 2:
        return None
    return np.asarray((y.reshape(-1, y.shape[-1]) <= 0).all(axis=0))


def check_dead(name: str, dead: Array) -> Iterator[Finding]:
    """Look for a layer most of whose ReLUs never fire.

    Arguments:
        name: the layer's.
        dead: which of its units stayed 0.
    """
    count = int(np.count_nonzero(dead))
    if count > DEAD * dead.size:
        yield Finding(
            "dead_relu",
            name,
            f"Layer {name!r}: {count} of {dead.size} ReLUs are 0 for every sample of a batch, and "
            "get no gradient any more. Lower the learning rate, scale the inputs, start from "
            "he_normal weights, or use leaky_relu.",
        )


def check_activation(layer: Any, y: Array, is_last: bool) -> Iterator[Finding]:
    """Look for sigmoids and tanhs at their flat ends.

    Arguments:
        layer: whose output it is.
        y: (batch, ..., units).
        is_last: whether it is the model's output, which may be as sure of itself as it likes.
    """
    activation = getattr(layer, "activation", None)
    if len(y) < ROWS_NEEDED or y.ndim < 2 or is_last:
        return
    if not isinstance(activation, activations.Sigmoid | activations.Tanh):
        return
    units = y.reshape(-1, y.shape[-1])
    low = 0.01 if isinstance(activation, activations.Sigmoid) else -0.99
    share = float(np.mean((units < low) | (units > 0.99)))
    if share > SATURATED:
        name = "sigmoid" if isinstance(activation, activations.Sigmoid) else "tanh"
        yield Finding(
            f"saturated_{name}",
            layer.name,
            f"Layer {layer.name!r}: {share:.0%} of its {name} outputs are at the flat ends, "
            "where there is hardly a gradient. Scale the inputs, use smaller initial weights, "
            "normalize before the activation, or use relu.",
        )


def check_outputs(name: str, expects: str | None, y: Array) -> Iterator[Finding]:
    """Look for a loss that takes logits and gets probabilities, or the other way round.

    Arguments:
        name: the output's name.
        expects: `"logits"`, `"probabilities"` or None, as the loss says.
        y: what the loss gets.
    """
    low, high = float(y.min()), float(y.max())
    if expects == "probabilities" and (low < -1e-3 or high > 1 + 1e-3):
        yield Finding(
            "logits_as_probabilities",
            name,
            f"Output {name!r} runs from {low:.3g} to {high:.3g}, and its loss takes probabilities. "
            "Pass from_logits=True to the loss, or end the model in softmax or sigmoid.",
        )
    if expects != "logits" or low < 0 or high > 1 or len(y) < ROWS_NEEDED:
        return
    sums = y.sum(axis=-1)
    if y.shape[-1] == 1 or np.allclose(sums, 1, atol=1e-3):
        yield Finding(
            "probabilities_as_logits",
            name,
            f"Output {name!r} has probabilities, from {low:.3g} to {high:.3g}, and its loss takes "
            "logits. Drop from_logits=True, or the last activation.",
        )


def check_gradients(named: list[tuple[str, Array]]) -> Iterator[Finding]:
    """Look for gradients that die or blow up on their way back.

    A layer is judged by that of its kernels which has the largest gradient: in an attention that
    begins by looking everywhere alike, queries and keys rightly get next to nothing.

    Arguments:
        named: gradients of kernels, by the parameters' paths, from the inputs to the outputs.
    """
    if not named:
        return
    every = {path: float(np.sqrt(np.mean(np.square(g, dtype=np.float64)))) for path, g in named}
    layers: dict[str, str] = {}  # the path of each layer's kernel with the largest gradient
    for path, size in every.items():
        layer = path.split("/")[0]
        if layer not in layers or size > every[layers[layer]]:
            layers[layer] = path
    sizes = {path: every[path] for path in layers.values()}
    whole = float(np.sqrt(sum(np.square(g, dtype=np.float64).sum() for _, g in named)))
    largest = max(sizes, key=lambda path: sizes[path])
    if whole > EXPLODING:
        yield Finding(
            "exploding_gradient",
            largest,
            f"The gradients have grown to a norm of {whole:.3g}, most of it in {largest!r}. Clip "
            "them (clipnorm=1.0), lower the learning rate, or scale inputs and targets.",
        )
    faint = [path for path, size in sizes.items() if size < VANISHING * sizes[largest]]
    if faint:
        factor = sizes[faint[0]] / sizes[largest]
        yield Finding(
            "vanishing_gradient",
            faint[0],
            f"The gradient of {faint[0]!r} is {factor:.1e} times that of {largest!r}: it has "
            "vanished on its way back. Use relu and he_normal, normalization layers, or shortcuts "
            "(layers.Add) around the layers between.",
        )


def check_updates(named: list[tuple[str, Array, Array]]) -> Iterator[Finding]:
    """Compare one step's updates with the weights: about 1e-3 of them is usual.

    Arguments:
        named: paths of kernels, with their values before a step and after it.
    """
    ratios = {}
    for path, before, after in named:
        size = float(np.linalg.norm(before))
        if size > 0:
            ratios[path] = float(np.linalg.norm(after - before)) / size
    if not ratios:
        return
    fastest = max(ratios, key=lambda path: ratios[path])
    if ratios[fastest] > FAST:
        yield Finding(
            "update_too_large",
            fastest,
            f"One step changes {fastest!r} by {ratios[fastest]:.1e} of its size, where about 1e-3 "
            "is usual. Lower the learning rate.",
        )
    elif ratios[fastest] < SLOW:
        yield Finding(
            "update_too_small",
            fastest,
            f"One step changes no kernel by more than {ratios[fastest]:.1e} of its size, where "
            "about 1e-3 is usual. Raise the learning rate, or see why the gradients are so small.",
        )
