"""Attention: what one query of the first sample looks at, and what it takes from there."""

from __future__ import annotations

from typing import Any

import numpy as np

from minidl._typing import Array
from minidl.explain.content import Equation, Note
from minidl.explain.formulas.common import LETTERS, Lines, float64, from_docstring, show
from minidl.explain.numbers import factor, number
from minidl.explain.recording import Call
from minidl.explain.working import sum_of_products, value


def forward(call: Call) -> Lines:
    """Tell S, P and y for one query of `Attention` and `AdditiveAttention`."""
    layer = call.layer
    q, v, k, p, a, y, _ = call.residuals
    k = v if k is None else k
    drops = call.training and layer.dropout
    if _by_product(layer):
        yield Equation("S = q kᵀ" + (" · scale" if layer.use_scale else ""), "query by query")
        yield Equation("P = softmax(S)", "along the keys; what may not be looked at has S - 10⁹")
        if drops:
            yield Equation("A = P m / (1 - dropout)", "m as in Dropout")
        yield Equation("y = A v" if drops else "y = P v")
    else:
        yield from from_docstring(type(layer), "forward")
    for name in ("scale", "concat_score_weight"):
        yield from show(name, call.value(name))
    yield from show("P", p, "a row a query: what it looks at")
    if drops:
        yield from show("A", a)
    yield from show("y", y)
    if y.ndim != 3:
        return
    _, i, d = index = _query(call, y)
    yield Note(f"Query {i} of sample 0:")
    yield from show("q", q[0, i])
    if _by_product(layer):
        j = int(np.argmax(p[0, i]))
        c = _scale(call)
        S = c * float64(q[0]) @ float64(k[0]).T
        times = None if c == 1.0 else c
        terms = list(zip(float64(q[0, i]), float64(k[0, j]), strict=True))
        letters = f"Σ_d q[{i}, d] k[{j}, d]" + ("" if times is None else " · scale")
        yield sum_of_products("S", S, (i, j), letters, terms, times=times)
        if _masks_nothing(p):
            yield _softmax("P", p, (0, i, j), S[i])
    weights = a[0, i]
    if call.mask is None:
        terms = list(zip(weights, v[0, :, d], strict=True))
        A = "A" if drops else "P"
        yield sum_of_products("y", y, index, f"Σⱼ {A}[0, {i}, j] v[0, j, {d}]", terms)


def _by_product(layer: Any) -> bool:
    """Return whether a score is a product of query and key."""
    return type(layer).__name__ == "Attention" and layer.score_mode == "dot"


def _scale(call: Call) -> float:
    scale = call.value("scale")
    return 1.0 if scale is None else float(scale)


def backward(call: Call) -> Lines:
    """Tell dq, dv and dk."""
    layer = call.layer
    if _by_product(layer):
        scaled = " · scale" if layer.use_scale else ""
        A = "A" if call.training and layer.dropout else "P"
        yield Equation(f"dv = {A}ᵀ dy")
        yield Equation("dA = dy vᵀ")
        yield Equation(f"dS = {A} dA - P r", "rᵢ = Σ yᵢ dyᵢ")
        yield Equation(f"dq = dS k{scaled}")
        yield Equation(f"dk = dSᵀ q{scaled}", "added to dv where key and value are one")
        if layer.use_scale:
            yield Equation("dscale = Σ q (dS k)")
    else:
        yield from from_docstring(type(layer), "backward")
    yield from show("dy", call.dy)
    for parameter in call.parameters():
        yield from show(f"d{parameter.name}", call.gradient(parameter))
    names = ("dq", "dv", "dk")
    for name, dx in zip(names, call.dx if call.gives_dx else [], strict=False):
        yield from show(name, dx)
    if not call.gives_dx or isinstance(call.dy, list) or call.mask is not None:
        return
    _, v, k, p, a, y, _ = call.residuals
    if not _by_product(layer) or y.ndim != 3:
        return
    c = _scale(call)
    i = _query(call, y)[1]
    dy = float64(call.dy[0, i])
    d_a = float64(v[0]) @ dy
    r = float((float64(y[0, i]) * dy).sum())
    dS = float64(a[0, i]) * d_a - float64(p[0, i]) * r
    yield Note(f"Back through query {i} of sample 0, with dA = dy vᵀ and r = Σ y dy = {number(r)}:")
    yield from show("dS", dS, f"row {i}")
    keys = float64(v if k is None else k)[0]
    d = int(np.argmax(np.abs(call.dx[0][0, i])))
    terms = list(zip(dS, keys[:, d], strict=True))
    letters = f"Σⱼ dS[j] k[j, {d}]" + ("" if c == 1.0 else " · scale")
    times = None if c == 1.0 else c
    yield sum_of_products("dq", call.dx[0], (0, i, d), letters, terms, times=times)


def _query(call: Call, y: Array) -> tuple[int, ...]:
    """Return the entry of y to work through."""
    index = call.index
    return (0, *index[1:]) if len(index) == y.ndim else (0,) * y.ndim


def _masks_nothing(p: Array) -> bool:
    """Return whether every key is looked at, be it ever so little."""
    return bool((p[0] > 0).all())


