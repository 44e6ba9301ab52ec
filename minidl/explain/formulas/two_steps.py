"""Convolutions of two steps: transposed ones, which hand numbers out, and separable ones."""

from __future__ import annotations

from itertools import product

import numpy as np

from minidl._typing import Array
from minidl.explain.content import Equation, Note
from minidl.explain.formulas import activation
from minidl.explain.formulas.common import Lines, float64, from_docstring, gradients, show, weights
from minidl.explain.formulas.windows import as_given, padded, places_seeing, settings, slices
from minidl.explain.recording import Call
from minidl.explain.working import largest, sum_of_products

# Transposed


class _Transposed:
    """A transposed convolution with its channels last: each number of x is handed to a window."""

    def __init__(self, call: Call) -> None:
        layer = self.layer = call.layer
        self.x = layer._channels_last(call.x)
        W = call.value("kernel")
        assert W is not None
        self.W, self.b = W, call.value("bias")  # W: (places..., filters, channels)
        self.windows = layer._windows(self.x.shape[1:-1])
        self.f = layer.activation
        self.given = activation.without(layer).forward(call.x)[0]
        self.z = layer._channels_last(self.given)  # with the bias

    def index(self, call: Call, like: Array) -> tuple[int, ...]:
        """Return the entry of z to work through."""
        told_by = self.layer._channels_last(call.y if call.dy is None else call.dy)
        return largest(told_by if told_by.shape == like.shape else like)


def turned_forward(call: Call) -> Lines:
    """Tell z, one number of it from all that was handed to it, and y."""
    layer = call.layer
    yield from from_docstring(type(layer), "forward")
    yield Note(settings(layer))
    conv = _Transposed(call)
    yield from weights(call, "kernel", "bias")
    z, b = conv.z, conv.b
    index = conv.index(call, z)
    n, *place, f = index
    terms = [
        (conv.x[(n, *there, c)], conv.W[(*tap, f, c)])
        for there, tap in places_seeing(conv.windows, tuple(place))
        for c in range(conv.x.shape[-1])
    ]
    yield from show("z", conv.given, "" if b is None else "with the bias in it")
    letters = "Σ x W over the places of x that hand to it" + ("" if b is None else f" + b[{f}]")
    plus = () if b is None else (b[f],)
    yield sum_of_products("z", z, index, letters, terms, plus)
    yield from activation.forward(conv.f, conv.given, call.y, as_given(layer, index))


def turned_backward(call: Call) -> Lines:
    """Tell dz, dW, db and dx."""
    layer = call.layer
    yield from from_docstring(type(layer), "backward")
    conv = _Transposed(call)
    dz_given = conv.f.backward(conv.f.forward(conv.given)[1], call.dy)
    dz = layer._channels_last(dz_given)
    yield from show("dy", call.dy)
    index = conv.index(call, dz)
    at = as_given(layer, index)
    yield from activation.backward(conv.f, conv.given, call.dy, dz_given, at)
    f = index[-1]
    around = padded(conv.windows, dz)
    dW, db = call.gradient("kernel"), call.gradient("bias")
    yield from gradients(call, "kernel", "bias")
    if dW is not None:
        part = np.abs(dW[..., f, :])
        *tap, c = map(int, np.unravel_index(int(part.argmax()), part.shape))
        terms = []
        for n, *there in product(range(len(dz)), *map(range, conv.windows.output)):
            window = around[(n, *slices(conv.windows, tuple(there)))]
            terms.append((window[(*tap, f)], conv.x[(n, *there, c)]))
        letters = "Σ over places of x, dz there · x"
        yield sum_of_products("dW", dW, (*tap, f, c), letters, terms)
    if db is not None:
        parts = [(v,) for v in float64(dz[..., f]).ravel()]
        yield sum_of_products("db", db, (f,), f"Σ dz[..., {f}]", parts)
    if call.gives_dx:
        yield from show("dx", call.dx)
        dx = layer._channels_last(call.dx)
        at_x = largest(dx)
        n, *there, c = at_x
        window = around[(n, *slices(conv.windows, tuple(there)))]
        terms = list(zip(window.ravel(), conv.W[..., c].ravel(), strict=True))
        yield sum_of_products("dx", dx, at_x, "Σ dz W over the window that it handed to", terms)


# Separable


