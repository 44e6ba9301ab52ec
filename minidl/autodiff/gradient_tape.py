"""`GradientTape`: the form of a training loop of one's own, as Keras's users know it."""

from __future__ import annotations

from typing import Any

import numpy as np

from minidl import tracing
from minidl._typing import Array
from minidl.autodiff.tape import Backward, Tape, is_floating
from minidl.autodiff.traced import TracedArray
from minidl.autodiff.transforms import own
from minidl.autodiff.trees import leaves, map_leaves
from minidl.layers.parameter import Parameter


class GradientTape:
    """Records what happens within its block, and gives gradients afterwards.

    Parameters that are trained are followed without being asked for. Any other array is followed
    from where `watch` returned it.

    Arguments:
        persistent: whether `gradient` may be called more than once.
        watch_accessed_variables: whether parameters are followed by themselves.

    Example:
        >>> from minidl.layers import Parameter
        >>> w = Parameter(np.array([1.0, 2.0]), name="w")
        >>> with GradientTape() as tape:
        ...     loss = (w * w).sum()
        >>> tape.gradient(loss, w)
        array([2., 4.])
    """

    def __init__(self, persistent: bool = False, watch_accessed_variables: bool = True) -> None:
        self.persistent = persistent
        self.watch_accessed_variables = watch_accessed_variables
        self._tape: Tape | None = None
        self._before: Any = None
        self._used = False

    def __enter__(self) -> GradientTape:
        """Begin to record."""
        self._tape = Tape() if self.watch_accessed_variables else _Selective()
        self._used = False
        self._before = tracing.begin(self._tape)
        return self

    def __exit__(self, *error: Any) -> None:
        """End recording: from here on, traced arrays count as plain ones."""
        assert self._tape is not None
        tracing.end(self._before)
        self._tape.recording = False

    def watch(self, x: Any) -> Any:
        """Follow an array from here on: `x = tape.watch(x)`.

        A NumPy array cannot tell afterwards what it was used for, so go on with what is returned.
        A list or dict of arrays gives one of the same structure.
        """
        tape = self._opened("watch")
        if not tape.recording:
            raise RuntimeError("GradientTape.watch belongs within the tape's block.")

        def followed(item: Any) -> Any:
            if isinstance(item, Parameter):
                return tape.follow(item) if isinstance(tape, _Selective) else item.value
            if isinstance(item, TracedArray) and item.tape is tape:
                return item
            if not isinstance(item, TracedArray):
                item = np.asarray(item)
            if not is_floating(item):
                raise TypeError(f"GradientTape.watch received dtype {item.dtype}, expected floats.")
            return tape.leaf(item)

        return map_leaves(followed, x)

    def gradient(
        self,
        target: Any,
        sources: Any,
        output_gradients: Any = None,
        unconnected_gradients: str = "none",
    ) -> Any:
        """Return the gradient of a target, or of the sum of several, for each of the sources.

        Arguments:
            target: what was computed within the block; an array's entries are summed.
            sources: parameters and watched arrays, in a list, tuple or dict.
            output_gradients: weights for the target's entries, in place of ones.
            unconnected_gradients: `"none"` gives None for a source that the target does not depend
                on, `"zero"` gives zeros.

        Raises:
            RuntimeError: if called a second time on a tape that is not persistent.
            TypeError: if a source is a plain array, which was not watched.
            ValueError: if the target does not depend on anything that was followed.
        """
        tape = self._opened("gradient")
        if self._used and not self.persistent:
            raise RuntimeError(
                "GradientTape.gradient was called a second time. Make the tape with "
                "GradientTape(persistent=True), or ask for all gradients in one call."
            )
        if unconnected_gradients not in ("none", "zero"):
            raise ValueError(
                f"Received unconnected_gradients={unconnected_gradients!r}, expected 'none' or "
                "'zero'."
            )
        numbers = [self._number(tape, source) for source in leaves(sources)]
        walk = Backward(tape, [n for n in numbers if n is not None])
        self._seed(tape, walk, target, output_gradients)
        with tracing.recording(tape.outer):
            gradients = walk.run()
        self._used = True
        results = iter(numbers)

        def result(source: Any) -> Any:
            number = next(results)
            g = None if number is None else gradients[number]
            if g is None and unconnected_gradients == "none":
                return None
            value = source._value if isinstance(source, Parameter) else source.inner
            return own(g, value)

        return map_leaves(result, sources)

    def jacobian(self, target: Any, source: Any) -> Array:
        """Return all derivatives of a target, of shape (*target.shape, *source.shape)."""
        persistent, self.persistent = self.persistent, True
        try:
            rows = [
                self.gradient(target, source, unit.reshape(target.shape), "zero")
                for unit in np.eye(target.size, dtype=target.dtype)
            ]
        finally:
            self.persistent = persistent
        return np.reshape(np.stack(rows), (*target.shape, *source.shape))

    def stop_recording(self) -> Any:
        """Return a block within which nothing is recorded, and parameters are constants."""
        tape = self._opened("stop_recording")
        return tracing.recording(tape.outer)

    def reset(self) -> None:
        """Forget what was recorded so far, and go on recording."""
        tape = self._opened("reset")
        tape.records.clear()
        tape.parameters.clear()
        tape.losses.clear()

    def watched_variables(self) -> list[Any]:
        """Return the parameters that were followed, in the order of their first use."""
        return [
            parameter for parameter, *_ in self._opened("watched_variables").parameters.values()
        ]

    def _opened(self, method: str) -> Tape:
        if self._tape is None:
            raise RuntimeError(
                f"GradientTape.{method}: nothing was recorded yet. Write `with GradientTape() as "
                "tape:` around what is to be differentiated."
            )
        return self._tape

    def _number(self, tape: Tape, source: Any) -> int | None:
        if isinstance(source, Parameter):
            known = tape.parameters.get(id(source))
            return None if known is None else known[1]
        if isinstance(source, TracedArray):
            while isinstance(source, TracedArray):
                if source.tape is tape:
                    return source.index
                source = source.inner
            return None
        raise TypeError(
            f"GradientTape.gradient received {type(source).__name__} as a source, which no tape "
            "follows. Within the block write x = tape.watch(x) and compute with that x."
        )

    def _seed(self, tape: Tape, walk: Backward, target: Any, weights: Any) -> None:
        """Give the targets their gradients to begin with."""
        targets = leaves(target)
        given = [None] * len(targets) if weights is None else leaves(weights)
        followed = False
        for item, weight in zip(targets, given, strict=True):
            if isinstance(item, Parameter):
                item = TracedArray(item._value, tape, self._number(tape, item) or 0)
            if not isinstance(item, TracedArray) or item.tape is not tape:
                continue
            followed = True
            g = np.ones_like(item.inner) if weight is None else np.asarray(weight, item.dtype)
            walk.give(item.index, np.broadcast_to(g, item.shape))
        if not followed:
            raise ValueError(
                f"GradientTape.gradient received as target {type(target).__name__}, which this "
                "tape has not recorded. Compute the loss within the tape's block, from parameters "
                "or watched arrays, and pass it as it comes: float(loss) and np.asarray(loss) are "
                "constants."
            )


class _Selective(Tape):
    """A tape that follows no parameter but those it was told to."""

    def read(self, parameter: Any) -> Any:
        """Return a parameter's value, traced if it was asked for."""
        if id(parameter) in self.parameters:
            return super().read(parameter)
        return parameter._value if self.outer is None else self.outer.read(parameter)

    def follow(self, parameter: Any) -> Any:
        """Follow a parameter from here on."""
        return super().read(parameter)
