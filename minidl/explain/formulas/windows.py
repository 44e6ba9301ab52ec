"""Convolutions: one window of the input against one filter, and the sums that go back."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np

from minidl._typing import Array
from minidl.explain.content import Note
from minidl.explain.formulas import activation
from minidl.explain.formulas.common import Lines, float64, from_docstring, gradients, show, weights
from minidl.explain.recording import Call
from minidl.explain.working import largest, sum_of_products
from minidl.layers.convolutional.geometry import Windows


def padded(windows: Windows, x: Array) -> Array:
    """Return an array, its channels last, with the zeros around it that windows see."""
    around = list(zip(windows.before, windows.after, strict=True))
    return np.pad(x, [(0, 0), *around, (0, 0)])


def slices(windows: Windows, places: tuple[int, ...]) -> tuple[Any, ...]:
    """Return what a window sees of the padded input's axes of space."""
    axes = zip(places, windows.strides, windows.dilation, windows.kernel, strict=True)
    return tuple(slice(o * s, o * s + (k - 1) * d + 1, d) for o, s, d, k in axes)


def places_seeing(windows: Windows, place: tuple[int, ...]) -> list[tuple[Any, Any]]:
    """Return the windows that see a place of the input, and where in the kernel it is then."""
    found = []
    for tap in product(*map(range, windows.kernel)):
        window = []
        axes = zip(
            place, windows.before, tap, windows.dilation, windows.strides, windows.output,
            strict=True,
        )  # fmt: skip
        for p, before, t, d, s, count in axes:
            o, rest = divmod(p + before - t * d, s)
            if rest == 0 and 0 <= o < count:
                window.append(o)
        if len(window) == len(place):
            found.append((tuple(window), tap))
    return found


class _Convolution:
    """A convolution with its channels last: where its windows lie, and what they hold."""

    def __init__(self, call: Call) -> None:
        layer = self.layer = call.layer
        self.x = layer._channels_last(call.x)
        self.by_channel = type(layer).__name__.startswith("Depthwise")
        W = call.value("kernel")
        assert W is not None
        self.W, self.b = W, call.value("bias")
        self.windows = layer._windows(self.x.shape[1:-1])
        self.padded = padded(self.windows, self.x)
        self.z = layer._channels_last(activation.without(layer).forward(call.x)[0])
        self.f = layer.activation

    def window(self, n: int, places: tuple[int, ...], f: int) -> Array:
        """Return what filter f sees in a window: (places..., channels)."""
        where: Any = (n, *slices(self.windows, places))
        return self.padded[where][..., self.channels(f)]

    def channels(self, f: int) -> slice:
        """Return the channels that filter f sees."""
        if self.by_channel:
            c = f // self.W.shape[-1]
            return slice(c, c + 1)
        size = self.W.shape[-2]
        group = f // (self.W.shape[-1] // (self.x.shape[-1] // size))
        return slice(group * size, (group + 1) * size)

    def filter(self, f: int) -> Array:
        """Return the weights of filter f: (places..., channels that it sees)."""
        if self.by_channel:
            c, j = divmod(f, self.W.shape[-1])
            return self.W[..., c : c + 1, j]
        return self.W[..., f]

    def tap(self, at: tuple[int, ...], f: int) -> tuple[int, ...]:
        """Return the index in the kernel of a place and channel that filter f sees."""
        return (*at[:-1], *divmod(f, self.W.shape[-1])) if self.by_channel else (*at, f)


def _index(conv: _Convolution, call: Call, like: Array) -> tuple[int, ...]:
    told_by = call.y if call.dy is None else call.dy
    told_by = conv.layer._channels_last(told_by)
    return largest(told_by if told_by.shape == like.shape else like)


