"""The tape: what was done to traced arrays, in order, and the walk back through it.

    x ──► np.exp ──► u ──► np.sum ──► L         forward writes a record for each call
    dx ◄── g·u ◄──── du ◄── spread ◄── 1        backward reads the records from behind

A tape knows its arrays by number. It holds no traced array, so that no ring of references keeps
the numbers of a finished run in memory.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from minidl import tracing
from minidl._typing import Array
from minidl.autodiff.dispatch import INTO
from minidl.autodiff.records import PairRecord, Part, Record
from minidl.autodiff.traced import TracedArray


class Tape:
    """What was done to some arrays, and to the parameters that were read meanwhile.

    Arguments:
        training: what layers that are called meanwhile take for `training`, if they are not told.

    Attributes:
        outer: the tape that listened before: the two nest, and so derivatives of derivatives come
            about.
        recording: whether it still listens. Once it does not, its traced arrays count as plain.
        records: for each number its record; None for an array that the tape began with.
        losses: what layers added to the loss meanwhile, each with the layer.
    """

    def __init__(self, training: bool | None = None) -> None:
        self.outer: Tape | None = tracing.current()
        self.level: int = self.outer.level + 1 if self.outer is not None else 0
        self.recording = True
        self.training = training
        self.records: list[Record | PairRecord | Part | None] = []
        self.parameters: dict[int, tuple[Any, int, Any]] = {}
        self.losses: list[tuple[Any, Any]] = []
        self.depth = 0  # how many calls of layers are under way

    def leaf(self, value: Any) -> TracedArray:
        """Return `value` as a traced array that begins here."""
        return self.add(None, value)

    def add(self, record: Record | PairRecord | Part | None, y: Any) -> TracedArray:
        """Write a record and return its output, traced."""
        records = self.records
        traced = TracedArray(y, self, len(records))
        records.append(record)
        return traced

    def add_parts(self, record: Record | PairRecord, ys: Iterable[Any]) -> Any:
        """Write the record of a call with several outputs and return them, traced if floating."""
        ys = tuple(ys)
        whole = len(self.records)
        self.records.append(record)
        return tuple(
            self.add(Part(whole, place, len(ys)), y) if is_floating(y) else y
            for place, y in enumerate(ys)
        )

    def read(self, parameter: Any) -> Any:
        """Return a parameter's value, traced if it is trained."""
        known = self.parameters.get(id(parameter))
        if known is not None:
            return TracedArray(known[2], self, known[1])
        value = parameter._value if self.outer is None else self.outer.read(parameter)
        if not (parameter.trainable and self.recording):
            return value
        traced = self.leaf(value)
        self.parameters[id(parameter)] = (parameter, traced.index, value)
        return traced


class Backward:
    """One walk back through a tape.

    Arguments:
        tape: what was recorded; it is left as it is.
        wanted: the numbers of the arrays whose gradients are asked for; None for all.
        sinks: arrays that the gradients of some numbers may be written into.

    Attributes:
        gradients: for each number the gradient; those of records are let go once they are used.
    """

    def __init__(
        self,
        tape: Tape,
        wanted: Iterable[int] | None = None,
        sinks: dict[int, Array] | None = None,
    ) -> None:
        self.tape = tape
        self.gradients: list[Any] = [None] * len(tape.records)
        self._sinks = sinks or {}
        self._uses = dict.fromkeys(self._sinks, 0)
        self.needed: list[bool] | None = None
        if sinks or wanted is not None:
            self.needed = self._look_ahead(wanted)

    def _look_ahead(self, wanted: Iterable[int] | None) -> list[bool] | None:
        """Return what `needed` is to be, and count how often each sink went into a call."""
        uses = self._uses
        needed = [wanted is None] * len(self.gradients)
        for number in wanted or ():
            needed[number] = True
        for number, record in enumerate(self.tape.records):
            if record is None:
                continue
            for parent in _parents(record):
                if needed[parent]:
                    needed[number] = True
                if parent in uses:
                    uses[parent] += 1
        return None if wanted is None else needed

    def needs(self, number: int) -> bool:
        """Return whether an array's gradient is asked for, or leads to one that is."""
        return self.needed is None or self.needed[number]

    def sink(self, number: int) -> Array | None:
        """Return the array that the whole gradient of `number` may be written into, if any."""
        return self._sinks.get(number) if self._uses.get(number) == 1 else None

    def give(self, number: int, g: Any) -> None:
        """Add to the gradient of `number`."""
        known = self.gradients[number]
        self.gradients[number] = g if known is None else known + g

    def run(self) -> list[Any]:
        """Walk from the last record to the first, and return all gradients."""
        gradients, needed = self.gradients, self.needed
        for number in range(len(gradients) - 1, -1, -1):
            g = gradients[number]
            record = self.tape.records[number]
            if g is None or record is None:
                continue
            gradients[number] = None
            if needed is not None and not needed[number]:
                continue
            if type(record) is Record:
                y, args, kwargs = record.y, record.args, record.kwargs
                for parent, vjp, value in record.edges:
                    if needed is not None and not needed[parent]:
                        continue
                    if parent in self._sinks and self._uses[parent] == 1:
                        self._pour(parent, vjp, g, record)
                        continue
                    d = vjp(g, y, *args, **kwargs)
                    if d.shape != value.shape or d.dtype != value.dtype:
                        d = fitted(d, value)
                    known = gradients[parent]
                    gradients[parent] = d if known is None else known + d
            elif type(record) is Part:
                if gradients[record.whole] is None:
                    gradients[record.whole] = [None] * record.count
                gradients[record.whole][record.place] = g
            else:
                for parent, d in record.pull(g, self):  # type: ignore[union-attr]
                    self.give(parent, d)
        return gradients

    def _pour(self, parent: int, vjp: Any, g: Any, record: Record) -> None:
        """Write a gradient that has one source only where it is to end up."""
        sink = self._sinks[parent]
        into = INTO.get(vjp)
        if into is not None:
            into(sink, g, record.y, *record.args, **record.kwargs)
        else:
            _fit_into(sink, vjp(g, record.y, *record.args, **record.kwargs))
        self.gradients[parent] = sink


def is_floating(value: Any) -> bool:
    """Return whether a value can have a gradient."""
    return value is not None and value.dtype.kind == "f"


def fitted(d: Any, like: Any) -> Any:
    """Return a gradient in the shape and type of the array it belongs to.

    An array that was broadcast appeared several times, so the gradients of all its copies add up.
    """
    if d.shape != like.shape:
        extra = d.ndim - like.ndim
        if extra > 0:
            d = d.sum(axis=tuple(range(extra)))
        stretched = tuple(
            axis
            for axis, (has, had) in enumerate(zip(d.shape, like.shape, strict=True))
            if had == 1 and has != 1
        )
        if stretched:
            d = d.sum(axis=stretched, keepdims=True)
    return d if d.dtype == like.dtype else d.astype(like.dtype)


def _fit_into(sink: Array, d: Any) -> None:
    """Write `fitted(d, sink)` into `sink`."""
    extra = d.ndim - sink.ndim
    if extra > 0 and d.shape[extra:] == sink.shape and d.dtype == sink.dtype:
        np.add.reduce(d, axis=tuple(range(extra)), out=sink)
    else:
        sink[...] = fitted(d, sink)


def _parents(record: Any) -> Iterable[int]:
    if type(record) is Record:
        return [edge[0] for edge in record.edges]
    return (record.whole,) if type(record) is Part else record.parents
