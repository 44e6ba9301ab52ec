"""The state of an optimizer: what must be saved so that training goes on as if never stopped.

It is the number of steps, the learning rate and every parameter's slots. The order is Keras's:
averages, accumulated gradients, then the slots of the update rule.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from minidl._typing import Array
from minidl.layers.parameter import Parameter
from minidl.optimizers.segments import Slots

BUILT_ANEW = ("_segments", "_homes", "_numbers", "_scratch", "_scratch_stores", "_direct", "_rest")


class OptimizerState:
    """What an `Optimizer` can do with its state: give it out, take it back, be copied."""

    name: str
    slot_names: tuple[str, ...]
    built: bool
    use_ema: bool
    gradient_accumulation_steps: int | None
    _iterations: int
    _learning_rate: Any
    _parameters: list[Parameter]
    _slots: Slots

    def slot_groups(self) -> tuple[tuple[str, ...], ...]:
        """Return the slot names in the order in which Keras saves them.

        The slots of one group stand together for each parameter (m₀, v₀, m₁, v₁, ...), and the
        groups follow each other. By default all are one group.
        """
        return (self.slot_names,) if self.slot_names else ()

    def derived_state(self) -> dict[str, float]:
        """Return numbers that Keras saves, though they follow from the number of steps."""
        return {}

    @property
    def parameters(self) -> list[Parameter]:
        """The parameters that the optimizer is built for, in its order."""
        return list(self._parameters)

    @property
    def variables(self) -> list[Array]:
        """The whole state as arrays, in Keras's order. The slots are the live arrays."""
        return [array for _, array in self._named_variables()]

    def get_state(self) -> dict[str, Array]:
        """Return a copy of the whole state: an array a name, in Keras's order.

        The names are `"iteration"`, `"learning_rate"` (unless a schedule gives it), and for each
        slot the parameter's path and the slot's name, such as `"dense_kernel_momentum"`.
        """
        return {name: array.copy() for name, array in self._named_variables()}

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Take the state back that `get_state` returned; nothing changes if it does not fit.

        Raises:
            RuntimeError: if the optimizer is not built.
            ValueError: if names or shapes differ from the optimizer's own.
        """
        owner = type(self).__name__
        if not self.built:
            raise RuntimeError(
                f"{owner}: set_state was called before build, so there are no slots to fill. "
                "Call build(model.trainable_variables) first."
            )
        own = dict(self._named_variables())
        if set(state) != set(own):
            raise ValueError(
                f"{owner}: the state lacks {sorted(set(own) - set(state))} and has the unknown "
                f"{sorted(set(state) - set(own))}. Build the optimizer with the same parameters "
                "and options as the one it comes from."
            )
        arrays = {name: np.asarray(state[name]) for name in own}
        wrong = [name for name in own if arrays[name].shape != own[name].shape]
        if wrong:
            shapes = [f"{n}: {arrays[n].shape} for {own[n].shape}" for n in wrong]
            raise ValueError(f"{owner}: the state's shapes do not fit: {', '.join(shapes)}.")
        self._iterations = int(arrays["iteration"])
        if "learning_rate" in arrays:
            self._learning_rate = float(arrays["learning_rate"])
        derived = self.derived_state()
        for name in own:
            if name not in ("iteration", "learning_rate", *derived):
                own[name][...] = arrays[name]

    def save_own_variables(self, store: dict[str, Any]) -> None:
        """Put the whole state into `store`, numbered in Keras's order."""
        for index, array in enumerate(self.variables):
            store[str(index)] = array.copy()

    def load_own_variables(self, store: Mapping[str, Any]) -> None:
        """Take the whole state from `store`; nothing changes if it does not fit.

        Raises:
            RuntimeError: if the optimizer is not built.
            ValueError: if the numbers or shapes differ from the optimizer's own.
        """
        names = list(self.get_state()) if self.built else []
        if self.built and len(store) != len(names):
            raise ValueError(
                f"{type(self).__name__}: received {len(store)} variables, expected {len(names)}: "
                f"{names}. Build the optimizer with the same parameters and options as the one "
                "they come from."
            )
        self.set_state({name: store[str(index)] for index, name in enumerate(names)})

    def _all_slots(self) -> tuple[str, ...]:
        return tuple(name for group in self._all_groups() for name in group)

    def _all_groups(self) -> tuple[tuple[str, ...], ...]:
        average = (("average",),) if self.use_ema else ()
        accumulator = (("gradient_accumulator",),) if self.gradient_accumulation_steps else ()
        return (*average, *accumulator, *self.slot_groups())

    def _named_variables(self) -> list[tuple[str, Array]]:
        named = [("iteration", np.array(self._iterations))]
        if isinstance(self._learning_rate, float):
            named.append(("learning_rate", np.array(self._learning_rate)))
        slots = [(p.path.replace("/", "_"), self._slots.of(p)) for p in self._parameters]
        for group in self._all_groups():
            for path, arrays in slots:
                named += [(f"{path}_{name}", arrays[name]) for name in group]
        named += [(name, np.array(value)) for name, value in self.derived_state().items()]
        return _made_unique(named)

    # Copies: slots travel as plain arrays, and the copy builds its own flat buffers.

    def __getstate__(self) -> dict[str, Any]:
        state = {name: value for name, value in vars(self).items() if name not in BUILT_ANEW}
        state["_slots"] = [
            (p, {name: array.copy() for name, array in self._slots.of(p).items()})
            for p in self._slots.parameters()
        ]
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        kept: list[tuple[Parameter, dict[str, Array]]] = state["_slots"]
        built, parameters = state["built"], state["_parameters"]
        vars(self).update(state)
        self._forget_parameters()
        if not built:
            return
        self.build([p for p, _ in kept])
        for p, arrays in kept:
            own = self._slots.of(p)
            for name, array in arrays.items():
                own[name][...] = array
        self.build(parameters)

    def build(self, parameters: Iterable[Parameter]) -> None:
        """Take charge of parameters."""
        raise NotImplementedError

    def _forget_parameters(self) -> None:
        raise NotImplementedError


def _made_unique(named: list[tuple[str, Array]]) -> list[tuple[str, Array]]:
    """Return the pairs with `_1`, `_2`, ... behind names that come again."""
    seen: dict[str, int] = {}
    result = []
    for name, array in named:
        count = seen.get(name, 0)
        seen[name] = count + 1
        result.append((f"{name}_{count}" if count else name, array))
    return result
