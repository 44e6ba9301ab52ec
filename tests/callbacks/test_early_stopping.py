"""When it stops, what it brings back, and what it says of a monitor that does not exist."""

import numpy as np
import pytest

from minidl.callbacks import EarlyStopping, ReduceLROnPlateau
from minidl.callbacks.monitor import MonitorCallback
from tests.callbacks.callback_fakes import FakeModel, losses, run


def epochs_run(stopping, *values, name="val_loss", **options):
    model = run(stopping, losses(*values, name=name), **options)
    return len(model.history.epoch)


@pytest.mark.parametrize(
    ("patience", "values", "epochs"),
    [
        (0, [3, 2, 2, 1], 3),
        (1, [3, 2, 2, 1], 3),
        (2, [3, 2, 2, 1, 1, 1, 0], 6),
        (2, [3, 2, 2, 2, 1], 4),
        (0, [1, 2, 3], 2),
        (5, [1, 2, 3], 3),
    ],
)
def test_it_stops_after_patience_epochs_without_a_better_one(patience, values, epochs):
    stopping = EarlyStopping(patience=patience)
    assert epochs_run(stopping, *values) == epochs
    assert stopping.stopped_epoch == (epochs - 1 if epochs < len(values) else 0)


def test_a_change_of_min_delta_or_less_is_none():
    assert epochs_run(EarlyStopping(min_delta=0.25), 1.0, 0.75, 0.5) == 2
    assert epochs_run(EarlyStopping(min_delta=0.25), 1.0, 0.5, 0.0) == 3
    assert epochs_run(EarlyStopping("acc", min_delta=0.25), 0.0, 0.25, 0.5, name="acc") == 2
    assert epochs_run(EarlyStopping("acc", min_delta=-0.25), 0.0, 0.5, 1.0, name="acc") == 3


def test_the_baseline_has_to_be_beaten_too():
    assert epochs_run(EarlyStopping(patience=2, baseline=0.5), 3, 2, 1, 0.4) == 4
    assert epochs_run(EarlyStopping(patience=2, baseline=0.5), 3, 3, 1) == 2
    assert epochs_run(EarlyStopping(patience=2, baseline=0.5), 3, 2, 2) == 3


def test_it_does_not_watch_before_start_from_epoch():
    stopping = EarlyStopping(start_from_epoch=3, restore_best_weights=True)
    assert epochs_run(stopping, 0, 1, 2, 9, 10, 11) == 5
    assert stopping.best == 9


@pytest.mark.parametrize("fires", [True, False])
def test_the_best_weights_come_back_whether_or_not_it_fired(fires):
    stopping = EarlyStopping(patience=1 if fires else 9, restore_best_weights=True)
    model = run(stopping, losses(3, 1, 2, 2))
    assert model.stop_training == fires
    assert model.get_weights()[0] == stopping.best_epoch == 1


def test_without_restore_the_last_weights_stay_and_none_are_kept():
    stopping = EarlyStopping(patience=1)
    model = run(stopping, losses(3, 1, 2, 2))
    assert model.get_weights()[0] == 2
    assert stopping.best_weights is None
    assert stopping.best_epoch == 1


def test_after_an_interruption_the_best_weights_can_be_had_by_hand():
    stopping = EarlyStopping(patience=9, restore_best_weights=True)
    model = run(stopping, losses(3, 1, 2), end=False)
    assert model.get_weights()[0] == 2
    model.set_weights(stopping.best_weights)
    assert model.get_weights()[0] == 1


def test_nan_is_never_better_and_anything_is_better_than_nan():
    nan = float("nan")
    stopping = EarlyStopping(patience=3, restore_best_weights=True)
    model = run(stopping, losses(nan, 2, nan, 1, nan))
    assert stopping.best == 1
    assert model.get_weights()[0] == stopping.best_epoch == 3
    stopping = EarlyStopping(patience=9, restore_best_weights=True)
    assert run(stopping, losses(nan, nan)).get_weights()[0] == 0
    assert epochs_run(EarlyStopping(), nan, 1, 2) == 3  # never after the very first epoch


def test_it_can_be_used_for_a_second_run():
    stopping = EarlyStopping(patience=1)
    assert epochs_run(stopping, 1, 2, 3) == 2
    assert epochs_run(stopping, 9, 8, 7) == 3
    assert stopping.stopped_epoch == 0


def test_it_says_what_it_does_if_asked(capsys):
    run(EarlyStopping(patience=1, restore_best_weights=True), losses(1, 2))
    assert capsys.readouterr().out == ""
    run(EarlyStopping(patience=1, restore_best_weights=True, verbose=1), losses(1, 2))
    assert capsys.readouterr().out == (
        "Epoch 2: early stopping\nRestoring the weights of the best epoch, 1\n"
    )


# A monitor that is not there


def test_an_unknown_monitor_is_one_warning_with_the_nearest_name():
    logs = [{"loss": 1.0, "accuracy": 0.5, "val_accuracy": 0.4}] * 3
    with pytest.warns(UserWarning, match="EarlyStopping monitors 'val_acuracy'") as caught:
        model = run(EarlyStopping("val_acuracy"), logs)
    assert len(caught) == 1
    message = str(caught[0].message)
    assert "Did you mean 'val_accuracy'?" in message
    assert "Known: accuracy, loss, val_accuracy" in message
    assert "validated" not in message
    assert len(model.history.epoch) == 3


def test_without_validation_the_warning_says_so():
    with pytest.warns(UserWarning, match="pass validation_data or validation_split"):
        run(EarlyStopping(), losses(1, 1, name="loss"))


