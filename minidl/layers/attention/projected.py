"""What multi-head and grouped-query attention share: projections, the call, and masks.

query ──query_dense──► q ─┐
key   ──key_dense────► k ─┼─► attention ──(gate)──► output_dense ──► y
value ──value_dense──► v ─┘
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from minidl import constraints, initializers, regularizers
from minidl._typing import Array, Residuals, Shape
from minidl.layers.attention.masks import allowed_pairs, attended_as_one
from minidl.layers.attention.projection import Projection
from minidl.layers.layer import Layer
from minidl.random import SeedGenerator
from minidl.validation import number, positive_integer

TENSORS = (
    *("query", "value", "key"),
    *("query_mask", "value_mask", "key_mask", "attention_mask"),
)
"""The tensors of a call, in Keras's order."""


class ProjectedAttention(Layer):
    """A layer that projects query, key and value into heads, attends, and projects back.

    Subclasses say how many heads there are and how they stand, in `build`.
    """

    supports_masking = True

    def __init__(
        self,
        *,
        dropout: float,
        use_bias: bool,
        sliding_window: int | None,
        kernel_initializer: Any,
        bias_initializer: Any,
        kernel_regularizer: Any,
        bias_regularizer: Any,
        activity_regularizer: Any,
        kernel_constraint: Any,
        bias_constraint: Any,
        use_gate: bool,
        seed: int | None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if activity_regularizer is not None:
            raise ValueError(
                f"{self.name}: received activity_regularizer={activity_regularizer!r}, which "
                "Keras applies to every projection within and minidl does not support here. "
                "Leave it out, and penalise the kernels or a layer behind this one."
            )
        self.dropout = number("dropout", dropout, self.name, low=0.0, high=1.0, open_high=True)
        self.use_bias = use_bias
        if sliding_window is not None:
            sliding_window = positive_integer("sliding_window", sliding_window, self.name)
        self.sliding_window = sliding_window
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)
        self.bias_constraint = constraints.get(bias_constraint)
        self.use_gate = use_gate
        self.seed = seed
        self.seed_generator = SeedGenerator(seed)
        self.attention_axes: tuple[int, ...] | None = (1,)

    # Building

    def _build_projections(
        self,
        shapes: tuple[Shape, Shape, Shape],
        heads: tuple[int, int],
        sizes: tuple[int, int],
        outputs: Any,
    ) -> None:
        """Create the projections for query, value and key of these shapes.

        Arguments:
            shapes: those of query, value and key.
            heads: how many there are of queries, and of keys and values.
            sizes: of a head of queries and keys, and of values.
            outputs: the sizes of the output's last axes.
        """
        query, value, key = shapes
        key_size, value_size = sizes
        self.query_dense = self._projection("query", (heads[0], key_size))
        self.key_dense = self._projection("key", (heads[1], key_size))
        if self.use_gate:
            self.gate_dense = self._projection("gate", (heads[0], value_size), activation="sigmoid")
            self.gate_dense.build(query)
        self.value_dense = self._projection("value", (heads[1], value_size))
        self.output_dense = self._projection("attention_output", outputs, contracted=2)
        self.query_dense.build(query)
        self.key_dense.build(key)
        self.value_dense.build(value)
        self.output_dense.build((*query[:-1], heads[0], value_size))
        for dense in self.sublayers():
            for weight in dense.weights:
                weight.path = f"{self.name}/{dense.name}/{weight.name}"
        self._scale = 1 / math.sqrt(key_size)

    def _projection(self, name: str, units: tuple[int, ...], **options: Any) -> Projection:
        return Projection(
            units,
            use_bias=self.use_bias,
            kernel_initializer=self.kernel_initializer,
            bias_initializer=self.bias_initializer,
            kernel_regularizer=self.kernel_regularizer,
            bias_regularizer=self.bias_regularizer,
            kernel_constraint=self.kernel_constraint,
            bias_constraint=self.bias_constraint,
            trainable=self.trainable,
            dtype=self.dtype,
            name=name,
            **options,
        )

    def _three_shapes(self, input_shape: Any) -> tuple[Shape, Shape, Shape]:
        """Return the shapes of query, value and key.

        Raises:
            ValueError: if they are not two or three, of the same rank, or do not go together.
        """
        owner = f"Layer {self.name!r} ({type(self).__name__})"
        if not isinstance(input_shape, list) or len(input_shape) < 2:
            raise ValueError(
                f"{owner} received an input of shape {input_shape}, expected two or three: "
                "layer(query, value) or layer(query, value, key). For self-attention, layer(x, x)."
            )
        query, value = input_shape[:2]
        key = input_shape[2] if len(input_shape) > 2 else value
        received = f"{owner} received query {query}, value {value} and key {key}"
        if not len(query) == len(value) == len(key) >= 3:
            raise ValueError(
                f"{received}, expected the same number of axes, at least 3: (batch, steps, "
                "features)."
            )
        if any(not _agree(a, b) for a, b in zip(value[:-1], key[:-1], strict=True)):
            raise ValueError(
                f"{received}, expected value and key to have the same sizes but for the last axis."
            )
        for name, shape in (("query", query), ("value", value), ("key", key)):
            if shape[-1] is None:
                raise ValueError(
                    f"{received}, expected a known last axis of the {name}: its kernel has a row "
                    "for each feature. Give Input its size."
                )
        return query, value, key

    def _check_features(self, input_shape: list[Shape]) -> None:
        """Compare the shapes of a call with each other, and with those that the layer has seen.

        Raises:
            ValueError: if they differ in more than batch and steps.
        """
        query, value, key = self._three_shapes(input_shape)
        for name, shape in (("query", query), ("value", value), ("key", key)):
            rows = getattr(self, f"{name}_dense").kernel.shape[0]
            if shape[-1] != rows:
                raise ValueError(
                    f"Layer {self.name!r} ({type(self).__name__}) received a {name} of shape "
                    f"{shape}, expected {rows} features, as when it was built. Make another layer "
                    "for other inputs."
                )

    # Calling

    def pack_inputs(
        self, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[Any, dict[str, Any]]:
        """Return the tensors of a call in a list, and what else was said, with their names.

        The call is Keras's: `layer(query, value, key=None, query_mask=None, value_mask=None,
        key_mask=None, attention_mask=None, ...)`; or `layer([query, value])`, a list of them.
        """
        options = dict(kwargs)
        if len(args) == 1 and isinstance(args[0], list | tuple) and "value" not in options:
            if "given" in options:  # packed already
                return list(args[0]), options
            args = tuple(args[0])
        if len(args) > len(TENSORS):
            names = ("return_attention_scores", "training", "use_causal_mask")
            options.update(zip(names, args[len(TENSORS) :], strict=False))
            args = args[: len(TENSORS)]
        given = dict(zip(TENSORS, args, strict=False))
        for name in TENSORS:
            if name in options:
                if given.get(name) is not None:
                    raise TypeError(f"Layer {self.name!r} received {name} twice.")
                given[name] = options.pop(name)
        tensors = {name: given[name] for name in TENSORS if given.get(name) is not None}
        for name in ("query", "value"):
            if name not in tensors:
                raise TypeError(
                    f"Layer {self.name!r} ({type(self).__name__}) was called without {name}; call "
                    "it as layer(query, value), for self-attention as layer(x, x)."
                )
        # Here, where it is known which tensor is which: a mask and a key may look alike.
        shapes = [_shape(x) for name, x in tensors.items() if name in TENSORS[:3]]
        self.ensure_built(shapes)
        self._check_features(shapes)
        if tuple(tensors) != TENSORS[: len(tensors)] or len(tensors) > 3:
            options["given"] = list(tensors)
        return list(tensors.values()), options

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """Return the query's mask: the output has its steps."""
        return mask[0] if isinstance(mask, list) else mask

    def call_output_shape(self, input_shape: Any, options: dict[str, Any]) -> Any:
        """Return the shape of y, or of y and P where P is asked for."""
        names = options.get("given", TENSORS)
        shapes = [s for name, s in zip(names, input_shape, strict=False) if name in TENSORS[:3]]
        shape = self.compute_output_shape(shapes)
        if options.get("return_attention_scores"):
            return [shape, self._scores_shape(*shapes[:2])]
        return shape

    def forward(
        self,
        xs: list[Array],
        training: bool = False,
        mask: Any = None,
        given: list[str] | None = None,
        return_attention_scores: bool = False,
        use_causal_mask: bool = False,
    ) -> tuple[Any, Residuals]:
        """Return y, or y and P.

        Arguments:
            xs: query, value, and what else was given.
            training: whether weights are dropped.
            mask: the masks that came along with `xs`; they hold where none was given by name.
            given: the names of `xs`; query, value and key by default.
            return_attention_scores: whether P is an output too.
            use_causal_mask: whether a query may look at no later key.
        """
        names = TENSORS[: len(xs)] if given is None else tuple(given)
        tensors = dict(zip(names, xs, strict=True))
        query, value = tensors["query"], tensors["value"]
        key = tensors.get("key", value)
        carried = {f"{name}_mask": m for name, m in zip(names, mask or [], strict=False)}
        allowed = self._allowed(tensors, carried, use_causal_mask)

        q, query_residuals = self.query_dense.forward(query)
        k, key_residuals = self.key_dense.forward(key)
        v, value_residuals = self.value_dense.forward(value)
        q *= self._scale
        # Keras: such a row is uniform in its fused attention, and zero wherever that cannot run.
        fused = not self.dropout and not return_attention_scores and query.ndim == 3
        context, attended = self._attention.forward(q, k, v, allowed, training, not fused)
        gate, gate_residuals = None, None
        gated = context
        if self.use_gate:
            gate, gate_residuals = self.gate_dense.forward(query)
            gated = context * gate
        y, output_residuals = self.output_dense.forward(gated)
        residuals = (
            names,
            (query_residuals, key_residuals, value_residuals, output_residuals),
            attended,
            (context, gate, gate_residuals),
        )
        if return_attention_scores:
            scores_shape = self._scores_shape(query.shape, value.shape)
            return [y, attended.weights.reshape(scores_shape)], residuals
        return y, residuals

    def backward(
        self, residuals: Residuals, dy: Any, need_dx: bool = True
    ) -> list[Array | None] | None:
        """Assign every kernel's and bias's gradient; return those of query, value and key."""
        names, projections, attended, (context, gate, gate_residuals) = residuals
        query_residuals, key_residuals, value_residuals, output_residuals = projections
        dweights = None
        if isinstance(dy, list | tuple):
            dy, dweights = dy
            if dy is None:  # the output itself went nowhere
                dy = np.zeros((*context.shape[:-2], *self.output_dense.units), context.dtype)
        if dweights is not None:
            dweights = dweights.reshape(attended.weights.shape)
        dgated = self.output_dense.backward(output_residuals, dy)
        dcontext = dgated if gate is None else dgated * gate
        dq, dk, dv = self._attention.backward(attended, dcontext, dweights)
        dq *= self._scale
        dquery: Any = self.query_dense.backward(query_residuals, dq, need_dx)
        dkey = self.key_dense.backward(key_residuals, dk, need_dx)
        dvalue: Any = self.value_dense.backward(value_residuals, dv, need_dx)
        if gate is not None:
            through_gate = self.gate_dense.backward(gate_residuals, dgated * context, need_dx)
            if need_dx:
                dquery += through_gate
        if not need_dx:
            return None
        gradients = {"query": dquery, "value": dvalue, "key": dkey}
        if "key" not in names:
            dvalue += dkey
        return [gradients.get(name) for name in names]

    def _allowed(
        self, tensors: dict[str, Array], carried: dict[str, Any], causal: bool
    ) -> Array | None:
        """Return which pairs may attend, as the scores stand within; None for all."""
        masks = {**carried, **tensors}
        axes = self.attention_axes or ()
        scores_shape = self._scores_shape(tensors["query"].shape, tensors["value"].shape)
        allowed = allowed_pairs(
            scores_shape,
            len(axes),
            query_mask=masks.get("query_mask"),
            key_masks=(masks.get("value_mask"), masks.get("key_mask")),
            attention_mask=masks.get("attention_mask"),
            causal=causal,
            window=self.sliding_window,
            owner=f"Layer {self.name!r} ({type(self).__name__})",
        )
        return None if allowed is None else self._as_scores_stand(allowed, scores_shape)

    def _as_scores_stand(self, allowed: Array, scores_shape: tuple[int, ...]) -> Array:
        """Return the mask as the scores stand within `DotProductAttention`."""
        return attended_as_one(allowed, scores_shape, len(self.attention_axes or ()))

    def _scores_shape(self, query: Any, value: Any) -> Any:
        """Return (batch, free axes, heads, query steps, key steps)."""
        axes = self.attention_axes or ()  # known once the layer is built
        free = [query[axis] for axis in range(1, len(query) - 1) if axis not in axes]
        attended = [shape[axis] for shape in (query, value) for axis in axes]
        return (query[0], *free, self.query_dense.units[0], *attended)


def _agree(a: int | None, b: int | None) -> bool:
    return a is None or b is None or a == b


def _shape(x: Any) -> Shape:
    return tuple(x.shape) if hasattr(x, "shape") else np.shape(x)
