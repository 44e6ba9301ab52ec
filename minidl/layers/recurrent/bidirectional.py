"""Two recurrent layers over the same sequence, one from its start and one from its end."""

from __future__ import annotations

from typing import Any

import numpy as np

from minidl._typing import Array, Residuals
from minidl.layers.layer import Layer
from minidl.layers.parameter import Parameter
from minidl.layers.recurrent.rnn import RNN, with_states
from minidl.layers.recurrent.stacked import cell_from, fresh_copy
from minidl.layers.recurrent.states import put_in_front

_MODES = ("concat", "sum", "mul", "ave", None)


class Bidirectional(Layer):
    """A recurrent layer in both directions, the outputs merged.

    Forward, with y→ the output of the layer and y← that of its double, which takes the steps from
    the last to the first (turned round again where every step has an output), and backward:

        concat   y = (y→, y←)           dy→, dy← = the two halves of dy
        sum      y = y→ + y←            dy→ = dy← = dy
        ave      y = (y→ + y←) / 2      dy→ = dy← = dy / 2
        mul      y = y→ y←              dy→ = dy y←,    dy← = dy y→
        None     a list of both         each has its own
        dx = dx→ + dx←

    Both layers are made anew from the configuration of the one given. Called as
    `layer(x, initial_state=None, mask=None, training=False)`: the first half of the initial
    states is for the layer, the second for its double. Where every step has an output, those of
    the steps that the mask leaves out are zero.

    Shapes:
        x: (batch, time, features); y: as the layer's, with "concat" twice as wide; with
        return_state a list of y (of both, for None) and the last states of both.

    Arguments:
        layer: an RNN, LSTM, GRU or SimpleRNN.
        merge_mode: `"concat"` (default), `"sum"`, `"mul"`, `"ave"` or None.
        weights: arrays to start from, those of the layer and then those of its double.
        backward_layer: the layer for the other direction; by default the layer's double. It must
            have the other `go_backwards`, and else the same switches.

    Raises:
        ValueError: if an argument is not as above, or the two layers do not agree.

    Example:
        >>> from minidl.layers import LSTM
        >>> layer = Bidirectional(LSTM(3, return_sequences=True))
        >>> layer(np.ones((2, 7, 5))).shape
        (2, 7, 6)

    Source: Schuster, Paliwal, "Bidirectional recurrent neural networks", 1997.
    """

    supports_masking = True

    def __init__(
        self,
        layer: Any,
        merge_mode: str | None = "concat",
        weights: Any = None,
        backward_layer: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        for argument, value in (("layer", layer), ("backward_layer", backward_layer)):
            if not isinstance(value, RNN) and (value is not None or argument == "layer"):
                raise ValueError(
                    f"{self.name}: received {argument}={value!r}, expected a recurrent layer such "
                    "as LSTM(32), or RNN(cell) with a cell of your own."
                )
        if merge_mode not in _MODES:
            raise ValueError(
                f"{self.name}: received merge_mode={merge_mode!r}, expected one of "
                f"{', '.join(map(repr, _MODES))}."
            )
        self.merge_mode = merge_mode
        name = f"forward_{layer.name.removeprefix('forward_')}"
        self.forward_layer = fresh_copy(layer, name=name)
        if backward_layer is None:
            name = f"backward_{layer.name.removeprefix('backward_')}"
            backward_layer = fresh_copy(layer, name=name, go_backwards=True)
        self.backward_layer = backward_layer
        self._check_agreement()
        for one in (self.forward_layer, self.backward_layer):
            one.zero_output_for_mask = one.return_sequences
        self.return_sequences = self.forward_layer.return_sequences
        self.return_state = self.forward_layer.return_state
        self.stateful = self.forward_layer.stateful
        self._initial_weights = weights

    def _check_agreement(self) -> None:
        one, other = self.forward_layer, self.backward_layer
        if one.go_backwards == other.go_backwards:
            raise ValueError(
                f"{self.name}: received two layers with go_backwards={one.go_backwards}, expected "
                "one of each. Give the backward_layer go_backwards=True, and the layer False."
            )
        for switch in ("stateful", "return_sequences", "return_state"):
            if getattr(one, switch) != getattr(other, switch):
                raise ValueError(
                    f"{self.name}: received a layer with {switch}={getattr(one, switch)} and a "
                    f"backward_layer with {switch}={getattr(other, switch)}, expected the same."
                )
        for part in (one, other):
            if part.activity_regularizer is not None:
                raise ValueError(
                    f"{self.name}: received the layer {part.name!r} with an activity_regularizer, "
                    "which would not see the merged output. Give it to Bidirectional itself."
                )

    @property
    def layer(self) -> Any:
        """The layer that goes forwards in time."""
        return self.forward_layer

    # Building and shapes

    def build(self, input_shape: Any) -> None:
        """Build both layers for the sequences."""
        shape = input_shape[0] if isinstance(input_shape, list) else input_shape
        for one in (self.forward_layer, self.backward_layer):
            one.ensure_built(shape)
            put_in_front(self.name, one.weights)
        if self._initial_weights is not None:
            self.set_weights(self._initial_weights)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the shape of the merged output, or a list with those of the states after it."""
        shapes, back_shapes = (
            layer.compute_output_shape(inputs)
            for layer, inputs in zip(
                (self.forward_layer, self.backward_layer), self._halves(input_shape), strict=True
            )
        )
        y, *states = shapes if self.return_state else [shapes]
        y_back, *states_back = back_shapes if self.return_state else [back_shapes]
        if self.merge_mode is None:
            return [y, y_back, *states, *states_back]
        if self.merge_mode == "concat":
            y = (*y[:-1], y[-1] + y_back[-1])
        elif y != y_back:
            raise ValueError(
                f"Layer {self.name!r} (Bidirectional) has outputs of shapes {y} and {y_back}, "
                f"which merge_mode={self.merge_mode!r} cannot join. Give both layers the same "
                "units, or use merge_mode='concat'."
            )
        return [y, *states, *states_back] if self.return_state else y

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """Return the input's mask where every step has an output; states have none."""
        mask = mask[0] if isinstance(mask, list | tuple) else mask
        own = mask if self.return_sequences else None
        outputs = [own, own] if self.merge_mode is None else [own]
        if self.return_state:
            outputs += [None] * len(self.forward_layer.state_size + self.backward_layer.state_size)
        return outputs if len(outputs) > 1 else own

    def _halves(self, inputs: Any) -> tuple[Any, Any]:
        """Return what each layer gets: the sequences, with its half of the states if there are."""
        if not isinstance(inputs, list):
            return inputs, inputs
        x, *states = inputs
        half = len(self.forward_layer.state_size)
        if not states:
            return x, x
        return [x, *states[:half]], [x, *states[half:]]

    # Calling

    def pack_inputs(
        self, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[Any, dict[str, Any]]:
        """Put the initial states behind the sequences, in one list."""
        return super().pack_inputs(*with_states(args, kwargs))

    def forward(self, x: Any, training: bool = False, mask: Any = None) -> tuple[Any, Residuals]:
        """Return the merged output, with return_state a list of it and the last states."""
        inputs, inputs_back = self._halves(x)
        y, kept = self.forward_layer.forward(inputs, training, mask)
        y_back, kept_back = self.backward_layer.forward(inputs_back, training, mask)
        y, *states = y if self.return_state else [y]
        y_back, *states_back = y_back if self.return_state else [y_back]
        outputs = [*self._merge(y, self._turned(y_back)), *states, *states_back]
        factors = (y, y_back) if self.merge_mode == "mul" else (None, None)
        given = isinstance(x, list)
        several = self.return_state or self.merge_mode is None
        return (outputs if several else outputs[0]), (kept, kept_back, factors, given, y.shape[-1])

    def backward(self, residuals: Residuals, dy: Any, need_dx: bool = True) -> Any:
        """Assign the gradients of both layers; return dx, with given states a list with theirs."""
        kept, kept_back, factors, given, size = residuals
        dys = list(dy) if isinstance(dy, list | tuple) else [dy]
        count = 2 if self.merge_mode is None else 1
        dy_one, dy_back = self._unmerge(dys[:count], factors, size)
        states = dys[count:]
        half = len(self.forward_layer.state_size)
        if dy_back is not None:
            dy_back = self._turned(dy_back)
        if self.return_state:
            dy_one, dy_back = [dy_one, *states[:half]], [dy_back, *states[half:]]
        dx = self.forward_layer.backward(kept, dy_one, need_dx)
        dx_back = self.backward_layer.backward(kept_back, dy_back, need_dx)
        if not need_dx:
            return None
        return [dx[0] + dx_back[0], *dx[1:], *dx_back[1:]] if given else dx + dx_back

    def _turned(self, y: Array) -> Array:
        """Return the steps of the backward layer in the order of time."""
        return y[:, ::-1] if self.return_sequences else y

    def _merge(self, y: Array, y_back: Array) -> list[Array]:
        if self.merge_mode == "concat":
            return [np.concatenate([y, y_back], axis=-1)]
        if self.merge_mode == "sum":
            return [y + y_back]
        if self.merge_mode == "ave":
            return [(y + y_back) * y.dtype.type(0.5)]
        if self.merge_mode == "mul":
            return [y * y_back]
        return [y, np.ascontiguousarray(y_back)]

    def _unmerge(self, dys: list[Any], factors: Any, size: int) -> tuple[Any, Any]:
        """Return the gradients of the two outputs, both in the order of time."""
        dy = dys[0]
        if self.merge_mode is None:
            return dys[0], dys[1]
        if dy is None:
            return None, None
        if self.merge_mode == "concat":
            return dy[..., :size], dy[..., size:]
        if self.merge_mode == "sum":
            return dy, dy
        if self.merge_mode == "ave":
            half = dy * dy.dtype.type(0.5)
            return half, half
        y, y_back = factors
        return dy * self._turned(y_back), dy * y

    # States

    def reset_state(self) -> None:
        """Set the states that both layers remember back to zero.

        Raises:
            AttributeError: if the layer is not stateful.
        """
        if not self.stateful:
            raise AttributeError(
                f"Layer {self.name!r} (Bidirectional) is not stateful: there is nothing to reset. "
                "Give the layer within stateful=True."
            )
        self.forward_layer.reset_state()
        self.backward_layer.reset_state()

    reset_states = reset_state

    @property
    def states(self) -> list[Parameter] | None:
        """The states that both layers remember, or None."""
        both = (self.forward_layer.states or []) + (self.backward_layer.states or [])
        return both or None

    # Configuration

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments, the two layers as configurations."""
        config = super().get_config()
        config.pop("weights")
        return config

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Any:
        """Make the layer from what `get_config` returned.

        Arguments:
            custom_objects: classes of cells of your own, by name.
        """
        parts = {k: cell_from(config.get(k), custom_objects) for k in ("layer", "backward_layer")}
        return super().from_config({**config, **parts})
