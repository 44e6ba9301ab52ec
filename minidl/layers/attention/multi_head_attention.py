"""Attention with several heads: each looks at the sequence through projections of its own."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from minidl.layers.attention.dot_product import DotProductAttention
from minidl.layers.attention.heads import HeadsOverAxes
from minidl.layers.attention.projected import ProjectedAttention
from minidl.validation import positive_integer


class MultiHeadAttention(ProjectedAttention):
    """Attention with several heads, each on projections of its own.

    Forward, for each head n, with x_q, x_k and x_v the query, key and value, and M the pairs of
    steps that may look at each other:

        Qₙ = (x_q W_q + b_q)ₙ / √key_dim,   Kₙ = (x_k W_k + b_k)ₙ,   Vₙ = (x_v W_v + b_v)ₙ
        Pₙ = softmax(Qₙ Kₙᵀ where M)        along the keys
        Oₙ = Pₙ Vₙ
        y = Σₙ Oₙ W_o + b_o

    Backward, for each head, with the projections' gradients as in `Dense`:

        dO = dy W_oᵀ
        dV = Pᵀ dO
        dS = P (dO Vᵀ − r),     rᵢ = Σₕ Oᵢₕ dOᵢₕ
        dQ = dS K
        dK = dSᵀ Q

    With dropout, weights of P are dropped before they meet V, as in `Dropout`. With `use_gate`,
    O is multiplied by sigmoid(x_q W_g + b_g) before it is projected.

    M is where all masks agree that are there: those that came along with query, value and key
    (`Embedding(mask_zero=True)`, `Masking`), `attention_mask`, the causal mask, the window. A
    query that may look at nothing gets zeros from its heads; but where there is no dropout, no
    scores are returned and inputs have three axes, it gets the mean of all values, as in Keras.

    Call arguments:
        query, value: what looks, and what is looked at; the same for self-attention.
        key: what queries are compared with; the value by default.
        query_mask, value_mask, key_mask: masks in place of those that came along.
        attention_mask: (batch, T, S), False where a query may not look; a head axis may stand
            behind the batch, and axes in front may be left out.
        return_attention_scores: whether P is an output too.
        use_causal_mask: whether a query may look at no later step.

    Shapes:
        query: (batch, T, features); key and value: (batch, S, features of its own);
        y: (batch, T, query's features), or (batch, T, *output_shape); P: (batch, heads, T, S);
        query and key kernels: (features, heads, key_dim), value: (features, heads, value_dim),
        output: (heads, value_dim, *output_shape), in the order query, key, gate, value, output,
        each with its bias.

    Arguments:
        num_heads: the number of heads.
        key_dim: the size of a head of queries and keys.
        value_dim: the size of a head of values; `key_dim` by default.
        dropout: the share of weights to drop in training, from 0 to less than 1.
        use_bias: whether the projections have biases.
        output_shape: the sizes of the output's last axes; the query's last axis by default.
        attention_axes: the axes of steps that attend; all between batch and features by default.
        sliding_window: how far, less one, a query and a key may be apart; None for any distance.
        flash_attention: Keras's; it has no effect here.
        kernel_initializer, bias_initializer: how kernels and biases start.
        kernel_regularizer, bias_regularizer: penalties on them.
        activity_regularizer: Keras's; only None.
        kernel_constraint, bias_constraint: applied to them after each update.
        use_gate: whether a sigmoid of the query gates the heads' outputs.
        seed: of the dropout; None takes the next child of the root seed.

    Raises:
        ValueError: if an argument is not as above, shapes do not go together, or a mask does not
            fit them.

    Example:
        >>> layer = MultiHeadAttention(num_heads=2, key_dim=3)
        >>> x = np.ones((4, 5, 6))
        >>> y, scores = layer(x, x, return_attention_scores=True, use_causal_mask=True)
        >>> y.shape, scores.shape, scores[0, 0, 1].round(2)
        ((4, 5, 6), (4, 2, 5, 5), array([0.5, 0.5, 0. , 0. , 0. ], dtype=float32))

    Source: Vaswani et al., "Attention is all you need", 2017; the gate: Qiu et al., "Gated
    attention for large language models", 2025; r from O: Dao et al., "FlashAttention", 2022.
    """

    file_names: ClassVar[dict[str, str]] = {"gate_dense": "_gate_dense"}

    def __init__(
        self,
        num_heads: int,
        key_dim: int,
        value_dim: int | None = None,
        dropout: float = 0.0,
        use_bias: bool = True,
        output_shape: Any = None,
        attention_axes: Any = None,
        sliding_window: int | None = None,
        flash_attention: bool | None = None,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        use_gate: bool = False,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            dropout=dropout,
            use_bias=use_bias,
            sliding_window=sliding_window,
            kernel_initializer=kernel_initializer,
            bias_initializer=bias_initializer,
            kernel_regularizer=kernel_regularizer,
            bias_regularizer=bias_regularizer,
            activity_regularizer=activity_regularizer,
            kernel_constraint=kernel_constraint,
            bias_constraint=bias_constraint,
            use_gate=use_gate,
            seed=seed,
            **kwargs,
        )
        self.num_heads = positive_integer("num_heads", num_heads, self.name)
        self.key_dim = positive_integer("key_dim", key_dim, self.name)
        if value_dim is not None:
            value_dim = positive_integer("value_dim", value_dim, self.name)
        self.value_dim = value_dim or self.key_dim
        self.output_shape = _sizes("output_shape", output_shape, self.name)
        self.flash_attention = flash_attention
        self.attention_axes = _axes(attention_axes, self.name)

    def build(self, input_shape: Any) -> None:
        """Create the projections for the shapes of query, value and, if there is one, key."""
        shapes = self._three_shapes(input_shape)
        query = shapes[0]
        self.attention_axes = self._resolved_axes(len(query))
        self._build_projections(
            shapes,
            (self.num_heads, self.num_heads),
            (self.key_dim, self.value_dim),
            self.output_shape or (query[-1],),
        )
        heads = HeadsOverAxes(self.attention_axes)
        self._attention = DotProductAttention(heads, heads, self.dropout, self.seed_generator)

    def _resolved_axes(self, rank: int) -> tuple[int, ...]:
        """Return the axes that attend, counted from the front."""
        if self.attention_axes is None:
            return tuple(range(1, rank - 1))
        axes = tuple(axis if axis >= 0 else rank + axis for axis in self.attention_axes)
        if len(set(axes)) < len(axes) or any(not 0 < axis < rank - 1 for axis in axes):
            raise ValueError(
                f"Layer {self.name!r} (MultiHeadAttention): attention_axes={self.attention_axes} "
                f"of inputs with {rank} axes, expected different axes between the batch and the "
                f"features, from 1 to {rank - 2}."
            )
        return axes

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the query's shape, its last axis replaced by `output_shape` if that is given."""
        query = self._three_shapes(input_shape)[0]
        return (*query[:-1], *(self.output_shape or query[-1:]))

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments that Keras writes down."""
        config = super().get_config()
        del config["flash_attention"]
        return config


def _sizes(argument: str, value: Any, owner: str) -> tuple[int, ...] | None:
    """Return an integer or a sequence of them as a tuple; None where there is none."""
    if value is None:
        return None
    sizes = value if isinstance(value, list | tuple) else (value,)
    return tuple(positive_integer(argument, size, owner) for size in sizes) or None


def _axes(value: Any, owner: str) -> tuple[int, ...] | None:
    if value is None:
        return None
    axes = value if isinstance(value, list | tuple) else (value,)
    if not axes or any(isinstance(a, bool) or not isinstance(a, int | np.integer) for a in axes):
        raise ValueError(
            f"{owner}: received attention_axes={value!r}, expected an integer or a tuple of them, "
            "such as (1,) for the axis behind the batch."
        )
    return tuple(int(axis) for axis in axes)
