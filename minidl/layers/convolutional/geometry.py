"""Where the windows of a convolution lie: sizes, strides, dilation and padding, for any rank.

Along one axis a window has `kernel` taps that lie `dilation` apart, and reaches over

    reach = (kernel − 1) · dilation + 1

places. Windows begin `stride` places apart, the first of them `before` places ahead of the input:

    reach 3, stride 2, before 1         0 │ a  b  c  d  e │ 0
                                       └────────┘
                                             └────────┘
                                                   └────────┘

Output o and tap t therefore meet at the input place  o · stride + t · dilation − before. Everything
else in this package follows from this one line.
"""

from __future__ import annotations

from functools import lru_cache
from math import prod
from typing import Any, NamedTuple

import numpy as np

from minidl._typing import Shape
from minidl.registry import nearest

Sizes = tuple[int, ...]


class Windows(NamedTuple):
    """The windows of a convolution: one number an axis, for each of these.

    Attributes:
        input, output: sizes; `output` counts the windows.
        kernel, strides, dilation: taps of a window, places between windows, places between taps.
        before, after: zeros that stand around the input.
    """

    input: Sizes
    output: Sizes
    kernel: Sizes
    strides: Sizes
    dilation: Sizes
    before: Sizes
    after: Sizes

    @property
    def padded(self) -> Sizes:
        """The input's sizes with its zeros around."""
        return tuple(map(sum, zip(self.before, self.input, self.after, strict=True)))

    @property
    def last(self) -> Sizes:
        """The last place of the padded input that a window sees."""
        axes = zip(self.output, self.strides, self.kernel, self.dilation, strict=True)
        return tuple((o - 1) * s + reach(k, d) - 1 for o, s, k, d in axes)

    @property
    def is_padded(self) -> bool:
        """Whether there are any zeros around."""
        return any(self.before) or any(self.after)

    @property
    def interior(self) -> tuple[slice, ...]:
        """Where in the padded input the input itself stands."""
        return tuple(slice(b, b + n) for b, n in zip(self.before, self.input, strict=True))

    @property
    def taps(self) -> int:
        """The number of places that one window looks at."""
        return prod(self.kernel)


def reach(kernel: int, dilation: int) -> int:
    """Return over how many places a window reaches.

    >>> reach(3, 1), reach(3, 2)
    (3, 5)
    """
    return (kernel - 1) * dilation + 1


def output_size(
    size: int | None, kernel: int, stride: int, dilation: int, padding: str
) -> int | None:
    """Return how many windows a convolution has along an axis of `size` places.

    >>> [output_size(7, 3, 2, 1, padding) for padding in ("valid", "same", "causal")]
    [3, 4, 4]
    """
    if size is None:
        return None
    if padding == "valid":
        size -= reach(kernel, dilation) - 1
    return (size - 1) // stride + 1


@lru_cache(maxsize=256)
def convolution_windows(
    input: Sizes, kernel: Sizes, strides: Sizes, dilation: Sizes, padding: str
) -> Windows:
    """Return the windows of a convolution over an input of the given sizes.

    `"valid"` has no padding: only windows within the input. `"same"` pads to ⌈input / stride⌉
    windows, with half of the zeros before and half after, the odd one after. `"causal"` pads
    before only, so that the last tap of output o stands at the place o · stride.
    """
    output, before, after = [], [], []
    for n, k, s, d in zip(input, kernel, strides, dilation, strict=True):
        size = output_size(n, k, s, d, padding)
        assert size is not None
        zeros = max((size - 1) * s + reach(k, d) - n, 0) if padding != "valid" else 0
        if padding == "causal":
            zeros = reach(k, d) - 1
        first = zeros if padding == "causal" else zeros // 2
        output.append(size)
        before.append(first)
        after.append(zeros - first)
    return Windows(input, tuple(output), kernel, strides, dilation, tuple(before), tuple(after))


