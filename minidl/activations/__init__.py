"""Activations: pairs of a function and its derivative, by the names that Keras gives them.

`activations.relu` is an object of the class `activations.Relu`, and is called like a function:
`relu(z)`. A layer takes any of `"relu"`, `relu`, `Relu` and `Relu(max_value=6)`.

    base                    the contract
    piecewise               linear relu leaky_relu relu6 hard_sigmoid hard_silu
    saturating              sigmoid tanh softsign softplus log_sigmoid exponential
    exponential_linear      elu selu celu
    gated (gaussian)        silu mish gelu glu
    softmaxes               softmax log_softmax
"""

from __future__ import annotations

from typing import Any

from minidl.activations.base import Activation, FunctionActivation
from minidl.activations.exponential_linear import Celu, Elu, Selu
from minidl.activations.gated import Gelu, Glu, Mish, Silu
from minidl.activations.piecewise import (
    HardSigmoid,
    HardSilu,
    LeakyRelu,
    Linear,
    Relu,
    Relu6,
)
from minidl.activations.saturating import (
    Exponential,
    LogSigmoid,
    Sigmoid,
    Softplus,
    Softsign,
    Tanh,
)
from minidl.activations.softmaxes import LogSoftmax, Softmax
from minidl.registry import Registry
from minidl.registry import serialize as _serialize

celu = Celu()
elu = Elu()
exponential = Exponential()
gelu = Gelu()
glu = Glu()
hard_sigmoid = HardSigmoid()
hard_silu = hard_swish = HardSilu()
leaky_relu = LeakyRelu()
linear = Linear()
log_sigmoid = LogSigmoid()
log_softmax = LogSoftmax()
mish = Mish()
relu = Relu()
relu6 = Relu6()
selu = Selu()
sigmoid = Sigmoid()
silu = swish = Silu()
softmax = Softmax()
softplus = Softplus()
softsign = Softsign()
tanh = Tanh()

_BY_NAME: dict[str, Activation] = {
    name: value for name, value in vars().items() if isinstance(value, Activation)
}

registry: Registry[Activation] = Registry("activation", Activation, FunctionActivation)
for _name, _activation in _BY_NAME.items():
    registry.register(type(_activation), _name)

__all__ = [
    "Activation",
    "Celu",
    "Elu",
    "Exponential",
    "FunctionActivation",
    "Gelu",
    "Glu",
    "HardSigmoid",
    "HardSilu",
    "LeakyRelu",
    "Linear",
    "LogSigmoid",
    "LogSoftmax",
    "Mish",
    "Relu",
    "Relu6",
    "Selu",
    "Sigmoid",
    "Silu",
    "Softmax",
    "Softplus",
    "Softsign",
    "Tanh",
    "celu",
    "deserialize",
    "elu",
    "exponential",
    "gelu",
    "get",
    "glu",
    "hard_sigmoid",
    "hard_silu",
    "hard_swish",
    "leaky_relu",
    "linear",
    "log_sigmoid",
    "log_softmax",
    "mish",
    "registry",
    "relu",
    "relu6",
    "selu",
    "serialize",
    "sigmoid",
    "silu",
    "softmax",
    "softplus",
    "softsign",
    "swish",
    "tanh",
]


def get(identifier: Any) -> Activation:
    """Return the activation for a name, a class, a config, a function or an object.

    `None` gives `linear`. A name gives the object of that name in this module. A plain function
    is one too; its gradient is found by `minidl.autodiff`.

    Raises:
        ValueError: if a name is not known; the message has the nearest one.
        TypeError: if `identifier` is of no such kind.

    >>> get("relu") is relu, get(None) is linear, get("swish") is silu
    (True, True, True)
    """
    if identifier is None:
        return linear
    if isinstance(identifier, str) and identifier in _BY_NAME:
        return _BY_NAME[identifier]
    if isinstance(identifier, dict) and identifier.get("class_name") == "FunctionActivation":
        return FunctionActivation.from_config(identifier.get("config") or {})
    activation = registry.get(identifier)
    assert activation is not None
    return activation


def serialize(activation: Activation) -> Any:
    """Return the name of an activation, or its class and arguments if they are not the defaults.

    >>> serialize(relu), serialize(LeakyRelu(0.1))["config"]
    ('relu', {'negative_slope': 0.1})
    """
    return _serialize(activation)


def deserialize(config: Any) -> Activation:
    """Return the activation for what `serialize` returned.

    >>> deserialize(serialize(LeakyRelu(0.1)))
    LeakyRelu(negative_slope=0.1)
    """
    return get(config)
