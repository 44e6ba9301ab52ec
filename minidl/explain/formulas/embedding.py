"""Embedding: an index takes a row out of a table, and its gradient goes back into that row."""

from __future__ import annotations

import numpy as np

from minidl.explain.content import Equation, Note
from minidl.explain.formulas.common import Lines, gradients, show, weights
from minidl.explain.numbers import entry
from minidl.explain.recording import Call
from minidl.explain.working import sum_of_products, value


def forward(call: Call) -> Lines:
    """Tell y = E[x]."""
    E = call.value("embeddings")
    assert E is not None
    yield Equation("yₙ = E[xₙ]", f"row xₙ of E, {E.shape[0]} rows of {E.shape[1]}")
    yield from weights(call, "embeddings")
    yield from show("y", call.y)
    index = call.index
    row = int(call.x[index[:-1]])
    yield Note(f"{entry('x', index[:-1])} = {row}, so row {row} of E stands there.")
    at = (row, index[-1])
    yield value("y", call.y, index, entry("E", at), f"{float(E[at]):.4g}", E[at])


def backward(call: Call) -> Lines:
    """Tell dE; an index has no gradient."""
    yield Equation("dE[v] = Σₙ dyₙ", "over the n with xₙ = v; an index has no gradient")
    yield from show("dy", call.dy)
    dE = call.gradient("embeddings")
    if dE is None:
        return
    yield from gradients(call, "embeddings")
    index = call.index
    v, k = int(call.x[index[:-1]]), index[-1]
    rows = call.dy[np.asarray(call.x).astype(int) == v][:, k]
    letters = f"Σ dy[n, {k}] over the {len(rows)} n with x[n] = {v}"
    yield sum_of_products("dE", dE, (v, k), letters, [(g,) for g in rows])
