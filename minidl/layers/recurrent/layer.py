"""What SimpleRNN, LSTM and GRU share: their arguments are those of the cell within."""

from __future__ import annotations

from typing import Any

from minidl._typing import Shape
from minidl.layers.recurrent.rnn import RNN


def of_the_cell(name: str) -> Any:
    """Return a property that reads an attribute of the cell."""
    return property(lambda self: getattr(self.cell, name), doc=f"The cell's `{name}`.")


class RecurrentLayer(RNN):
    """A recurrent layer that makes its cell itself."""

    units = of_the_cell("units")
    activation = of_the_cell("activation")
    use_bias = of_the_cell("use_bias")
    kernel_initializer = of_the_cell("kernel_initializer")
    recurrent_initializer = of_the_cell("recurrent_initializer")
    bias_initializer = of_the_cell("bias_initializer")
    kernel_regularizer = of_the_cell("kernel_regularizer")
    recurrent_regularizer = of_the_cell("recurrent_regularizer")
    bias_regularizer = of_the_cell("bias_regularizer")
    kernel_constraint = of_the_cell("kernel_constraint")
    recurrent_constraint = of_the_cell("recurrent_constraint")
    bias_constraint = of_the_cell("bias_constraint")
    dropout = of_the_cell("dropout")
    recurrent_dropout = of_the_cell("recurrent_dropout")
    seed = of_the_cell("seed")

    def _check_shapes(self, shapes: Any) -> Shape:
        shape = super()._check_shapes(shapes)
        if len(shape) != 3:
            raise ValueError(
                f"{self._owner} received an input of shape {shape}, expected (batch, time, "
                "features). Flatten the features of a step, or wrap layers in TimeDistributed."
            )
        return shape

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments, the cell's among them."""
        config = super().get_config()
        config.pop("cell")
        config.pop("use_cudnn", None)
        return config


def check_use_cudnn(value: Any, owner: str) -> Any:
    """Return `use_cudnn`.

    Raises:
        ValueError: if it is none of Keras's three.
    """
    if value not in ("auto", True, False):
        raise ValueError(f"{owner}: received use_cudnn={value!r}, expected 'auto', True or False.")
    return value
