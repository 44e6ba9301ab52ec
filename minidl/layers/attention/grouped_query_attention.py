"""Attention in which several heads of queries share one head of keys and values."""

from __future__ import annotations

from typing import Any, ClassVar

from minidl._typing import Array
from minidl.layers.attention.dot_product import DotProductAttention
from minidl.layers.attention.heads import GroupedHeads, SharedHeads
from minidl.layers.attention.projected import ProjectedAttention
from minidl.validation import positive_integer


class GroupQueryAttention(ProjectedAttention):
    """Multi-head attention with fewer heads of keys and values than of queries.

    Forward, for each head n of the queries, which looks at the keys and values of its group
    g = n // (num_query_heads / num_key_value_heads):

        Pₙ = softmax(Qₙ K_gᵀ where M),      Q scaled by 1 / √head_dim
        Oₙ = Pₙ V_g
        y = Σₙ Oₙ W_o + b_o

    Backward, as in `MultiHeadAttention`, and where heads share, their gradients add up:

        dK_g = Σₙ dSₙᵀ Qₙ       dV_g = Σₙ Pₙᵀ dOₙ       over the heads n of the group

    The call and the masks are those of `MultiHeadAttention`.

    Shapes:
        query: (batch, T, features); key and value: (batch, S, features);
        y: (batch, T, features); P: (batch, num_query_heads, T, S);
        query kernel: (features, num_query_heads, head_dim), key and value:
        (features, num_key_value_heads, head_dim), output: (num_query_heads, head_dim, features).

    Arguments:
        head_dim: the size of a head.
        num_query_heads: the number of heads of queries.
        num_key_value_heads: that of keys and values; it divides `num_query_heads`.
        dropout, use_bias, sliding_window, flash_attention: as in `MultiHeadAttention`.
        kernel_initializer, bias_initializer: how kernels and biases start.
        kernel_regularizer, bias_regularizer: penalties on them.
        activity_regularizer: Keras's; only None.
        kernel_constraint, bias_constraint: applied to them after each update.
        use_gate, seed: as in `MultiHeadAttention`.

    Raises:
        ValueError: if an argument is not as above, shapes do not go together, or a mask does not
            fit them.

    Example:
        >>> import numpy as np
        >>> layer = GroupQueryAttention(head_dim=3, num_query_heads=4, num_key_value_heads=2)
        >>> layer(np.ones((4, 5, 6)), np.ones((4, 7, 6))).shape
        (4, 5, 6)

    Source: Ainslie et al., "GQA: training generalized multi-query transformer models from
    multi-head checkpoints", 2023.
    """

    file_names: ClassVar[dict[str, str]] = {
        "": "grouped_query_attention",
        "gate_dense": "_gate_dense",
        "key_dense": "_key_dense",
        "output_dense": "_output_dense",
        "query_dense": "_query_dense",
        "value_dense": "_value_dense",
    }

    def __init__(
        self,
        head_dim: int,
        num_query_heads: int,
        num_key_value_heads: int,
        dropout: float = 0.0,
        use_bias: bool = True,
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
        self.head_dim = positive_integer("head_dim", head_dim, self.name)
        self.num_query_heads = positive_integer("num_query_heads", num_query_heads, self.name)
        self.num_key_value_heads = positive_integer(
            "num_key_value_heads", num_key_value_heads, self.name
        )
        if self.num_query_heads % self.num_key_value_heads:
            raise ValueError(
                f"{self.name}: received num_query_heads={num_query_heads} and "
                f"num_key_value_heads={num_key_value_heads}, expected the second to divide the "
                "first: each head of keys serves equally many of queries."
            )
        self.flash_attention = flash_attention

    def build(self, input_shape: Any) -> None:
        """Create the projections for the shapes of query, value and, if there is one, key."""
        shapes = self._three_shapes(input_shape)
        query = shapes[0]
        if len(query) != 3:
            raise ValueError(
                f"Layer {self.name!r} (GroupQueryAttention) received a query of shape {query}, "
                "expected 3 axes: (batch, steps, features)."
            )
        self._build_projections(
            shapes,
            (self.num_query_heads, self.num_key_value_heads),
            (self.head_dim, self.head_dim),
            query[-1:],
        )
        self._attention = DotProductAttention(
            GroupedHeads(self.num_key_value_heads), SharedHeads(), self.dropout, self.seed_generator
        )

    def _as_scores_stand(self, allowed: Array, scores_shape: tuple[int, ...]) -> Array:
        """Return the mask with its axis of heads in groups."""
        batch, heads, *pairs = allowed.shape
        groups = self.num_key_value_heads if heads > 1 else 1
        return allowed.reshape(batch, groups, heads // groups, *pairs)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the query's shape."""
        return self._three_shapes(input_shape)[0]

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments that Keras writes down."""
        config = super().get_config()
        del config["flash_attention"]
        return config
