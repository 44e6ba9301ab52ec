"""Which hooks are called, in which order, with which logs, and what it costs where none is."""

import pickle
import time

import pytest

from minidl.callbacks import (
    Callback,
    CallbackList,
    EarlyStopping,
    History,
    LambdaCallback,
    ModelCheckpoint,
    ProgbarLogger,
)
from minidl.callbacks.callback import HOOKS
from tests.callbacks.callback_fakes import FakeModel


class Recorder(Callback):
    """Every hook overridden."""

    def __init__(self, seen=None, name=""):
        self.seen = [] if seen is None else seen
        self.name = name


def _make(hook):
    def method(self, *args):
        self.seen.append((self.name, hook, *args))

    return method


for _hook in HOOKS:
    setattr(Recorder, _hook, _make(_hook))


def call(run, hook, logs):
    indexed = "epoch" in hook or "batch" in hook
    getattr(run, hook)(*((3, logs) if indexed else (logs,)))


@pytest.mark.parametrize("hook", HOOKS)
def test_every_hook_reaches_every_callback_in_order_with_the_same_logs(hook):
    seen = []
    run = CallbackList([Recorder(seen, "a"), Recorder(seen, "b")])
    logs = {"loss": 1.0}
    call(run, hook, logs)
    assert [(entry[0], entry[1]) for entry in seen] == [("a", hook), ("b", hook)]
    assert all(entry[-1] is logs for entry in seen)
    if "epoch" in hook or "batch" in hook:
        assert [entry[2] for entry in seen] == [3, 3]


@pytest.mark.parametrize("hook", HOOKS)
def test_without_logs_a_callback_gets_an_empty_dict(hook):
    run = CallbackList(recorder := Recorder())
    call(run, hook, None)
    assert recorder.seen[0][-1] == {}


@pytest.mark.parametrize("hook", HOOKS)
def test_every_hook_of_the_base_does_nothing(hook):
    call(Callback(), hook, None)


@pytest.mark.parametrize("edge", ["begin", "end"])
def test_batch_hooks_answer_to_their_old_names(edge):
    seen = []
    old = LambdaCallback(**{f"on_batch_{edge}": lambda batch, logs: seen.append(batch)})
    run = CallbackList(old)
    getattr(run, f"on_train_batch_{edge}")(4)
    getattr(run, f"on_batch_{edge}")(5)
    getattr(old, f"on_train_batch_{edge}")(6)
    assert seen == [4, 5, 6]
    assert run.wants_train_batches == (edge == "end")


def test_super_of_a_batch_hook_still_calls_the_old_name():
    seen = []

    class Both(Callback):
        def on_train_batch_end(self, batch, logs=None):
            super().on_train_batch_end(batch, logs)
            seen.append("new")

        def on_batch_end(self, batch, logs=None):
            seen.append("old")

    CallbackList(Both()).on_train_batch_end(0)
    assert seen == ["old", "new"]


@pytest.mark.parametrize("phase", ["train", "test", "predict"])
def test_wants_says_who_listens_to_the_end_of_a_batch(phase):
    def wants(callbacks):
        return getattr(CallbackList(callbacks, add_history=True), f"wants_{phase}_batches")

    assert not wants(None)
    assert not wants([EarlyStopping(), LambdaCallback(on_epoch_end=print)])
    assert not wants(LambdaCallback(**{f"on_{phase}_batch_begin": print}))
    assert wants([EarlyStopping(), LambdaCallback(**{f"on_{phase}_batch_end": print})])


def test_a_checkpoint_listens_to_batches_only_if_they_decide():
    assert not CallbackList(ModelCheckpoint("a.keras")).wants_train_batches
    assert CallbackList(ModelCheckpoint("a.keras", save_freq=5)).wants_train_batches

    class Own(ModelCheckpoint):
        def on_train_batch_end(self, batch, logs=None):
            pass

    assert CallbackList(Own("a.keras")).wants_train_batches


def test_a_function_set_on_the_object_counts_as_overridden():
    callback = Callback()
    seen = []
    callback.on_epoch_end = lambda epoch, logs: seen.append(epoch)
    CallbackList(callback).on_epoch_end(2)
    assert seen == [2]