def transposed_size(
    size: int | None,
    kernel: int,
    stride: int,
    dilation: int,
    padding: str,
    output_padding: int | None,
) -> int | None:
    """Return the output's size of a transposed convolution along an axis of `size` places.

    >>> [transposed_size(4, 3, 2, 1, padding, None) for padding in ("valid", "same")]
    [9, 8]
    """
    if size is None:
        return None
    k = reach(kernel, dilation)
    if padding == "valid":
        extra = max(stride - k, 0) if output_padding is None else output_padding
        return (size - 1) * stride + k + extra
    if output_padding is None:
        return size * stride
    return (size - 1) * stride + k % 2 + output_padding


@lru_cache(maxsize=256)
def transposed_windows(
    input: Sizes,
    kernel: Sizes,
    strides: Sizes,
    dilation: Sizes,
    padding: str,
    output_padding: Sizes | None,
) -> Windows:
    """Return the windows of the convolution that a transposed one is the transpose of.

    That convolution goes the other way: its `output` is this `input`, and its `input` the
    transposed convolution's output. What the transposed convolution cuts off its full output is
    the padding of the other: half of it before, half after, the odd place after.
    """
    sizes, before, after = [], [], []
    for i, (n, k, s, d) in enumerate(zip(input, kernel, strides, dilation, strict=True)):
        given = None if output_padding is None else output_padding[i]
        size = transposed_size(n, k, s, d, padding, given)
        assert size is not None
        cut = max((n - 1) * s + reach(k, d) - size, 0)
        sizes.append(size)
        before.append(cut // 2)
        after.append(cut - cut // 2)
    return Windows(tuple(sizes), input, kernel, strides, dilation, tuple(before), tuple(after))


def check_sizes(name: str, value: Any, rank: int, owner: str, low: int = 1) -> Sizes:
    """Return an argument as a tuple of `rank` integers; a single integer stands for all.

    Raises:
        ValueError: if it is something else, or a number is below `low`.
    """
    values = tuple(value) if isinstance(value, list | tuple) else (value,) * rank
    integers = all(isinstance(v, int | np.integer) and not isinstance(v, bool) for v in values)
    if len(values) != rank or not integers or any(v < low for v in values):
        kind = "positive integer" if low > 0 else "integer of at least 0"
        one = str(max(low, 1))
        many = "" if rank == 1 else f", or a tuple of {rank}, such as {tuple([max(low, 1)] * rank)}"
        raise ValueError(
            f"{owner}: received {name}={value!r}, expected a {kind} such as {one}{many}."
        )
    return tuple(int(v) for v in values)


def check_padding(padding: Any, owner: str, causal: bool = False) -> str:
    """Return the padding's name in lower case.

    Raises:
        ValueError: if it is not known; the message has the nearest one.
    """
    known = ["valid", "same", *(["causal"] if causal else [])]
    if isinstance(padding, str) and padding.lower() in known:
        return padding.lower()
    if padding == "causal":
        hint = "Causal padding is for Conv1D alone. Known: same, valid."
    else:
        hint = nearest(str(padding), known)
    raise ValueError(f"{owner}: received padding={padding!r}. {hint}")


def check_not_both(strides: Sizes, dilation: Sizes, owner: str) -> None:
    """See that strides and dilation are not both larger than 1, as Keras demands.

    Raises:
        ValueError: if they are.
    """
    if max(strides) > 1 and max(dilation) > 1:
        raise ValueError(
            f"{owner}: received strides={strides} and dilation_rate={dilation}, expected at most "
            "one of them to be larger than 1. Dilate without strides, and pool afterwards."
        )


def spatial(shape: Shape, data_format: str) -> Shape:
    """Return a shape's sizes without the batch and the channels.

    >>> spatial((None, 28, 28, 3), "channels_last")
    (28, 28)
    """
    return shape[1:-1] if data_format == "channels_last" else shape[2:]


def with_channels(sizes: Shape, batch: int | None, channels: int | None, data_format: str) -> Shape:
    """Return the shape that has these sizes, this batch and these channels."""
    if data_format == "channels_last":
        return (batch, *sizes, channels)
    return (batch, channels, *sizes)
