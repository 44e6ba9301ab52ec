"""Attention without projections: queries meet keys as they are, and weigh the values."""

from __future__ import annotations

from typing import Any

import numpy as np

from minidl._typing import Array, Residuals
from minidl.layers.attention.additive_scores import additive_scores, additive_scores_backward
from minidl.layers.attention.dot_product import softmax_in_place
from minidl.layers.attention.masks import band
from minidl.layers.dtypes import as_float, float_name
from minidl.layers.layer import Layer
from minidl.random import SeedGenerator
from minidl.registry import nearest
from minidl.validation import number

_FAR_BELOW = 1e9  # what Keras takes off the score of a pair that may not attend

SCORE_MODES = ("concat", "dot")


class Attention(Layer):
    """Weighs the values by how well their keys answer the query, in the inputs' own features.

    Forward, with q, v and k the query, value and key (the value, where none is given), a and c the
    scales, M the pairs of steps that may look at each other:

        S = c q kᵀ                                  score_mode "dot"
        Sᵢⱼ = a Σ_d tanh(c (qᵢ_d + kⱼ_d))           score_mode "concat"
        P = softmax(S where M, S − 10⁹ elsewhere)   along the keys
        A = P m / (1 − dropout)                     m as in `Dropout`
        y = A v, and 0 where the query is masked

    Backward, from dy (0 where the query is masked) and, where A is an output too, from dA′:

        dv = Aᵀ dy
        dA = dy vᵀ + dA′
        dS = A dA − P r,        rᵢ = Σⱼ Aᵢⱼ dAᵢⱼ = Σ_d y dy + Σⱼ A dA′
        dq = c dS k             dk = c dSᵀ q        dc = Σ q (dS k)         for "dot"

    and for "concat" with h = tanh(c (q + k)) and u = dS a (1 − h²):

        dqᵢ = c Σⱼ uᵢⱼ          dkⱼ = c Σᵢ uᵢⱼ      da = Σ dS h             dc = Σ u (q + k)

    The masks are those that come along with query and value, or `mask=[query_mask, value_mask]`
    in the call: a masked value is not looked at, and a masked query gets 0.

    Call arguments:
        inputs: [query, value] or [query, value, key].
        mask: [query_mask, value_mask] in place of those that came along.
        return_attention_scores: whether A is an output too.
        use_causal_mask: whether a query may look at no later step.

    Shapes:
        query: (batch, T, features); key: (batch, S, features); value: (batch, S, value features);
        y: (batch, T, value features); A: (batch, T, S); scale c, concat_score_weight a: ().

    Arguments:
        use_scale: whether c is there and learned; 1 without it.
        score_mode: "dot" or "concat"; the second has the learned a.
        dropout: the share of weights to drop in training, from 0 to less than 1.
        seed: of the dropout; None takes the next child of the root seed.

    Raises:
        ValueError: if `score_mode` is another, `dropout` is out of range, or the inputs are not
            two or three that go together.

    Example:
        >>> query, value = np.zeros((1, 2, 3)), np.arange(12.0).reshape(1, 4, 3)
        >>> Attention()([query, value])
        array([[[4.5, 5.5, 6.5],
                [4.5, 5.5, 6.5]]])

    Source: Luong, Pham, Manning, "Effective approaches to attention-based neural machine
    translation", 2015.
    """

    supports_masking = True

    def __init__(
        self,
        use_scale: bool = False,
        score_mode: str = "dot",
        dropout: float = 0.0,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if score_mode not in SCORE_MODES:
            raise ValueError(
                f"{self.name}: received score_mode={score_mode!r}. "
                f"{nearest(str(score_mode), list(SCORE_MODES))}"
            )
        self.use_scale = use_scale
        self.score_mode = score_mode
        self.dropout = number("dropout", dropout, self.name, low=0.0, high=1.0, open_high=True)
        self.seed = seed
        self.seed_generator = SeedGenerator(seed)

    def build(self, input_shape: Any) -> None:
        """Create the scales."""
        self._check_shapes(input_shape)
        if self.use_scale:
            self.scale = self.add_weight((), "ones", name="scale")
        if self.score_mode == "concat":
            self.concat_score_weight = self.add_weight((), "ones", name="concat_score_weight")

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """Return the query's mask: the output has its steps."""
        return mask[0] if mask else None

    def call_output_shape(self, input_shape: Any, options: dict[str, Any]) -> Any:
        """Return the shape of y, or of y and A where A is asked for."""
        shape = self.compute_output_shape(input_shape)
        if options.get("return_attention_scores"):
            query, value = input_shape[:2]
            return [shape, (*query[:-1], value[-2])]
        return shape

    def forward(
        self,
        xs: list[Array],
        training: bool = False,
        mask: Any = None,
        return_attention_scores: bool = False,
        use_causal_mask: bool = False,
    ) -> tuple[Any, Residuals]:
        """Return y, or y and A."""
        query_mask, value_mask = self._masks(mask, xs)
        q, v, *rest = [as_float(x, self.dtype) for x in xs]
        k = rest[0] if rest else v
        scores = self._scores(q, k)
        forbidden = _forbidden(scores.shape, value_mask, use_causal_mask)
        if forbidden is not None:
            np.subtract(scores, _FAR_BELOW, out=scores, where=forbidden)
        p = softmax_in_place(scores)
        a, kept = p, None
        if training and self.dropout:
            kept = self.seed_generator.generator.random(p.shape, dtype=np.float32) >= self.dropout
            a = p * kept
            a *= 1 / (1 - self.dropout)
        y = np.matmul(a, v)
        if query_mask is not None:
            y *= query_mask[..., np.newaxis]
        residuals = (q, v, k if rest else None, p, a, y, query_mask)
        return ([y, a] if return_attention_scores else y), residuals

    def backward(self, residuals: Residuals, dy: Any) -> list[Array]:
        """Assign the scales' gradients; return dq and dv, and dk where there was a key."""
        q, v, k, p, a, y, query_mask = residuals
        d_a = None
        if isinstance(dy, list | tuple):
            dy, d_a = dy
            dy = np.zeros_like(y) if dy is None else dy
        if query_mask is not None:
            dy = dy * query_mask[..., np.newaxis]
        dv = np.matmul(a.swapaxes(-1, -2), dy)
        r = np.einsum("...td,...td->...t", y, dy)[..., np.newaxis]
        ds = np.matmul(dy, v.swapaxes(-1, -2))
        if d_a is not None:
            ds += d_a
            r += np.einsum("...ts,...ts->...t", a, d_a)[..., np.newaxis]
        if a is p:
            ds -= r
            ds *= p
        else:
            ds *= a
            ds -= p * r
        dq, dk = self._scores_backward(q, v if k is None else k, ds)
        return [dq, dv + dk] if k is None else [dq, dv, dk]

    def _scores(self, q: Array, k: Array) -> Array:
        """Return S."""
        if self.score_mode == "concat":
            return additive_scores(q, k, self.concat_score_weight.value, self._c())
        scores = np.matmul(q, k.swapaxes(-1, -2))
        if self.use_scale:
            scores *= self.scale.value
        return scores

    def _scores_backward(self, q: Array, k: Array, ds: Array) -> tuple[Array, Array]:
        """Assign the scales' gradients; return dq and dk."""
        if self.score_mode == "concat":
            weight = self.concat_score_weight
            dq, dk, da, dc = additive_scores_backward(q, k, weight.value, self._c(), ds)
            if weight.trainable:
                weight.grad = da
        else:
            dq, dk = np.matmul(ds, k), np.matmul(ds.swapaxes(-1, -2), q)
            if self.use_scale:
                dc = (dq * q).sum()
                dq *= self.scale.value
                dk *= self.scale.value
        if self.use_scale and self.scale.trainable:
            self.scale.grad = dc
        return dq, dk

    def _c(self) -> Array:
        return self.scale.value if self.use_scale else np.ones((), self.dtype)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return (batch, T, value features)."""
        self._check_shapes(input_shape)
        query, value = input_shape[:2]
        return (*query[:-1], value[-1])

    def output_dtype(self, input_dtype: str) -> str:
        """Return the input's dtype, or the layer's own for integers."""
        return float_name(input_dtype, self.dtype)

    def _check_shapes(self, shapes: Any) -> None:
        owner = f"Layer {self.name!r} ({type(self).__name__})"
        if not isinstance(shapes, list) or len(shapes) not in (2, 3):
            raise ValueError(
                f"{owner} received an input of shape {shapes}, expected a list of two or three: "
                "layer([query, value]) or layer([query, value, key])."
            )
        query, value, *rest = [tuple(shape) for shape in shapes]
        key = rest[0] if rest else value
        fits = len(query) == len(value) == len(key) >= 2
        if not fits or not _agree(query[-1], key[-1]) or not _agree(value[-2], key[-2]):
            raise ValueError(
                f"{owner} received query {query}, value {value} and key {key}, expected the same "
                "number of axes, as many features in query and key, and as many steps in value "
                "and key."
            )

    def _masks(self, mask: Any, xs: list[Array]) -> tuple[Array | None, Array | None]:
        """Return the masks of query and value as booleans."""
        if mask is None:
            return None, None
        if not isinstance(mask, list | tuple) or len(mask) not in (2, 3):
            raise ValueError(
                f"Layer {self.name!r} ({type(self).__name__}) received a mask of type "
                f"{type(mask).__name__}, expected a list: [query_mask, value_mask]."
            )
        pair = [None if m is None else np.asarray(m, bool) for m in mask[:2]]
        for name, m, x in zip(("query", "value"), pair, xs, strict=False):
            if m is not None and m.shape != x.shape[:-1]:
                raise ValueError(
                    f"Layer {self.name!r} ({type(self).__name__}) received a {name} mask of shape "
                    f"{m.shape} for a {name} of shape {x.shape}, expected {x.shape[:-1]}."
                )
        return pair[0], pair[1]


class AdditiveAttention(Attention):
    """Attention whose scores are a sum in place of a product.

    Forward, with the scale a (1 without it), and all else as in `Attention`:

        Sᵢⱼ = Σ_d a_d tanh(qᵢ_d + kⱼ_d)

    Backward, with h = tanh(q + k) and u = dS a (1 − h²):

        dqᵢ = Σⱼ uᵢⱼ,      dkⱼ = Σᵢ uᵢⱼ,       da = Σᵢⱼ dSᵢⱼ hᵢⱼ

    Shapes:
        as in `Attention`; scale a: (features,).

    Arguments:
        use_scale: whether a is there and learned.
        dropout, seed: as in `Attention`.

    Raises:
        ValueError: as `Attention`.

    Example:
        >>> query, value = np.zeros((1, 2, 3)), np.ones((1, 4, 3))
        >>> AdditiveAttention()([query, value]).shape
        (1, 2, 3)

    Source: Bahdanau, Cho, Bengio, "Neural machine translation by jointly learning to align and
    translate", 2015.
    """

    def __init__(self, use_scale: bool = True, dropout: float = 0.0, **kwargs: Any) -> None:
        super().__init__(use_scale=use_scale, dropout=dropout, **kwargs)

    def build(self, input_shape: Any) -> None:
        """Create the scale: a number for each feature."""
        self._check_shapes(input_shape)
        if self.use_scale:
            self.scale = self.add_weight(input_shape[0][-1:], "glorot_uniform", name="scale")

    def _scores(self, q: Array, k: Array) -> Array:
        return additive_scores(q, k, self._a(), np.ones((), q.dtype))

    def _scores_backward(self, q: Array, k: Array, ds: Array) -> tuple[Array, Array]:
        dq, dk, da, _ = additive_scores_backward(q, k, self._a(), np.ones((), q.dtype), ds)
        if self.use_scale and self.scale.trainable:
            self.scale.grad = da
        return dq, dk

    def _a(self) -> Array:
        return self.scale.value if self.use_scale else np.ones((), self.dtype)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments; there is only one way to score."""
        config = super().get_config()
        del config["score_mode"]
        return config


def _forbidden(shape: tuple[int, ...], value_mask: Array | None, causal: bool) -> Array | None:
    """Return the pairs that may not attend, in a shape that broadcasts to the scores."""
    allowed = None if value_mask is None else value_mask[..., np.newaxis, :]
    if causal:
        below = band(shape[-2], shape[-1], causal=True)
        allowed = below if allowed is None else allowed & below
    return None if allowed is None else ~allowed


def _agree(a: int | None, b: int | None) -> bool:
    return a is None or b is None or a == b