def test_a_batch_that_no_one_listens_to_costs_next_to_nothing():
    run = CallbackList(EarlyStopping(), add_history=True, add_progbar=True, verbose=2)
    best = 1.0
    for _ in range(20):
        start = time.perf_counter()
        for step in range(500):
            run.on_train_batch_begin(step)
            if run.wants_train_batches:
                run.on_train_batch_end(step, {})
        best = min(best, (time.perf_counter() - start) / 500)
    assert best < 2e-6  # 0.2 µs where nothing else runs


def test_lists_are_flattened_and_one_callback_needs_no_list():
    a, b, c = Callback(), Callback(), Callback()
    assert CallbackList([a, [b, (c,)]]).callbacks == [a, b, c]
    assert CallbackList(a).callbacks == [a]
    assert CallbackList(None).callbacks == []


def test_the_given_list_is_left_alone():
    given = [Callback()]
    CallbackList(given, add_history=True, add_progbar=True)
    assert len(given) == 1


def test_defaults_are_added_at_the_end_and_only_once():
    kinds = [type(c) for c in CallbackList([Callback()], True, True).callbacks]
    assert kinds == [Callback, History, ProgbarLogger]
    own = [History(), ProgbarLogger()]
    assert CallbackList(own, True, True).callbacks == own


def test_model_and_params_reach_all_also_those_added_later():
    model, first, later = FakeModel(), Callback(), Recorder()
    run = CallbackList([first], add_history=True, model=model, verbose=2, epochs=5, steps=None)
    run.append(later)
    for callback in run.callbacks:
        assert callback.model is model
        assert callback.params == {"verbose": 2, "epochs": 5, "steps": None}
    assert model.history is run.callbacks[1]
    run.on_epoch_begin(1)
    assert later.seen == [("", "on_epoch_begin", 1, {})]


def test_a_subclass_needs_no_super_init():
    class Own(Callback):
        def __init__(self):
            self.mine = 1

    own = Own()
    assert own.model is None
    CallbackList([own], model=FakeModel(), epochs=2)
    assert own.params == {"epochs": 2}


def test_what_one_callback_adds_to_the_logs_the_next_one_sees():
    history = History()
    adds = LambdaCallback(on_epoch_end=lambda epoch, logs: logs.update(extra=epoch))
    CallbackList([adds, history]).on_epoch_end(7, {"loss": 1.0})
    assert history.history == {"loss": [1.0], "extra": [7]}


def test_nan_losses_are_handled_if_any_callback_does():
    class Handles(Callback):
        handles_nan_loss = True

    assert not CallbackList([Callback()]).handles_nan_loss
    assert CallbackList([Callback(), Handles(), Callback()]).handles_nan_loss


def test_close_closes_all_in_order_also_where_one_raises():
    closed = []

    class Closes(Callback):
        def __init__(self, name, raises=False):
            self.name, self.raises = name, raises

        def close(self):
            closed.append(self.name)
            if self.raises:
                raise OSError("disk full")

    run = CallbackList([Closes("a"), Closes("b", raises=True), Closes("c")])
    with pytest.raises(OSError, match="disk full"):
        run.close()
    assert closed == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("wrong", "match"),
    [
        (EarlyStopping, r"Make one: EarlyStopping\(\.\.\.\)"),
        (print, "LambdaCallback"),
        ([Callback(), "csv"], "'csv' among the callbacks"),
    ],
)
def test_what_is_no_callback_is_refused(wrong, match):
    with pytest.raises(TypeError, match=match):
        CallbackList(wrong)


def test_a_list_in_a_list_works():
    inner = CallbackList(recorder := Recorder())
    outer = CallbackList([inner])
    outer.on_epoch_end(1, {})
    assert outer.wants_train_batches
    assert len(recorder.seen) == 1


def test_lambda_callback_refuses_unknown_hooks_and_values():
    with pytest.raises(TypeError, match="Did you mean 'on_epoch_end'"):
        LambdaCallback(on_epoch_ends=print)
    with pytest.raises(TypeError, match="expected a function"):
        LambdaCallback(on_epoch_end=3)
    LambdaCallback(on_epoch_end=None, on_test_begin=None)


def test_callbacks_can_be_pickled():
    for callback in (EarlyStopping(), History(), ProgbarLogger(), ModelCheckpoint("a.keras")):
        assert type(pickle.loads(pickle.dumps(callback))) is type(callback)