class _Separable:
    """A separable convolution with its channels last: each channel by itself, then a Dense."""

    def __init__(self, call: Call) -> None:
        layer = self.layer = call.layer
        self.x = layer._channels_last(call.x)
        w, V = call.value("depthwise_kernel"), call.value("pointwise_kernel")
        assert w is not None
        assert V is not None
        self.w, self.b = w, call.value("bias")
        self.V = V.reshape(V.shape[-2:])
        self.windows = layer._windows(self.x.shape[1:-1])
        self.padded = padded(self.windows, self.x)
        self.f = layer.activation
        self.given = activation.without(layer).forward(call.x)[0]
        self.z = layer._channels_last(self.given)
        places = product(range(len(self.x)), *map(range, self.windows.output))
        self.h = np.zeros((*self.z.shape[:-1], self.V.shape[0]))
        for n, *place in places:
            window = float64(self.padded[(n, *slices(self.windows, tuple(place)))])
            sums = (window[..., np.newaxis] * w).sum(axis=tuple(range(w.ndim - 2)))
            self.h[(n, *place)] = sums.ravel()

    def index(self, call: Call) -> tuple[int, ...]:
        """Return the entry of z to work through."""
        told_by = self.layer._channels_last(call.y if call.dy is None else call.dy)
        return largest(told_by if told_by.shape == self.z.shape else self.z)


def apart_forward(call: Call) -> Lines:
    """Tell h, z and y, with a number of h and one of z worked through."""
    layer = call.layer
    yield from from_docstring(type(layer), "forward")
    yield Note(settings(layer))
    conv = _Separable(call)
    yield from weights(call, "depthwise_kernel", "pointwise_kernel", "bias")
    index = conv.index(call)
    n, *place, f = index
    row = conv.h[(n, *place)]
    k = int(np.argmax(np.abs(row)))
    c, j = divmod(k, conv.w.shape[-1])
    window = conv.padded[(n, *slices(conv.windows, tuple(place)))][..., c]
    at = ", ".join(map(str, place))
    yield from show("window", window, f"what window ({at}) sees of sample {n}, channel {c}")
    terms = list(zip(window.ravel(), conv.w[..., c, j].ravel(), strict=True))
    yield from show("h", conv.h)
    yield sum_of_products("h", conv.h, (n, *place, k), f"Σ window · w[..., {c}, {j}]", terms)
    yield from show("z", conv.given)
    b = conv.b
    letters = f"Σₖ h[{n}, {at}, k] V[k, {f}]" + ("" if b is None else f" + b[{f}]")
    plus = () if b is None else (b[f],)
    yield sum_of_products("z", conv.z, index, letters, zip(row, conv.V[:, f], strict=True), plus)
    yield from activation.forward(conv.f, conv.given, call.y, as_given(layer, index))


def apart_backward(call: Call) -> Lines:
    """Tell dz, dV, db, dw and dx."""
    layer = call.layer
    yield from from_docstring(type(layer), "backward")
    conv = _Separable(call)
    dz_given = conv.f.backward(conv.f.forward(conv.given)[1], call.dy)
    dz = float64(layer._channels_last(dz_given))
    yield from show("dy", call.dy)
    index = conv.index(call)
    at = as_given(layer, index)
    yield from activation.backward(conv.f, conv.given, call.dy, dz_given, at)
    yield from gradients(call, "depthwise_kernel", "pointwise_kernel", "bias")
    yield from show("dx", call.dx)
    f = index[-1]
    dV, dw, db = (call.gradient(n) for n in ("pointwise_kernel", "depthwise_kernel", "bias"))
    rows, dz_rows = conv.h.reshape(-1, conv.h.shape[-1]), dz.reshape(-1, dz.shape[-1])
    if dV is not None:
        k = int(np.argmax(np.abs(dV.reshape(dV.shape[-2:])[:, f])))
        terms = list(zip(rows[:, k], dz_rows[:, f], strict=True))
        corner = (0,) * (dV.ndim - 2)
        yield sum_of_products("dV", dV, (*corner, k, f), f"Σₙ h[n, {k}] dz[n, {f}]", terms)
    if db is not None:
        parts = [(v,) for v in dz_rows[:, f]]
        yield sum_of_products("db", db, (f,), f"Σ dz[..., {f}]", parts)
    dh = dz @ float64(conv.V).T
    yield Equation("dh = dz Vᵀ")
    yield from show("dh", dh)
    if dw is not None:
        where = largest(dw[np.newaxis])[1:]
        *tap, c, j = where
        terms = []
        for n, *place in product(range(len(dz)), *map(range, conv.windows.output)):
            window = conv.padded[(n, *slices(conv.windows, tuple(place)))]
            terms.append((window[(*tap, c)], dh[(n, *place, c * dw.shape[-1] + j)]))
        yield sum_of_products("dw", dw, where, "Σ over windows, x there · dh", terms)
    if call.gives_dx:
        dx = layer._channels_last(call.dx)
        at_x = largest(dx)
        n, *place, c = at_x
        count = conv.w.shape[-1]
        terms = [
            (dh[(n, *there, c * count + j)], conv.w[(*tap, c, j)])
            for there, tap in places_seeing(conv.windows, tuple(place))
            for j in range(count)
        ]
        letters = "Σ dh w over the windows that see it"
        yield sum_of_products("dx", dx, at_x, letters, terms)
