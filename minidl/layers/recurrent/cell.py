"""What SimpleRNNCell, LSTMCell and GRUCell share: their arguments, weights and dropout."""

from __future__ import annotations

from typing import Any

import numpy as np

from minidl import activations, constraints, initializers, regularizers
from minidl._typing import Array, Shape
from minidl.kernels import empty
from minidl.layers.axes import sum_keeping
from minidl.layers.parameter import Parameter
from minidl.layers.recurrent.projection import kernel_gradient, project_back, project_inputs
from minidl.layers.recurrent.sequence_cell import SequenceCell
from minidl.random import SeedGenerator
from minidl.validation import number, positive_integer


class RecurrentCell(SequenceCell):
    """A cell with a kernel W for the input, a recurrent kernel U for the state, and a bias.

    Both kernels have a block of columns for each gate, so that one product serves all gates.
    """

    gates = 1  # how many blocks of columns the kernels have

    def __init__(
        self,
        units: int,
        activation: Any,
        use_bias: bool,
        kernel_initializer: Any,
        recurrent_initializer: Any,
        bias_initializer: Any,
        kernel_regularizer: Any,
        recurrent_regularizer: Any,
        bias_regularizer: Any,
        kernel_constraint: Any,
        recurrent_constraint: Any,
        bias_constraint: Any,
        dropout: float,
        recurrent_dropout: float,
        seed: int | None,
        **kwargs: Any,
    ) -> None:
        implementation = kwargs.pop("implementation", 2)
        super().__init__(**kwargs)
        self.units = positive_integer("units", units, self.name)
        self.activation = activations.get(activation)
        self.use_bias = use_bias
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.recurrent_initializer = initializers.get(recurrent_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.recurrent_regularizer = regularizers.get(recurrent_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)
        self.recurrent_constraint = constraints.get(recurrent_constraint)
        self.bias_constraint = constraints.get(bias_constraint)
        self.dropout = number("dropout", dropout, self.name, low=0, high=1, open_high=True)
        self.recurrent_dropout = number(
            "recurrent_dropout", recurrent_dropout, self.name, low=0, high=1, open_high=True
        )
        self.seed = seed
        self.seed_generator = SeedGenerator(seed)
        # As in Keras: with recurrent dropout, or implementation 1, each gate has draws of its own.
        self._draws = self.gates if implementation == 1 or self.recurrent_dropout else 1
        self.state_size = self.units
        self.output_size = self.units

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        config = super().get_config()
        config.pop("activity_regularizer", None)  # a cell's output is not the layer's
        return config

    # Weights

    def build(self, input_shape: Any) -> None:
        """Create the kernels and the bias for steps of shape (batch, features)."""
        shape: Shape = input_shape[0] if isinstance(input_shape, list) else input_shape
        features = shape[-1]
        if len(shape) != 2 or features is None:
            raise ValueError(
                f"Layer {self.name!r} ({type(self).__name__}) received a step of shape {shape}, "
                "expected (batch, features) with a known number of features: the kernel has a row "
                "for each. Give Input its full shape."
            )
        columns = self.gates * self.units
        self.kernel = self.add_weight(
            (features, columns),
            initializer=self.kernel_initializer,
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
            name="kernel",
        )
        self.recurrent_kernel = self.add_weight(
            (self.units, columns),
            initializer=self.recurrent_initializer,
            regularizer=self.recurrent_regularizer,
            constraint=self.recurrent_constraint,
            name="recurrent_kernel",
        )
        self.bias: Parameter | None = None
        if self.use_bias:
            self.bias = self.add_weight(
                self._bias_shape(),
                initializer=self.bias_initializer,
                regularizer=self.bias_regularizer,
                constraint=self.bias_constraint,
                name="bias",
            )

    def _bias_shape(self) -> tuple[int, ...]:
        return (self.gates * self.units,)

    def _dropped(self, x: Array, training: bool) -> tuple[Array | None, Array | None]:
        """Return the dropout masks of input and state, drawn once for all steps of a call."""
        if not training:
            return None, None
        return (
            self._dropout_masks(self.dropout, (x.shape[1], x.shape[2])),
            self._dropout_masks(self.recurrent_dropout, (x.shape[1], self.units)),
        )

    def _dropout_masks(self, rate: float, shape: tuple[int, int]) -> Array | None:
        """Return m / (1 − rate) with m 0 with probability `rate`, else 1; None for rate 0."""
        if rate == 0:
            return None
        draws = self.seed_generator.generator.random((self._draws, *shape), dtype=np.float32)
        masks = (draws >= rate).astype(self.dtype)
        masks *= 1 / (1 - rate)
        return masks

    def _project_inputs(
        self, x: Array, masks: Array | None, bias: Array | None, out: Array
    ) -> None:
        """Write x W + b of all steps and gates into `out`, (gates, time, batch, units)."""
        project_inputs(x, self.kernel.value, masks, out)
        if bias is not None:
            out += bias.reshape(self.gates, 1, 1, self.units)

    def _backward_inputs(
        self, x: Array, dz: Array, masks: Array | None, need_dx: bool
    ) -> Array | None:
        """Assign dW = Σ xᵀ dz over all steps in one product; return dx = dz Wᵀ likewise."""
        if self.kernel.trainable:
            kernel_gradient(x, dz, masks, out=self.kernel.grad)
        if not need_dx:
            return None
        dx = empty(x.shape, x.dtype)
        project_back(dz, self.kernel.value, masks, out=dx)
        return dx


def row_sum(dz: Array) -> Array:
    """Return the sum over all steps and samples: the gradient of a bias."""
    return sum_keeping(dz, [2])


def gradient_of_states(dstates: list[Array | None], like: list[Array]) -> list[Array]:
    """Return arrays of their own to add up the states' gradients in, zeros where there is none."""
    pairs = zip(dstates, like, strict=True)
    return [np.zeros_like(s) if ds is None else np.array(ds, s.dtype) for ds, s in pairs]
