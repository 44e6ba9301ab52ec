"""Segments: the pieces in which an optimizer walks its parameters, and the slots beside them.

    parameters that lie end to end       | kernel ............... | bias . | kernel .... | bias |
    their slots, in the same layout      | momentum ............. | m .... | m ......... | m .. |
    cut into cache-sized segments        |         1         |         2         |      3       |

A chain of NumPy calls over a segment that fits in the cache reads main memory once instead of at
every call. Segments are cut when the optimizer is built, so that a step slices nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from minidl._typing import Array
from minidl.layers.parameter import Parameter
from minidl.optimizers.flat import Place, aligned_full, lay_out, next_start


class Segment(NamedTuple):
    """A piece of the flat buffers whose elements are all treated alike, or one parameter.

    `slots` are those of the update rule, `average` and `accumulator` the base class's own or
    None. `decays` tells whether weight decay applies, `group` whose gradient norm counts.
    """

    value: Array
    grad: Array
    slots: tuple[Array, ...]
    average: Array | None
    accumulator: Array | None
    decays: bool
    group: int


class Treatment(NamedTuple):
    """What must be equal for two parameters to share a segment."""

    decays: bool
    group: int


class Slots:
    """Arrays beside the parameters, of the same dtype and layout: momenta, averages, ...

    A parameter's slots are made once and kept, also while it is frozen and the optimizer is
    built without it.
    """

    def __init__(self) -> None:
        self._places: dict[Parameter, tuple[dict[str, Array], int]] = {}

    def add(self, parameters: Iterable[Parameter], starts_at: dict[str, float]) -> None:
        """Make the slots that `starts_at` names, full of its numbers, where there are none yet."""
        new = [p for p in parameters if p not in self._places]
        for run in _runs(new, _where, lambda p: p.dtype):
            dtype = run[0].dtype
            starts, size = lay_out([p.size for p in run], dtype)
            arrays = {name: aligned_full(size, fill, dtype) for name, fill in starts_at.items()}
            for p, start in zip(run, starts, strict=True):
                self._places[p] = arrays, start

    def place(self, parameter: Parameter) -> tuple[dict[str, Array], int]:
        """Return the flat slot arrays that hold the parameter's slots, and where they start."""
        return self._places[parameter]

    def of(self, parameter: Parameter) -> dict[str, Array]:
        """Return the parameter's slots by name: views in its shape."""
        arrays, start = self._places[parameter]
        here = slice(start, start + parameter.size)
        return {name: flat[here].reshape(parameter.shape) for name, flat in arrays.items()}

    def parameters(self) -> list[Parameter]:
        """Return every parameter that has slots."""
        return list(self._places)


def cut(
    parameters: Sequence[Parameter],
    slots: Slots,
    names: Sequence[str],
    treatment: Callable[[Parameter], Treatment],
    chunk: int,
) -> list[Segment]:
    """Return flat segments of at most `chunk` elements that cover `parameters`.

    Neighbours in the buffers that are treated alike are walked in one go, across the gaps.
    """

    def position(p: Parameter) -> tuple[Hashable, int]:
        arrays, start = slots.place(p)
        where, at = _where(p)
        return (where, id(arrays), at - start), at

    segments = []
    for run in _runs(parameters, position, treatment):
        first, last = run[0], run[-1]
        if not isinstance(first.home, Place):
            segments.append(flat(whole(first, slots, names, treatment(first))))
            continue
        buffers, start = first.home
        arrays, slot_start = slots.place(first)
        shift, end = slot_start - start, last.home.start + last.size
        for a in range(start, end, chunk):
            b = min(a + chunk, end)
            beside = {name: flat[a + shift : b + shift] for name, flat in arrays.items()}
            segments.append(
                _segment(buffers.values[a:b], buffers.grads[a:b], beside, names, treatment(first))
            )
    return segments


def whole(
    parameter: Parameter, slots: Slots, names: Sequence[str], treatment: Treatment
) -> Segment:
    """Return one parameter, in its own shape, as a segment."""
    beside = slots.of(parameter)
    return _segment(parameter.value, parameter.grad, beside, names, treatment)


def flat(segment: Segment) -> Segment:
    """Return a segment with every array in one dimension: a view, so it must be contiguous."""

    def view(array: Any) -> Any:
        return None if array is None else np.reshape(array, -1, copy=False)

    return segment._replace(
        value=view(segment.value),
        grad=view(segment.grad),
        slots=tuple(map(view, segment.slots)),
        average=view(segment.average),
        accumulator=view(segment.accumulator),
    )


def _segment(
    value: Array, grad: Array, beside: dict[str, Array], names: Sequence[str], t: Treatment
) -> Segment:
    return Segment(
        value,
        grad,
        tuple(beside[name] for name in names),
        beside.get("average"),
        beside.get("gradient_accumulator"),
        t.decays,
        t.group,
    )


def _where(p: Parameter) -> tuple[Hashable, int]:
    """Return the array that a parameter lies in, as an id, and where in it."""
    return (id(p.home.buffers), p.home.start) if isinstance(p.home, Place) else (id(p), 0)


def _runs(
    parameters: Iterable[Parameter],
    position: Callable[[Parameter], tuple[Hashable, int]],
    alike: Callable[[Parameter], Hashable],
) -> list[list[Parameter]]:
    """Return the parameters in runs of neighbours that are alike, in a reproducible order.

    `position` gives what a parameter lies in, and its first element there.
    """
    placed = [(*position(p), p) for p in parameters]
    rank: dict[Hashable, int] = {}  # by first appearance: addresses differ from run to run
    for where, _, _ in placed:
        rank.setdefault(where, len(rank))
    runs: list[list[Parameter]] = []
    expected: Any = None
    for where, start, p in sorted(placed, key=lambda item: (rank[item[0]], item[1])):
        if expected != (where, start, alike(p)):
            runs.append([])
        runs[-1].append(p)
        expected = where, next_start(start + p.size, p.dtype), alike(p)
    return runs
