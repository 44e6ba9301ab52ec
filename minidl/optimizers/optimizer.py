"""The base of all optimizers: the loop over the parameters, and all that update rules share.

    gradient ─► mean of several steps ─► clipping ─► weight decay ─► update ─► average ─► constraint

A subclass writes two hooks: which arrays it keeps beside a parameter (`slot_names`), and how it
changes a value in place (`update`). Everything else is here, or in the files that this one names:
the arguments (`settings`), the flat buffers (`flat`), their pieces (`segments`), gradient norms
(`clipping`) and what is saved (`state`).
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from minidl._typing import Array
from minidl.kernels import compiles, updates
from minidl.layers.parameter import Parameter
from minidl.optimizers.clipping import norm_scales
from minidl.optimizers.flat import aligned_full, house
from minidl.optimizers.segments import Segment, Slots, Treatment, cut, whole
from minidl.optimizers.settings import Settings
from minidl.optimizers.state import OptimizerState

_SWEEP = 64  # steps
_MARGIN = 1e8
"""Running means of gradients that stay zero shrink until they are denormal numbers, with which a
processor computes a hundred times slower. Every so many steps those that have come near
are set to 0: 1e-30 in float32, 2e-300 in float64, which moves no weight."""


class Optimizer(OptimizerState, Settings):
    """Changes parameters along their gradients, one `step` at a time.

    With η the learning rate, λ the weight decay and g a parameter's gradient, a step is

        g ← clip(g)
        value ← value − η λ value            (where weight decay is on)
        value ← update(value, g, slots, η)   (what the subclass writes)
        average ← ρ average + (1 − ρ) value  (where use_ema is on)
        value ← constraint(value)            (where the parameter has one)

    Gradients are read, not changed.

    A subclass names its `slot_names` and writes `update`, elementwise, in place, on arrays of any
    shape: it gets the flat buffers in pieces of at most `chunk_size` elements. One that must see
    a parameter whole, in its shape, sets `elementwise = False`.

    Arguments:
        learning_rate: a positive number, a `LearningRateSchedule` (evaluated at the number of
            steps done), or a function without arguments that returns the rate.
        weight_decay: shrinks the values by this share of the learning rate a step; None is off.
        clipnorm: the largest Euclidean norm of one parameter's gradient; None is off.
        clipvalue: the largest magnitude of an entry of a gradient; None is off.
        global_clipnorm: the largest norm of all gradients together; None is off.
        use_ema: whether to keep an exponential moving average of the values.
        ema_momentum: ρ, the share of the old average that stays, from 0 to 1.
        ema_overwrite_frequency: after how many steps the values are replaced by their averages;
            None leaves that to `finalize_variable_values`.
        loss_scale_factor: must be None. Loss scaling keeps float16 gradients from vanishing;
            minidl trains in float32 and float64, where it would change nothing.
        gradient_accumulation_steps: changes the values only at every so many steps, along the
            mean of the gradients since; None is off. Schedules count every step.
        name: a name; made from the class's name by default.

    Raises:
        ValueError: if a number is outside its range, or more than one kind of clipping is on.
        TypeError: if an argument is not known.

    Example:
        >>> class SignDescent(Optimizer):
        ...     def update(self, value, grad, slots, learning_rate):
        ...         step = self.scratch(value)
        ...         np.sign(grad, out=step)
        ...         step *= learning_rate
        ...         value -= step
        >>> kernel = Parameter(np.array([1.0, 2.0]))
        >>> kernel.grad = np.array([0.3, -7.0])
        >>> optimizer = SignDescent(learning_rate=0.5)
        >>> optimizer.build([kernel])
        >>> optimizer.step()
        >>> kernel.value
        array([0.5, 2.5])
    """

    slot_names: tuple[str, ...] = ()
    elementwise = True
    chunk_size = 65_536  # elements; at 16,384 Adam takes a fifth longer, undivided a seventh
    one_pass = False  # whether `update` reads each number once where kernels are compiled

    _undecayed: frozenset[Parameter] = frozenset()
    _undecayed_names: str | None = None

    # What a subclass writes

    def update(
        self, value: Array, grad: Array, slots: tuple[Array, ...], learning_rate: float
    ) -> None:
        """Change `value` and `slots` in place, along `grad`, which stays as it is.

        All are arrays of one shape and dtype; `slots` are in the order of `slot_names`. To
        compute without making arrays, use `self.scratch(value)`.
        """
        raise NotImplementedError(
            f"{type(self).__name__} has no update rule. Write update(self, value, grad, slots, "
            "learning_rate), which changes value and slots in place."
        )

    def initial_slot_value(self, slot_name: str) -> float:
        """Return the number that a slot is full of at the start."""
        return 0.0

    def scratch(self, like: Array, index: int = 0) -> Array:
        """Return an array of `like`'s shape and dtype to compute in; what it holds is arbitrary.

        The same one comes back at the next call: use another `index` for a second one.
        """
        key = (like.shape, like.dtype.char, index)
        array = self._scratch.get(key)
        if array is None:
            # One store for all sizes, so that it stays in the cache from piece to piece.
            store = self._scratch_stores.get(key[1:])
            if store is None or store.size < like.size:
                store = aligned_full(like.size, 0.0, like.dtype)
                self._scratch_stores[key[1:]] = store
            array = self._scratch[key] = store[: like.size].reshape(like.shape)
        return array

    # Building

    def _forget_parameters(self) -> None:
        self.built = False
        self._parameters: list[Parameter] = []
        self._numbers: dict[Parameter, int] = {}
        self._homes: list[Any] = []
        self._one_by_one = False  # whether each parameter's norm counts by itself
        self._slots = Slots()
        self._segments: list[Segment] = []
        self._direct: list[Parameter] = []
        self._rest: list[Segment] = []
        self._scratch: dict[Any, Array] = {}
        self._scratch_stores: dict[Any, Array] = {}

    def build(self, parameters: Iterable[Parameter]) -> None:
        """Take charge of `parameters`: move them into flat buffers and make their slots.

        It can be called again with another list, as when layers are frozen or thawed; parameters
        that the optimizer knows keep their slots.

        Raises:
            TypeError: if one is not a `Parameter`, or not of a float type.
            ValueError: if one is there twice.
        """
        parameters = list(parameters)
        for p in parameters:
            if not isinstance(p, Parameter) or p.dtype.kind != "f":
                raise TypeError(
                    f"{type(self).__name__}: received {p!r} to train, expected a Parameter of a "
                    "float type: build(model.trainable_variables)."
                )
        if len(set(map(id, parameters))) < len(parameters):
            paths = [p.path for p in parameters]
            raise ValueError(
                f"{type(self).__name__}: received a parameter twice among {paths}, expected each "
                "once."
            )
        house(parameters)
        self._slots.add(parameters, {n: self.initial_slot_value(n) for n in self._all_slots()})
        self._parameters = parameters
        self._make_segments()
        self.built = True

    def is_built_for(self, parameters: Sequence[Parameter]) -> bool:
        """Return whether the optimizer is built for exactly these parameters, in this order."""
        return self.built and list(map(id, parameters)) == list(map(id, self._parameters))

    def exclude_from_weight_decay(
        self,
        var_list: Iterable[Parameter] | None = None,
        var_names: Iterable[str] | None = None,
    ) -> None:
        """Leave parameters out of weight decay.

        Arguments:
            var_list: the parameters themselves.
            var_names: regular expressions; a parameter in whose name one is found is left out,
                such as every bias for `["bias"]`.
        """
        self._undecayed = frozenset(var_list or ())
        self._undecayed_names = "|".join(var_names or ()) or None
        if self.built:
            self._make_segments()

    def _treatment(self, p: Parameter) -> Treatment:
        pattern = self._undecayed_names
        named = pattern is not None and re.search(pattern, p.name) is not None
        group = self._numbers[p] if self._one_by_one else 0
        return Treatment(p not in self._undecayed and not named, group)

    def _make_segments(self) -> None:
        self._numbers = {p: i for i, p in enumerate(self._parameters)}
        self._homes = [p.home for p in self._parameters]
        self._one_by_one = self.clipnorm is not None
        self._scratch.clear()
        self._scratch_stores.clear()
        self._segments = self._segments_of(self._parameters)
        self.leave_out(self._direct)

    def _segments_of(self, parameters: Sequence[Parameter]) -> list[Segment]:
        if self.elementwise:
            chunk = self.chunk_size
            if self.one_pass and compiles() and not (self.weight_decay or self.use_ema):
                chunk *= 16  # nothing to find in the cache again: 4 % less time for Adam's step
            return cut(parameters, self._slots, self.slot_names, self._treatment, chunk)
        return [
            whole(p, self._slots, self.slot_names, self._treatment(p)) for p in parameters if p.size
        ]

    # Stepping

    def step(self) -> None:
        """Change every parameter once, along its `grad`.

        Raises:
            RuntimeError: if the optimizer is not built.
        """
        if not self.built:
            raise RuntimeError(
                f"{type(self).__name__} does not know its parameters yet. Call "
                "build(model.trainable_variables) first; compile and fit do it by themselves."
            )
        self._look_for_changes()
        self._step(self._rest, self._parameters)

    def descends(self) -> bool:
        """Return whether a step is value ← value − η g and nothing else.

        Then it can be taken while the gradient is being computed (`Parameter.descent`).
        """
        return False

    def leave_out(self, parameters: Sequence[Parameter]) -> None:
        """From now on `step` leaves these out: their backward passes take the step themselves."""
        self._direct = list(parameters)
        left_out = set(map(id, parameters))
        rest = [p for p in self._parameters if id(p) not in left_out]
        self._rest = self._segments_of(rest) if left_out else self._segments

    def apply_gradients(self, grads_and_vars: Iterable[tuple[Any, Parameter]]) -> int:
        """Change parameters along the gradients they are paired with; return the steps done."""
        pairs = list(grads_and_vars)
        self.apply([g for g, _ in pairs], [p for _, p in pairs])
        return self._iterations

    def apply(
        self, grads: Sequence[Any], trainable_variables: Sequence[Parameter] | None = None
    ) -> None:
        """Change parameters along `grads`, which are copied into the parameters' `grad`.

        Arguments:
            grads: an array a parameter; a parameter whose entry is None stays as it is.
            trainable_variables: the parameters, all that the optimizer is built with by default.
                The first call builds the optimizer with them.

        Raises:
            ValueError: if the optimizer is not built and gets no parameters, the numbers or
                shapes differ, a parameter is not known, or there is no gradient at all.
        """
        grads = list(grads)
        if not grads:
            return
        parameters = self._parameters_for(grads, trainable_variables)
        given = [(g, p) for g, p in zip(grads, parameters, strict=True) if g is not None]
        if len(given) < len(parameters):
            missing = [p.path for g, p in zip(grads, parameters, strict=True) if g is None]
            if not given:
                raise ValueError(f"{type(self).__name__}: no gradient for any of {missing}.")
            warnings.warn(
                f"{type(self).__name__}: no gradients for {missing}; they stay as they are.",
                stacklevel=3,
            )
        for grad, p in given:
            p.grad = grad.value if isinstance(grad, Parameter) else grad
        chosen = [p for _, p in given]
        self._look_for_changes()
        everything = self.is_built_for(chosen)
        self._step(self._segments if everything else self._segments_of(chosen), chosen)

    def _parameters_for(
        self, grads: Sequence[Any], parameters: Sequence[Parameter] | None
    ) -> Sequence[Parameter]:
        owner = type(self).__name__
        if parameters is None:
            if not self.built:
                raise ValueError(
                    f"{owner}: received gradients alone, but is not built yet. Pass the "
                    "parameters too: apply(grads, model.trainable_variables)."
                )
            parameters = self._parameters
        parameters = list(parameters)
        if not self.built:
            self.build(parameters)
        known = set(map(id, self._parameters))
        unknown = [getattr(p, "path", p) for p in parameters if id(p) not in known]
        if unknown:
            raise ValueError(
                f"{owner}: received parameters {unknown} that it is not built with. Call "
                "build() with all parameters to train, or use another optimizer for them."
            )
        if len(grads) != len(parameters):
            raise ValueError(
                f"{owner}: received {len(grads)} gradients for {len(parameters)} parameters, "
                "expected one each, in the same order (None where there is none)."
            )
        return parameters

    def _look_for_changes(self) -> None:
        """Cut the segments anew if someone has moved a parameter, or switched clipnorm."""
        moved = self._homes != [p.home for p in self._parameters]
        if moved or self._one_by_one != (self.clipnorm is not None):
            self._make_segments()

    def _step(self, segments: list[Segment], parameters: Sequence[Parameter]) -> None:
        accumulate = self.gradient_accumulation_steps
        if accumulate is None:
            self._update(segments, [s.grad for s in segments])
        else:
            sums = [s.accumulator for s in segments if s.accumulator is not None]
            for total, s in zip(sums, segments, strict=True):
                total += s.grad
            if (self._iterations + 1) % accumulate == 0:
                for total in sums:
                    total /= accumulate
                self._update(segments, sums)
                for total in sums:
                    total.fill(0)
        if self.use_ema:
            self._average()
        for p in parameters:
            if p.constraint is not None:
                p.value = p.constraint(p.value)
        self._iterations += 1

    def _update(self, segments: list[Segment], grads: list[Array]) -> None:
        rate = self._current_rate()
        decay = rate * (self.weight_decay or 0.0)
        clip = self._clipper(segments, grads)
        sweeps = (self._iterations + 1) % _SWEEP == 0
        for i, (segment, grad) in enumerate(zip(segments, grads, strict=True)):
            value = segment.value
            if clip is not None:
                grad = clip(i, grad)
            if decay and segment.decays:
                shrinkage = self.scratch(value)
                np.multiply(value, decay, out=shrinkage)
                value -= shrinkage
            self.update(value, grad, segment.slots, rate)
            if sweeps:
                for slot in segment.slots:
                    least = np.finfo(slot.dtype).tiny * _MARGIN
                    updates.clear_tiny.on(slot)(slot, least, self.scratch(slot))

    def _clipper(
        self, segments: list[Segment], grads: list[Array]
    ) -> Callable[[int, Array], Array] | None:
        """Return the function that gives a segment's clipped gradient, as a scratch array."""
        largest = self.clipvalue
        if largest is not None:
            return lambda i, grad: grad.clip(-largest, largest, out=self.scratch(grad, -1))
        limit = self.clipnorm if self.clipnorm is not None else self.global_clipnorm
        if limit is None:
            return None
        scales = norm_scales(segments, grads, limit)
        if all(scale == 1.0 for scale in scales):
            return None
        return lambda i, grad: np.multiply(grad, scales[i], out=self.scratch(grad, -1))

    # Averages of the values

    def _average(self) -> None:
        rho = self.ema_momentum if self.iterations > 0 else 0.0
        for s in self._segments:
            assert s.average is not None
            new = np.multiply(s.value, 1 - rho, out=self.scratch(s.value))
            np.multiply(s.average, rho, out=s.average)
            np.add(s.average, new, out=s.average)
        frequency = self.ema_overwrite_frequency
        if frequency is not None and (self.iterations + 1) % frequency == 0:
            self._overwrite_with_average(self._parameters)

    def _overwrite_with_average(self, parameters: Iterable[Parameter]) -> None:
        for p in parameters:
            p.assign(self._slots.of(p)["average"])

    def finalize_variable_values(self, var_list: Iterable[Parameter] | None = None) -> None:
        """Replace values by their moving averages, where `use_ema` is on and a step was done.

        Arguments:
            var_list: the parameters; all that the optimizer is built with by default.
        """
        if self.use_ema and self._iterations > 0:
            self._overwrite_with_average(self._parameters if var_list is None else var_list)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name} iterations={self.iterations}>"
