"""One table of all activations, which every test of them walks.

For a function of single numbers it has the formula as one would write it down for one number, the
kinks, and what becomes of value and slope far out on either side.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from minidl import activations
from minidl.activations import Activation

SAME = "same"  # far out, y = z


@dataclass(frozen=True)
class Case:
    activation: Activation
    formula: Callable[[float], float]
    left: tuple[float | str, float] | None = (0.0, 0.0)  # value and slope where z → −∞
    right: tuple[float | str, float] | None = (SAME, 1.0)  # and where z → ∞
    kinks: tuple[float, ...] = ()


def sigmoid(z):
    return 1 / (1 + math.exp(-z))


def hard_sigmoid(z):
    return min(max(z + 3, 0), 6) / 6


def relu(slope=0.0, highest=math.inf, threshold=0.0):
    return lambda z: min(z, highest) if z > threshold else slope * (z - threshold)


def elu(alpha, scale=1.0, stretch=1.0):
    return lambda z: scale * (z if z > 0 else alpha * math.expm1(z / stretch))


SELU = (1.6732632423543772, 1.0507009873554805)

CASES = {
    "linear": Case(activations.linear, lambda z: z, left=(SAME, 1.0)),
    "relu": Case(activations.relu, relu(), kinks=(0,)),
    "relu_slope": Case(activations.Relu(0.3), relu(0.3), left=None, kinks=(0,)),
    "relu_steep": Case(activations.Relu(1.5), relu(1.5), left=None, kinks=(0,)),
    "relu_max": Case(activations.Relu(max_value=2), relu(highest=2), right=(2, 0), kinks=(0, 2)),
    "relu_threshold": Case(activations.Relu(threshold=1), relu(threshold=1), kinks=(1,)),
    "relu_all": Case(
        activations.Relu(0.1, 3.0, 0.5), relu(0.1, 3, 0.5), None, (3, 0), kinks=(0.5, 3)
    ),
    "relu_threshold_above_max": Case(
        activations.Relu(0.1, 1.0, 2.0), relu(0.1, 1, 2), None, (1, 0), kinks=(2,)
    ),
    "leaky_relu": Case(activations.leaky_relu, relu(0.2), left=None, kinks=(0,)),
    "leaky_relu_0": Case(activations.LeakyRelu(0.0), relu(), kinks=(0,)),
    "leaky_relu_steep": Case(activations.LeakyRelu(2), relu(2), left=None, kinks=(0,)),
    "relu6": Case(activations.relu6, relu(highest=6), right=(6, 0), kinks=(0, 6)),
    "hard_sigmoid": Case(activations.hard_sigmoid, hard_sigmoid, right=(1, 0), kinks=(-3, 3)),
    "hard_silu": Case(activations.hard_silu, lambda z: z * hard_sigmoid(z), kinks=(-3, 3)),
    "sigmoid": Case(activations.sigmoid, sigmoid, right=(1, 0)),
    "tanh": Case(activations.tanh, math.tanh, (-1, 0), (1, 0)),
    "softsign": Case(
        activations.softsign, lambda z: z / (1 + abs(z)), left=None, right=None, kinks=(0,)
    ),
    "softplus": Case(activations.softplus, lambda z: math.log(1 + math.exp(z))),
    "log_sigmoid": Case(activations.log_sigmoid, lambda z: math.log(sigmoid(z)), (SAME, 1), (0, 0)),
    "exponential": Case(activations.exponential, math.exp, right=None),
    "elu": Case(activations.elu, elu(1), left=(-1, 0), kinks=(0,)),
    "elu_2": Case(activations.Elu(2.0), elu(2), left=(-2, 0), kinks=(0,)),
    "elu_0": Case(activations.Elu(0.0), relu(), kinks=(0,)),
    "selu": Case(activations.selu, elu(*SELU), (-SELU[0] * SELU[1], 0), right=None, kinks=(0,)),
    "celu": Case(activations.celu, elu(1), left=(-1, 0), kinks=(0,)),
    "celu_half": Case(activations.Celu(0.5), elu(0.5, stretch=0.5), left=(-0.5, 0), kinks=(0,)),
    "silu": Case(activations.silu, lambda z: z * sigmoid(z)),
    "mish": Case(activations.mish, lambda z: z * math.tanh(math.log1p(math.exp(z)))),
    "gelu": Case(activations.gelu, lambda z: z * math.erfc(-z / math.sqrt(2)) / 2),
    "gelu_approximate": Case(
        activations.Gelu(approximate=True),
        lambda z: z / 2 * (1 + math.tanh(math.sqrt(2 / math.pi) * (z + 0.044715 * z**3))),
    ),
}


def softmax(z, axis=-1):
    e = np.exp(z)
    return e / e.sum(axis=axis, keepdims=True)


def glu(z, axis=-1):
    a, b = np.split(z, 2, axis=axis)
    return a / (1 + np.exp(-b))


# Functions in which the numbers of an axis meet, on arrays of shape (2, 3, 4).
AXIS_CASES = {
    "softmax": (activations.softmax, softmax),
    "softmax_0": (activations.Softmax(axis=0), lambda z: softmax(z, 0)),
    "softmax_1_2": (activations.Softmax(axis=(1, 2)), lambda z: softmax(z, (1, 2))),
    "log_softmax": (activations.log_softmax, lambda z: np.log(softmax(z))),
    "log_softmax_1": (activations.LogSoftmax(axis=1), lambda z: np.log(softmax(z, 1))),
    "glu": (activations.glu, glu),
    "glu_0": (activations.Glu(axis=0), lambda z: glu(z, 0)),
}

ALL = {name: case.activation for name, case in CASES.items()} | {
    name: activation for name, (activation, _) in AXIS_CASES.items()
}