def _softmax(symbol: str, p: Array, index: tuple[int, ...], scores: Array) -> Any:
    top = scores.max()
    e = np.exp(scores - top)
    j = index[-1]
    first = ", ".join(number(v) for v in e[:4]) + (", …" if len(e) > 4 else "")
    return value(
        symbol, p, index, "exp(S - max S) / Σ exp(S - max S)",
        f"exp({number(scores[j])} - {factor(top)}) / Σ({first})", e[j] / e.sum(),
    )  # fmt: skip


# With projections


def heads_forward(call: Call) -> Lines:
    """Tell one head's query of `MultiHeadAttention` and `GroupQueryAttention`, and y."""
    layer = call.layer
    yield from from_docstring(type(layer), "forward")
    yield from _projections(call)
    y = call.y[0] if isinstance(call.y, list) else call.y
    yield from show("y", y)
    if reason := _not_worked(call):
        yield Note(f"No query is worked through: {reason}.")
        return
    heads = _Heads(call)
    i = heads.i
    yield Note(f"Head 0, query {i} of sample 0; Q is scaled by 1/√{heads.size}:")
    yield from show("Q", heads.q[i])
    yield from show("K", heads.k)
    yield from show("V", heads.v)
    S = heads.k @ heads.q[i]
    j = int(np.argmax(heads.p))
    terms = list(zip(heads.q[i], heads.k[j], strict=True))
    yield sum_of_products("S", S, (j,), f"Σ_h Q[{i}, h] K[{j}, h]", terms)
    yield _softmax("P", heads.p, (j,), S)
    yield from show("O", heads.o, "of all heads, Σⱼ P[j] V[j] each")
    d = int(np.argmax(np.abs(y[0, i])))
    W = heads.out
    terms = list(zip(heads.o.ravel(), W[:, d], strict=True))
    b = () if heads.bias is None else (heads.bias[d],)
    letters = f"Σ O W_o[:, {d}]" + (" + b_o" if b else "")
    yield sum_of_products("y", y, (0, i, d), letters, terms, b)


def heads_backward(call: Call) -> Lines:
    """Tell the gradients of all projections and inputs."""
    yield from from_docstring(type(call.layer), "backward")
    yield from show("dy", call.dy)
    for parameter in call.parameters():
        yield from show(f"d{_name(parameter)}", call.gradient(parameter), parameter.path)
    yield from show("dx", call.dx)
    db = call.gradient(call.layer.output_dense.bias) if call.layer.use_bias else None
    if db is None or isinstance(call.dy, list) or call.dy.ndim != 3 or db.ndim != 1:
        return
    d = int(np.argmax(np.abs(db)))
    terms = [(g,) for g in float64(call.dy[..., d]).ravel()]
    yield sum_of_products("db_o", db, (d,), f"Σ dy[..., {d}]", terms)


def _name(parameter: Any) -> str:
    """Return a letter with the projection's: W_q for query/kernel."""
    owner = parameter.path.split("/")[-2]
    letter = LETTERS.get(parameter.name, parameter.name)
    short = {"query": "q", "key": "k", "value": "v", "attention_output": "o", "gate": "g"}
    return f"{letter}_{short[owner]}" if owner in short else letter


def _projections(call: Call) -> Lines:
    for parameter in call.layer.weights:
        yield from show(_name(parameter), call.value(parameter), parameter.path)


def _not_worked(call: Call) -> str:
    layer = call.layer
    named = set(call.options) & {"given", "use_causal_mask"}
    if call.mask is not None or named or layer.sliding_window is not None:
        return "a mask says what may be looked at"
    if call.training and layer.dropout:
        return "dropout is on"
    if layer.use_gate:
        return "a gate multiplies what it takes"
    if type(layer).__name__ != "MultiHeadAttention":
        return "heads share keys and values"
    if call.x[0].ndim != 3 or call.x[1].ndim != 3 or len(layer.output_dense.units) != 1:
        return "the inputs have more than three axes"
    return ""


class _Heads:
    """The heads of one query of the first sample, computed anew with all digits."""

    def __init__(self, call: Call) -> None:
        layer = call.layer
        query, value_ = float64(call.x[0][0]), float64(call.x[1][0])
        key = float64(call.x[2][0]) if len(call.x) > 2 else value_
        self.size = layer.key_dim
        y = call.y[0] if isinstance(call.y, list) else call.y
        index = call.index
        self.i = index[1] if len(index) == 3 else int(np.argmax(np.abs(y[0]).max(axis=-1)))
        q = self._project(call, layer.query_dense, query) / np.sqrt(self.size)
        k = self._project(call, layer.key_dense, key)
        v = self._project(call, layer.value_dense, value_)
        scores = np.einsum("nh,snh->ns", q[self.i], k)
        e = np.exp(scores - scores.max(axis=-1, keepdims=True))
        p = e / e.sum(axis=-1, keepdims=True)
        self.o = np.einsum("ns,snh->nh", p, v)
        self.q, self.k, self.v, self.p = q[:, 0], k[:, 0], v[:, 0], p[0]
        W, b = call.value(layer.output_dense.kernel), None
        if layer.use_bias:
            b = call.value(layer.output_dense.bias)
        assert W is not None
        self.out = float64(W).reshape(-1, W.shape[-1])
        self.bias = None if b is None else float64(b)

    def _project(self, call: Call, dense: Any, x: Array) -> Array:
        W = call.value(dense.kernel)
        assert W is not None
        out = np.tensordot(x, float64(W), 1)
        bias = call.value(dense.bias) if call.layer.use_bias else None
        return out if bias is None else out + float64(bias)
