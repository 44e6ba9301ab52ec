"""History, LambdaCallback, LearningRateScheduler and TerminateOnNaN."""

import json

import numpy as np
import pytest

from minidl.callbacks import (
    History,
    LambdaCallback,
    LearningRateScheduler,
    TerminateOnNaN,
)
from tests.callbacks.callback_fakes import FakeModel, losses, run

# History


def test_history_has_a_list_for_every_name():
    model = run(None, [{"loss": 1.0, "val_loss": 2.0}, {"loss": 0.5}])
    assert model.history.history == {"loss": [1.0, 0.5], "val_loss": [2.0]}
    assert model.history.epoch == [0, 1]
    assert model.history.params["epochs"] == 2


def test_history_is_on_the_model_before_the_first_epoch_ends():
    assert run(None, []).history.history == {}


def test_history_holds_numbers_that_json_can_write():
    model = run(None, [{"loss": np.float32(0.5), "n": np.int64(3)}])
    assert json.loads(json.dumps(model.history.history)) == {"loss": [0.5], "n": [3]}


def test_a_history_of_several_runs_continues_both_lists():
    history = History()
    run([history], losses(1, 2, name="loss"))
    model = run([history], losses(3, name="loss"))
    assert model.history is history
    assert history.history == {"loss": [1, 2, 3]}
    assert history.epoch == [0, 1, 0]


# LambdaCallback


def test_lambda_callback_at_every_hook_of_fit():
    seen = []
    run(
        LambdaCallback(
            on_epoch_begin=lambda epoch, logs: seen.append(("epoch begin", epoch)),
            on_epoch_end=lambda epoch, logs: seen.append(("epoch end", epoch, logs["loss"])),
            on_train_begin=lambda logs: seen.append("train begin"),
            on_train_end=lambda logs: seen.append(("train end", logs)),
            on_train_batch_begin=lambda batch, logs: seen.append(("batch begin", batch)),
            on_train_batch_end=lambda batch, logs: seen.append(("batch end", batch)),
        ),
        losses(2.0, name="loss"),
    )
    assert seen == [
        "train begin",
        ("epoch begin", 0),
        ("batch begin", 0),
        ("batch end", 0),
        ("epoch end", 0, 2.0),
        ("train end", {"loss": 2.0}),
    ]


# LearningRateScheduler


@pytest.mark.parametrize(
    "schedule",
    [
        lambda epoch, rate: rate / 2,
        lambda epoch: 0.25 / 2**epoch,
        lambda epoch, rate=1.0: 0.25 / 2**epoch,
        lambda *args: np.float32(args[1] / 2),
        lambda epoch, rate: np.array(rate / 2),
    ],
)
def test_the_schedule_sets_and_logs_the_rate(schedule):
    model = run(LearningRateScheduler(schedule), losses(1, 1, 1))
    assert model.history.history["learning_rate"] == [0.25, 0.125, 0.0625]
    assert type(model.optimizer.learning_rate) is float


def test_a_type_error_within_the_schedule_is_not_hidden():
    def schedule(epoch, rate):
        return rate + "x"

    with pytest.raises(TypeError, match="unsupported operand"):
        run(LearningRateScheduler(schedule), losses(1))


@pytest.mark.parametrize("wrong", [None, "0.1", True, np.ones(2)])
def test_a_schedule_that_returns_no_number(wrong):
    with pytest.raises(ValueError, match="expected a number such as"):
        run(LearningRateScheduler(lambda epoch: wrong), losses(1))


def test_the_optimizer_refuses_a_rate_that_is_none():
    from minidl.optimizers import SGD

    model = FakeModel()
    model.optimizer = SGD(0.1)
    with pytest.raises(ValueError, match="learning_rate=-1"):
        run(LearningRateScheduler(lambda epoch: -1), losses(1), model)


def test_the_rate_is_printed_if_asked(capsys):
    run(LearningRateScheduler(lambda epoch: 0.01, verbose=1), losses(1))
    assert capsys.readouterr().out == "Epoch 1: learning rate 0.01\n"


def test_a_schedule_has_to_be_callable():
    with pytest.raises(TypeError, match=r"schedule=0\.1, expected a function"):
        LearningRateScheduler(0.1)


# TerminateOnNaN


@pytest.mark.parametrize("loss", [float("nan"), float("inf"), -float("inf"), np.float32("nan")])
def test_a_loss_that_is_not_finite_stops_training(loss, capsys):
    model = run(TerminateOnNaN(), losses(1, loss, 1, name="loss"))
    assert model.stop_training
    assert len(model.history.epoch) == 2
    assert f"Batch 0: the loss is {loss}" in capsys.readouterr().out


def test_a_finite_loss_or_none_goes_on():
    assert not run(TerminateOnNaN(), [{"loss": 1e30}, {}, {"loss": 0}]).stop_training


def test_raise_error_raises():
    with pytest.raises(RuntimeError, match="Batch 0: the loss is nan"):
        run(TerminateOnNaN(raise_error=True), losses(float("nan"), name="loss"))


def test_it_tells_the_trainer_that_nan_is_handled():
    assert TerminateOnNaN().handles_nan_loss
    assert not History().handles_nan_loss
