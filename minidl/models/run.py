"""A run of `fit`: where it stands, and all that must be known to go on from there in the same way.

get_state()     weights, optimizer, streams of random numbers, running means, data, callbacks
set_state(...)  puts them back, in another process say, so that every byte to come is the same
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from minidl import random
from minidl._typing import Array
from minidl.models.batches import Batch, Shuffle
from minidl.models.streams import Batches
from minidl.optimizers import Optimizer

if TYPE_CHECKING:
    from minidl.callbacks import Callback, CallbackList
    from minidl.layers.parameter import Parameter
    from minidl.random import SeedGenerator

_ENDS = ("on_epoch_end", "on_train_batch_end")


class Run:
    """What `fit` is doing. While it runs, this is the model's `training_run`.

    Arguments:
        model: the model, compiled and built, with its optimizer.
        data, validation: the batches.
        shuffle: draws the order of the samples; None where they are not shuffled.
        callbacks: the callbacks.
        epoch: the first epoch.

    Attributes:
        epoch: the epoch that runs or comes next, from 0.
        batch: how many batches of it are done.
        trained: how many batches were trained on since `fit` was called.
        logs: the results of the last epoch that ended.
        stopped: whether the run was told to stop, before an interruption.
        went_on: whether it goes on with an interrupted one.
    """

    def __init__(
        self,
        model: Any,
        data: Batches,
        validation: Batches | None,
        shuffle: Shuffle,
        callbacks: CallbackList,
        epoch: int,
    ) -> None:
        self.model = model
        self.data = data
        self.validation = validation
        self.shuffle = shuffle
        self.callbacks = callbacks
        self.epoch = epoch
        self.batch = 0
        self.trained = 0
        self.logs: dict[str, Any] = {}
        self.stopped = False
        self.went_on = False
        self._state: dict[str, Any] | None = None  # of an epoch that had begun, until it goes on
        self._positions = self._positions_now()

    def batches(self) -> Iterator[Batch]:
        """Return the batches of this epoch that are still to be trained on."""
        return iter(()) if self.stopped else self.data.epoch(self.shuffle, skip=self.batch)

    def end_batch(self) -> None:
        """Know that a batch was trained on."""
        self.batch += 1
        self.trained += 1

    def end_epoch(self, logs: dict[str, Any]) -> None:
        """Know that an epoch, and its validation, is over."""
        self.epoch += 1
        self.batch = 0
        self.logs = logs
        self._positions = self._positions_now()

    def _positions_now(self) -> list[Any]:
        """Return how the batches of the coming epoch are chosen."""
        return [
            self.data.position(self.shuffle),
            None if self.validation is None else self.validation.position(),
        ]

    # Going on

    @property
    def can_go_on(self) -> bool:
        """Whether it stands where another process can go on: at the end of a batch or epoch."""
        place = self.callbacks.place
        return place is not None and place[0] in _ENDS

    def go_on(self, state: dict[str, Any]) -> None:
        """Go on from what `get_state` returned, once every callback's `on_train_begin` was called.

        The callbacks behind the one that wrote the state down are called first.

        Raises:
            ValueError: if the state is not of such a run; the message says what differs.
        """
        self.set_state(state)
        self.went_on = True
        self._state = state
        if self.batch == 0:
            if state["place"] is not None and self.callbacks.has_behind(state["place"]):
                self.callbacks.on_epoch_begin(self.epoch - 1)
            self._call_the_rest(self.epoch - 1)

    def begin_epoch(self) -> None:
        """Undo, in an epoch that goes on, what its second `on_epoch_begin` did."""
        if self._state is not None:
            self._call_the_rest(self.batch - 1)

    def _call_the_rest(self, index: int) -> None:
        assert self._state is not None
        self.set_state(self._state, with_data=False)
        if self._state["place"] is not None:
            self.callbacks.call_behind(self._state["place"], index, self.logs)
            self.stopped = self.model.stop_training
        self._state = None

    # The state

    def get_state(self) -> dict[str, Any]:
        """Return the state, nested lists and dicts of plain values and arrays."""
        model, inside = self.model, self.batch > 0
        return {
            "epoch": self.epoch,
            "batch": self.batch,
            "place": self.callbacks.place if self.can_go_on else None,
            "stopped": model.stop_training,
            "logs": model.get_metrics_result() if inside else self.logs,
            "layers": _layer_names(model),
            "weights": [p.value for p in _parameters(model)],
            "optimizers": [_optimizer_state(o, model) for o in _optimizers(model)],
            "random": {
                "root": random.get_root_state(),
                "streams": [stream.get_state() for stream in self._streams()],
            },
            "means": _means(model) if inside else None,
            "data": self._positions,
            "callbacks": [
                {"class": type(c).__name__, "state": state}
                for c, state in ((c, c.get_state()) for c in self.callbacks.callbacks)
                if state is not None
            ],
        }

    def set_state(self, state: dict[str, Any], with_data: bool = True) -> None:
        """Go on from what `get_state` returned, of the same program.

        Arguments:
            state: the state.
            with_data: False leaves the data where it is, where this is done a second time.

        Raises:
            ValueError: if the state is not of such a run; the message says what differs.
        """
        try:
            own_layers = _layer_names(self.model)
            if state["layers"] != own_layers:
                raise ValueError(
                    f"this model has the layers {own_layers}, that one had {state['layers']}"
                )
            self._check_weights(state["weights"])
            callbacks = self._matched(state["callbacks"])
            if with_data:
                self.data.go_to(state["data"][0], self.shuffle)
                if self.validation is not None:
                    self.validation.go_to(state["data"][1])
            for parameter, value in zip(_parameters(self.model), state["weights"], strict=True):
                parameter.assign(value)
            for optimizer, own in zip(_optimizers(self.model), state["optimizers"], strict=True):
                _set_optimizer_state(optimizer, own, self.model)
            random.set_root_state(state["random"]["root"])
            for stream, own in zip(self._streams(), state["random"]["streams"], strict=True):
                stream.set_state(own)
            if state["means"] is not None:
                _set_means(self.model, state["means"])
            for callback, own in callbacks:
                callback.set_state(own)
            self.epoch, self.batch = int(state["epoch"]), int(state["batch"])
            self._check_place(state["place"])
            self.logs, self.stopped = dict(state["logs"]), bool(state["stopped"])
        except (
            AttributeError,
            IndexError,
            KeyError,
            OverflowError,
            TypeError,
            ValueError,
        ) as error:
            raise ValueError(
                f"Model {self.model.name!r} cannot go on from this state of a run: {error}. The "
                "program must be the one that was interrupted: the same model, optimizer, data "
                "and callbacks."
            ) from error
        self._positions = state["data"]
        self.model.stop_training = self.stopped

    def _check_weights(self, values: list[Any]) -> None:
        parameters = _parameters(self.model)
        if len(values) != len(parameters):
            raise ValueError(
                f"this model has {len(parameters)} weights, that one had {len(values)}"
            )
        for p, value in zip(parameters, values, strict=True):
            given = np.asarray(value)
            if (given.shape, given.dtype) != (p.shape, p.dtype):
                raise ValueError(
                    f"the weight {p.path!r} is {p.dtype} {p.shape}, that model's was "
                    f"{given.dtype} {given.shape}"
                )

    def _check_place(self, place: Any) -> None:
        if place is not None:
            hook, number = place
            if hook not in _ENDS or number not in range(len(self.callbacks.callbacks)):
                raise ValueError(f"it was written down in {hook} of callback {number}")

    def _matched(self, states: list[dict[str, Any]]) -> list[tuple[Callback, Any]]:
        """Return the callbacks that have a state, with their states."""
        own = [c for c in self.callbacks.callbacks if c.get_state() is not None]
        names = [type(c).__name__ for c in own]
        if names != [entry["class"] for entry in states]:
            raise ValueError(
                f"this run has the callbacks {names}, that one had "
                f"{[entry['class'] for entry in states]}"
            )
        for number, (c, entry) in enumerate(zip(own, states, strict=True)):
            try:
                c.check_state(entry["state"])
            except ValueError as error:
                raise ValueError(f"callbacks[{number}]: {error}") from error
        return [(c, entry["state"]) for c, entry in zip(own, states, strict=True)]

    def _streams(self) -> list[SeedGenerator]:
        """Return the model's streams of random numbers but the shuffler, which data answers for."""
        return [s for s in self.model.seed_generators() if s is not self.model._shuffler]