def test_epochs_without_validation_do_not_count():
    stopping = EarlyStopping(patience=1)
    logs = [{"val_loss": 1.0}, {}, {"val_loss": 0.5}, {}, {"val_loss": 0.6}, {}]
    with pytest.warns(UserWarning, match="does nothing") as caught:
        model = run(stopping, logs)
    assert len(caught) == 1
    assert len(model.history.epoch) == 5


def test_an_array_cannot_be_monitored():
    with pytest.raises(ValueError, match=r"array of shape \(2,\), expected one number"):
        run(EarlyStopping("f1"), [{"f1": np.ones(2)}])


# Which way is better


class Up:
    name, direction = "quality", "up"


class Down:
    name, direction = "badness", "down"


class Unknown:
    name, direction = "strange", None


@pytest.mark.parametrize(
    ("monitor", "less"),
    [
        ("loss", True),
        ("val_loss", True),
        ("val_out_loss", True),
        ("mae", True),
        ("val_mean_squared_error", True),
        ("sparse_categorical_crossentropy", True),
        ("accuracy", False),
        ("val_acc", False),
        ("val_head_binary_accuracy", False),
        ("auc_1", False),
        ("val_f1_score", False),
        ("val_quality", False),
        ("val_head_quality", False),
        ("badness", True),
    ],
)
def test_auto_tells_the_direction(monitor, less):
    callback = MonitorCallback(monitor, "auto")
    callback.set_model(FakeModel(metrics=[Unknown(), Up(), Down()]))
    assert callback.less_is_better() == less


@pytest.mark.parametrize("monitor", ["strange", "val_macc", "losses", "lossless"])
def test_a_direction_that_cannot_be_told_has_to_be_given(monitor):
    with pytest.raises(ValueError, match="Pass mode='min' or mode='max'"):
        run(EarlyStopping(monitor), [{monitor: 1.0}], FakeModel(metrics=[Unknown()]))
    assert epochs_run(EarlyStopping(monitor, mode="max"), 1, 2, 1, name=monitor) == 3
    assert epochs_run(EarlyStopping(monitor, mode="min"), 1, 2, 1, name=monitor) == 2


def test_the_mode_wins_over_the_metric():
    model = FakeModel(metrics=[Up()])
    stopping = EarlyStopping("quality", mode="min")
    run(stopping, losses(3, 2, 1, name="quality"), model)
    assert stopping.best == 1


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        ({"mode": "low"}, "expected 'min'"),
        ({"patience": -1}, "patience=-1, expected an integer of at least 0"),
        ({"patience": 1.5}, "patience=1.5"),
        ({"patience": True}, "patience=True"),
        ({"min_delta": "x"}, "min_delta='x'"),
        ({"baseline": float("nan")}, "baseline=nan"),
        ({"start_from_epoch": -2}, "start_from_epoch=-2"),
    ],
)
def test_wrong_arguments(arguments, match):
    with pytest.raises(ValueError, match=match):
        EarlyStopping(**arguments)


# ReduceLROnPlateau


def rates(reduce, *values):
    model = run(reduce, losses(*values))
    return [*model.history.history["learning_rate"], model.optimizer.learning_rate]


def test_the_rate_falls_after_patience_epochs_without_a_better_one():
    reduce = ReduceLROnPlateau(factor=0.5, patience=2)
    assert rates(reduce, 3, 2, 2, 2, 1, 1, 1, 1) == [0.5] * 4 + [0.25] * 3 + [0.125] * 2
    assert rates(ReduceLROnPlateau(patience=2), 3, 2, 1) == [0.5] * 4


def test_cooldown_delays_the_counting():
    reduce = ReduceLROnPlateau(factor=0.5, patience=1, cooldown=2)
    assert rates(reduce, 1, 1, 1, 1, 1, 1) == [0.5, 0.5, 0.25, 0.25, 0.125, 0.125, 0.0625]


def test_the_rate_stops_at_min_lr():
    reduce = ReduceLROnPlateau(factor=0.5, patience=1, min_lr=0.2)
    assert rates(reduce, 1, 1, 1, 1) == [0.5, 0.5, 0.25, 0.2, 0.2]


def test_min_delta_of_a_plateau():
    assert rates(ReduceLROnPlateau(factor=0.5, patience=1), 1, 1 - 5e-5)[-1] == 0.25
    assert rates(ReduceLROnPlateau(factor=0.5, patience=1), 1, 1 - 2e-4)[-1] == 0.5


def test_it_starts_anew_in_a_second_run():
    reduce = ReduceLROnPlateau(factor=0.5, patience=2)
    assert rates(reduce, 1, 1)[-1] == 0.5
    assert rates(reduce, 2, 2)[-1] == 0.5


def test_reduce_says_what_it_does_if_asked(capsys):
    rates(ReduceLROnPlateau(factor=0.5, patience=1, verbose=1), 1, 1)
    assert capsys.readouterr().out == "Epoch 2: learning rate reduced from 0.5 to 0.25\n"


def test_an_optimizer_on_a_schedule_is_refused_before_training():
    from minidl.optimizers import SGD
    from minidl.optimizers.schedules import ExponentialDecay

    model = FakeModel()
    model.optimizer = SGD(ExponentialDecay(0.1, 10, 0.9))
    with pytest.raises(TypeError, match="ExponentialDecay"):
        run(ReduceLROnPlateau(), [], model)


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        ({"factor": 1.0}, "factor=1.0, expected a number above 0 and below 1"),
        ({"factor": 0}, "factor=0"),
        ({"patience": -1}, "patience=-1"),
        ({"cooldown": 0.5}, "cooldown=0.5"),
        ({"min_lr": -1}, "min_lr=-1"),
    ],
)
def test_wrong_arguments_of_reduce(arguments, match):
    with pytest.raises(ValueError, match=match):
        ReduceLROnPlateau(**arguments)