def forward(call: Call) -> Lines:
    """Tell z, one number of it from its window, and y."""
    layer = call.layer
    yield from from_docstring(type(layer), "forward")
    yield Note(settings(layer))
    conv = _Convolution(call)
    yield from weights(call, "kernel", "bias")
    z = conv.z
    index = _index(conv, call, z)
    n, *places, f = index
    window, kernel = conv.window(n, tuple(places), f), conv.filter(f)
    at = ", ".join(map(str, places))
    yield from show(
        "window", window, f"what window ({at}) sees of sample {n}, zeros around included"
    )
    yield from show("filter", kernel, f"the weights of filter {f}")
    bias = "" if conv.b is None else f" + b[{f}]"
    yield sum_of_products(
        "z", z, index, f"Σ window · filter{bias}",
        zip(window.ravel(), kernel.ravel(), strict=True),
        () if conv.b is None else (conv.b[f],),
    )  # fmt: skip
    given = layer._channels_as_given(z)
    yield from show("z", given)
    yield from activation.forward(conv.f, given, call.y, as_given(layer, index))


def backward(call: Call) -> Lines:
    """Tell dz, dW, db and dx."""
    layer = call.layer
    yield from from_docstring(type(layer), "backward")
    conv = _Convolution(call)
    z = layer._channels_as_given(conv.z)
    dz_given = conv.f.backward(conv.f.forward(z)[1], call.dy)
    dz = layer._channels_last(dz_given)
    yield from show("dy", call.dy)
    index = _index(conv, call, dz)
    at = as_given(layer, index)
    yield from activation.backward(conv.f, z, call.dy, dz_given, at)
    f = index[-1]
    dW, db = call.gradient("kernel"), call.gradient("bias")
    yield from gradients(call, "kernel", "bias")
    if dW is not None:
        yield _kernel_entry(conv, dW, dz, f)
    if db is not None:
        terms = [(v,) for v in float64(dz[..., f]).ravel()]
        yield sum_of_products("db", db, (f,), f"Σ dz[..., {f}]", terms)
    if call.gives_dx:
        yield from show("dx", call.dx)
        dx = layer._channels_last(call.dx)
        yield _input_entry(conv, dx, dz)


def _kernel_entry(conv: _Convolution, dW: Array, dz: Array, f: int) -> Any:
    """Work an entry of dW through: a sum over all windows."""
    part = dW[..., f] if not conv.by_channel else _channel_of(dW, f)
    local: Any = np.unravel_index(int(np.argmax(np.abs(part))), part.shape)
    local = tuple(int(i) for i in local)
    terms = [
        (conv.window(n, places, f)[local], dz[(n, *places, f)])
        for n in range(len(dz))
        for places in product(*(range(o) for o in conv.windows.output))
    ]
    index = conv.tap(local, f)
    return sum_of_products("dW", dW, index, "Σ over windows, x there · dz", terms)


def _channel_of(dW: Array, f: int) -> Array:
    """Return the weights of output channel f of a depthwise kernel: (places..., 1)."""
    c, j = divmod(f, dW.shape[-1])
    return dW[..., c : c + 1, j]


def _input_entry(conv: _Convolution, dx: Array, dz: Array) -> Any:
    """Work an entry of dx through: a sum over all windows that saw it, and their filters."""
    index = largest(dx)
    n, *place, c = index
    terms = []
    for places, tap in places_seeing(conv.windows, tuple(place)):
        for f in range(dz.shape[-1]):
            seen = conv.channels(f)
            if seen.start <= c < seen.stop:
                weight = conv.filter(f)[(*tap, c - seen.start)]
                terms.append((dz[(n, *places, f)], weight))
    letters = "Σ over the windows that see it, and filters, dz · W"
    return sum_of_products("dx", dx, index, letters, terms)


def as_given(layer: Any, index: tuple[int, ...]) -> tuple[int, ...]:
    """Return an index with the channels where the user has them."""
    if layer.data_format == "channels_last":
        return index
    n, *places, f = index
    return (n, f, *places)


def settings(layer: Any) -> str:
    """Return a convolution's arguments in words."""
    words = [f"kernel_size = {layer.kernel_size}", f"strides = {layer.strides}"]
    if max(layer.dilation_rate) > 1:
        words.append(f"dilation_rate = {layer.dilation_rate}")
    if getattr(layer, "groups", 1) > 1:
        words.append(f"groups = {layer.groups}")
    words.append(f"padding = {layer.padding!r}")
    if layer.data_format != "channels_last":
        words.append("channels_first; below the channels come last")
    return f"Here {', '.join(words)}."
