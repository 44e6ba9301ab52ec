"""Batch normalization taken into its neighbours' weights, and what does nothing taken out.

At inference a batch normalization is one multiplication and one addition a channel,

    y = s x + t        with s = γ / √(σ² + ε) and t = β − μ s

so it can be taken into the layer before it or behind it, which multiplies and adds anyway:

    s (x W + b) + t   = x (W s) + (b s + t)            before it, with W's columns times s
    (s x + t) W + b   = x (s W) + (b + t W)            behind it, with W's rows times s
"""

from __future__ import annotations

from typing import Any

import numpy as np

from minidl import activations, layers
from minidl._typing import Array
from minidl.layers.activation_layers import ActivationLayer
from minidl.layers.convolutional.base import ConvolutionalLayer
from minidl.layers.convolutional.convolution import Convolution
from minidl.layers.convolutional.depthwise import DepthwiseConvolution
from minidl.layers.convolutional.separable import SeparableConvolution
from minidl.layers.convolutional.transposed import TransposedConvolution
from minidl.layers.parameter import Parameter
from minidl.models.plan import Plan
from minidl.models.plan_step import ActivityPenalty, Step

_NOTHING = (
    ActivityPenalty,
    layers.Identity,
    layers.Dropout,  # the spatial ones too
    layers.AlphaDropout,
    layers.GaussianDropout,
    layers.GaussianNoise,
)


def simplify(plan: Plan) -> list[str]:
    """Shorten a plan for inference, in place; return the names of the layers that are gone.

    The plan's layers must be its own: their weights are changed.
    """
    gone: list[str] = []
    _skip_idle(plan, gone)
    changed = True
    while changed:
        changed = False
        for step in list(plan.steps):
            before = _only_source(plan, step)
            if before is not None and _join(plan, before, step):
                gone.append(step.layer.name)
                plan.steps.remove(step)
                _rename(plan, step.outputs[0], before.outputs[0])
                changed = True
        for step in list(plan.steps):
            before = _only_source(plan, step)
            if before is not None and _fold_into_next(plan, before, step):
                gone.append(before.layer.name)
                plan.steps.remove(before)
                step.inputs = list(before.inputs)
                changed = True
    plan._release = plan._last_uses()
    return gone


def _skip_idle(plan: Plan, gone: list[str]) -> None:
    """Take out the layers that pass on what they get; integers they would have made floats."""
    for step in list(plan.steps):
        if type(step) is not Step or step.training or not isinstance(step.layer, _NOTHING):
            continue
        if step.inputs[0] in plan._inert:
            continue
        plan.steps.remove(step)
        _rename(plan, step.outputs[0], step.inputs[0])
        if not isinstance(step.layer, ActivityPenalty):
            gone.append(step.layer.name)


def _rename(plan: Plan, old: int, new: int) -> None:
    for step in plan.steps:
        step.inputs = [new if slot == old else slot for slot in step.inputs]
    plan.outputs = [new if slot == old else slot for slot in plan.outputs]


def _only_source(plan: Plan, step: Step) -> Step | None:
    """Return the step before, if what it gives goes to this step alone, and both run once.

    With masks about, a step that reads a layer's mask reads the layer's input too.
    """
    if type(step) is not Step or not step.single or not _stands_alone(plan, step):
        return None
    slot = step.inputs[0]
    uses = sum(other.inputs.count(slot) for other in plan.steps) + plan.outputs.count(slot)
    if uses != 1:
        return None
    for before in plan.steps:
        if slot in before.outputs:
            plain = type(before) is Step and before.single and before.single_output
            return before if plain and _stands_alone(plan, before) else None
    return None


def _stands_alone(plan: Plan, step: Step) -> bool:
    """Return whether no other step has the layer, or any of its weights."""
    own = {id(p) for p in step.layer.weights}
    return not any(
        other is not step
        and (other.layer is step.layer or any(id(p) in own for p in other.layer.weights))
        for other in plan.steps
    )


def _join(plan: Plan, before: Step, step: Step) -> bool:
    """Take a normalization or an activation into the layer before it; return whether it fits."""
    layer, target = step.layer, before.layer
    if not isinstance(target, layers.Dense | ConvolutionalLayer):
        return False
    if type(target.activation) is not activations.Linear:
        return False
    if isinstance(layer, ActivationLayer):
        target.activation = layer.activation
        return True
    if not isinstance(layer, layers.BatchNormalization) or layer.dtype != target.dtype:
        return False
    rank = layer.input_spec.ndim if layer.input_spec is not None else None
    if rank is None or layer._axes != [_channel_axis(target, rank)]:
        return False
    s, t = _scale_and_shift(layer)
    _scale_columns(target, s)
    _set_bias(target, _bias(target, len(t)) * s + t)
    return True


def _fold_into_next(plan: Plan, before: Step, step: Step) -> bool:
    """Take a normalization into the layer behind it; return whether it fits."""
    layer, target = before.layer, step.layer
    if not isinstance(layer, layers.BatchNormalization) or layer.dtype != target.dtype:
        return False
    rank = layer.input_spec.ndim if layer.input_spec is not None else None
    if isinstance(target, Convolution):
        # Zeros around an input stand behind the normalization, and would have to be −t / s.
        if target.padding != "valid" or target.groups > 1:
            return False
    elif not isinstance(target, layers.Dense):
        return False
    if rank is None or layer._axes != [_channel_axis(target, rank)]:
        return False
    s, t = _scale_and_shift(layer)
    W = target.kernel.value.astype(np.float64)
    added = (W * t[:, np.newaxis]).sum(axis=tuple(range(W.ndim - 1)))
    target.kernel.assign(W * s[:, np.newaxis])
    _set_bias(target, _bias(target, len(added)) + added)
    return True


def _channel_axis(layer: Any, rank: int) -> int:
    first = isinstance(layer, ConvolutionalLayer) and layer.data_format == "channels_first"
    return 1 if first else rank - 1


def _scale_and_shift(layer: layers.BatchNormalization) -> tuple[Array, Array]:
    """Return s and t in float64, so that folding rounds once."""
    mean, variance = (
        p.value.astype(np.float64) for p in (layer.moving_mean, layer.moving_variance)
    )
    s = 1 / np.sqrt(variance + layer.epsilon)
    if layer.gamma is not None:
        s = s * layer.gamma.value
    t = -mean * s
    return s, t if layer.beta is None else t + layer.beta.value


def _scale_columns(layer: Any, s: Array) -> None:
    """Multiply what leads to each output channel by its number."""
    if isinstance(layer, DepthwiseConvolution):
        kernel, factors = layer.kernel, s.reshape(layer.kernel.shape[-2:])
    elif isinstance(layer, SeparableConvolution):
        kernel, factors = layer.pointwise_kernel, s
    elif isinstance(layer, TransposedConvolution):
        kernel, factors = layer.kernel, s[:, np.newaxis]
    else:
        kernel, factors = layer.kernel, s
    kernel.assign(kernel.value.astype(np.float64) * factors)


def _bias(layer: Any, units: int) -> Array:
    return layer.bias.value.astype(np.float64) if layer.use_bias else np.zeros(units)


def _set_bias(layer: Any, bias: Array) -> None:
    layer.use_bias = True
    layer.bias = Parameter(bias.astype(layer.dtype), name="bias", trainable=False)