def _layer_names(layer: Any) -> list[str]:
    """Return the classes of all layers within, in order."""
    inner = layer.sublayers()
    return [name for one in inner for name in (type(one).__name__, *_layer_names(one))]


def _parameters(model: Any) -> list[Parameter]:
    """Return all that training changes: the weights, and states such as those of an RNN."""
    return list({id(p): p for p in [*model.weights, *model.state_weights]}.values())


def _optimizers(model: Any) -> list[Optimizer]:
    """Return the model's optimizers: `compile`'s own, and those that a subclass keeps besides."""
    return [value for value in vars(model).values() if isinstance(value, Optimizer)]


def _optimizer_state(optimizer: Optimizer, model: Any) -> dict[str, Any] | None:
    """Return an optimizer's state: in its order, because names differ between programs."""
    if not optimizer.built:
        return None
    places = {id(p): i for i, p in enumerate(_parameters(model))}
    return {
        "of": [places[id(p)] for p in optimizer.parameters],
        "arrays": list(optimizer.get_state().values()),
    }


def _set_optimizer_state(optimizer: Optimizer, state: Any, model: Any) -> None:
    if state is None:
        return
    parameters = _parameters(model)
    chosen = [parameters[i] for i in state["of"]]
    if not optimizer.is_built_for(chosen):
        optimizer.build(chosen)
    names = optimizer.get_state()
    if len(names) != len(state["arrays"]):
        raise ValueError(
            f"this run's {type(optimizer).__name__} keeps {len(names)} arrays, that one's kept "
            f"{len(state['arrays'])}"
        )
    optimizer.set_state(dict(zip(names, state["arrays"], strict=True)))


def _means(model: Any) -> dict[str, Any]:
    """Return the running means of an epoch that has begun."""
    own: list[list[Array]] = [m.get_state() for m in model.metrics] if _has_metrics(model) else []
    return {
        "objective": None if model._objective is None else model._objective.get_state(),
        "metrics": own,
        "logs": None if model._own_logs is None else model.get_metrics_result(),
    }


def _set_means(model: Any, state: dict[str, Any]) -> None:
    if state["objective"] is not None:
        model._objective.set_state(state["objective"])
    if _has_metrics(model):
        for metric, own in zip(model.metrics, state["metrics"], strict=True):
            metric.set_state(own)
    model._own_logs = state["logs"]


def _has_metrics(model: Any) -> bool:
    """Return whether a subclass keeps metrics of its own."""
    from minidl.models.compiled import Compiled

    return type(model).metrics is not Compiled.metrics
