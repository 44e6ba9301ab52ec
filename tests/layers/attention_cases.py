"""Attention layers for the property tests."""

from __future__ import annotations

from functools import partial

from minidl import layers

from .case import Case

ATTENTION: dict[str, Case] = {
    "MultiHeadAttention": Case(
        partial(layers.MultiHeadAttention, 2, 3, dropout=0.4, seed=5), [(2, 4, 5), (2, 6, 3)]
    ),
    "MultiHeadAttention-key": Case(
        partial(layers.MultiHeadAttention, 2, 3, value_dim=2, output_shape=(2, 2), use_gate=True),
        [(2, 4, 5), (2, 6, 3), (2, 6, 2)],
    ),
    "MultiHeadAttention-axes": Case(
        partial(layers.MultiHeadAttention, 2, 3, use_bias=False, attention_axes=(1, 3)),
        [(2, 3, 2, 2, 4), (2, 2, 2, 3, 4)],
    ),
    "GroupQueryAttention": Case(
        partial(layers.GroupQueryAttention, 3, 4, 2, dropout=0.4, seed=5), [(2, 4, 5), (2, 6, 5)]
    ),
    "Attention": Case(partial(layers.Attention, dropout=0.4, seed=5), [(2, 4, 5), (2, 6, 5)]),
    "Attention-scale": Case(
        partial(layers.Attention, use_scale=True), [(2, 4, 5), (2, 6, 3), (2, 6, 5)]
    ),
    "Attention-concat": Case(
        partial(layers.Attention, use_scale=True, score_mode="concat"), [(2, 4, 5), (2, 6, 5)]
    ),
    "AdditiveAttention": Case(
        partial(layers.AdditiveAttention, dropout=0.4, seed=5), [(2, 4, 5), (2, 6, 5)]
    ),
}
