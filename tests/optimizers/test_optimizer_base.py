"""What all optimizers share: clipping, decay, averages, accumulation, constraints, errors."""

from __future__ import annotations

import math

import numpy as np
import pytest

from minidl import optimizers
from minidl.layers.parameter import Parameter
from minidl.optimizers import SGD, Adam, AdamW, Optimizer, schedules
from minidl.optimizers.clipping import norm


def parameter(*numbers, name="kernel", **options):
    return Parameter(np.array(numbers, "float64"), name=name, **options)


def change(optimizer, *grads):
    """Return by how much one step changes parameters that start at 0."""
    parameters = [Parameter(np.zeros_like(g)) for g in grads]
    optimizer.apply(grads, parameters)
    return [p.value for p in parameters]


# Clipping

A, B = np.array([3.0, 4.0]), np.array([0.0, 12.0])


def test_clipnorm_scales_each_gradient_by_itself():
    a, b = change(SGD(1.0, clipnorm=6.0), A, B)
    np.testing.assert_allclose(a, -A)
    np.testing.assert_allclose(b, -B / 2)


def test_clipnorm_adds_up_over_the_chunks_of_a_parameter():
    optimizer = SGD(1.0, clipnorm=6.5)
    optimizer.chunk_size = 2
    g = np.array([3.0, 4.0, 0.0, 0.0, 12.0])
    np.testing.assert_allclose(change(optimizer, g)[0], -g / 2)


def test_global_clipnorm_scales_all_gradients_alike():
    a, b = change(SGD(1.0, global_clipnorm=6.5), A, B)
    np.testing.assert_allclose(a, -A / 2)
    np.testing.assert_allclose(b, -B / 2)


@pytest.mark.parametrize("kind", ["clipnorm", "global_clipnorm", "clipvalue"])
def test_gradients_within_the_limit_stay_as_they_are(kind):
    a, b = change(SGD(1.0, **{kind: 13.0}), A, B)
    np.testing.assert_array_equal(a, -A)
    np.testing.assert_array_equal(b, -B)


def test_clipvalue_limits_each_entry():
    (a,) = change(SGD(1.0, clipvalue=2.0), np.array([-3.0, 1.0, 5.0]))
    np.testing.assert_array_equal(a, [2.0, -1.0, -2.0])


@pytest.mark.parametrize("kind", ["clipnorm", "global_clipnorm"])
def test_clipping_by_norm_survives_squares_that_overflow(kind):
    g = np.array([3e30, -4e30], "float32")
    with np.errstate(over="raise", invalid="raise"):
        (a,) = change(SGD(1.0, **{kind: 1.0}), g)
    np.testing.assert_allclose(a, [-0.6, 0.8], rtol=1e-6)


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_gradients_that_are_not_finite_show_in_the_values(bad):
    (a,) = change(SGD(1.0, global_clipnorm=1.0), np.array([1.0, bad]))
    assert not np.isfinite(a).all()


def test_norm_of_no_arrays_and_of_empty_ones():
    assert norm([]) == 0
    assert norm([np.zeros((0, 3))]) == 0
    assert norm([np.zeros((0, 3)), np.array([3e30, 4e30], "float32")]) == pytest.approx(5e30)


def test_clipnorm_can_be_switched_on_later():
    optimizer = SGD(1.0)
    p, q = Parameter(np.zeros(2)), Parameter(np.zeros(2))
    optimizer.build([p, q])
    optimizer.clipnorm = 6.0
    optimizer.apply([A, B])
    np.testing.assert_allclose(p.value, -A)
    np.testing.assert_allclose(q.value, -B / 2)


# Weight decay


def test_weight_decay_shrinks_before_the_update_and_stays_out_of_the_gradient():
    p = parameter(10.0)
    SGD(0.1, weight_decay=0.5, clipvalue=1.0).apply([np.array([7.0])], [p])
    assert p.value[0] == pytest.approx(10 - 0.1 * 0.5 * 10 - 0.1)


def test_parameters_can_be_left_out_of_weight_decay():
    k1, b1, k2, b2 = (parameter(1.0, name=n) for n in ("kernel", "bias", "kernel", "bias"))
    optimizer = AdamW(0.1, weight_decay=0.5)
    optimizer.exclude_from_weight_decay(var_list=[k2], var_names=["bias", "gamma"])
    optimizer.apply([np.zeros(1)] * 4, [k1, b1, k2, b2])
    assert [float(p.value[0]) for p in (k1, b1, k2, b2)] == [0.95, 1, 1, 1]
    optimizer.exclude_from_weight_decay()
    optimizer.apply([np.zeros(1)] * 4)
    assert [float(p.value[0]) for p in (b1, k2, b2)] == [0.95, 0.95, 0.95]


# Averages, accumulation, constraints


def test_ema_keeps_an_average_and_puts_it_in_at_the_end():
    p = parameter(1.0)
    optimizer = SGD(1.0, use_ema=True, ema_momentum=0.75)
    values = []
    for _ in range(3):
        optimizer.apply([np.ones(1)], [p])
        values.append(float(p.value[0]))
    assert values == [0, -1, -2]
    optimizer.finalize_variable_values()
    want = 0.75 * (0.75 * values[0] + 0.25 * values[1]) + 0.25 * values[2]
    assert p.value[0] == want


def test_ema_overwrites_every_so_many_steps():
    p = parameter(0.0)
    optimizer = SGD(1.0, use_ema=True, ema_momentum=0.5, ema_overwrite_frequency=3)
    seen = []
    for _ in range(4):
        optimizer.apply([np.ones(1)], [p])
        seen.append(float(p.value[0]))
    assert seen == [-1, -2, -2.25, -3.25]


def test_ema_before_the_first_step_leaves_the_values_alone():
    p = parameter(5.0)
    optimizer = SGD(use_ema=True)
    optimizer.build([p])
    optimizer.finalize_variable_values([p])
    assert p.value[0] == 5


def test_accumulation_steps_along_the_mean_and_counts_updates():
    p = parameter(0.0)
    optimizer = Adam(0.1, gradient_accumulation_steps=3, clipvalue=2.0)
    other = parameter(0.0)
    plain = Adam(0.1)
    for g in (1.0, 2.0, 6.0, 0.0, -6.0, 3.0):
        optimizer.apply([np.array([g])], [p])
    assert optimizer.iterations == 2
    plain.apply([np.array([2.0])], [other])
    plain.apply([np.array([-1.0])], [other])
    np.testing.assert_allclose(p.value, other.value, rtol=1e-14)


def test_schedules_count_every_step_of_an_accumulation():
    optimizer = SGD(schedules.PiecewiseConstantDecay([0, 1, 2], [1.0, 2.0, 4.0, 8.0]),
                    gradient_accumulation_steps=2)  # fmt: skip
    p = parameter(0.0)
    for _ in range(4):
        optimizer.apply([np.ones(1)], [p])
    assert p.value[0] == -(2 + 8)


def test_constraints_hold_after_the_step():
    p = parameter(1.0, -1.0, constraint=lambda value: np.maximum(value, 0))
    q = parameter(1.0, -1.0)
    SGD(0.1).apply([np.ones(2), np.ones(2)], [p, q])
    np.testing.assert_allclose(p.value, [0.9, 0])
    np.testing.assert_allclose(q.value, [0.9, -1.1])


# apply, apply_gradients


def test_apply_gradients_takes_pairs_and_returns_the_steps_done():
    p, q = parameter(1.0), parameter(2.0)
    optimizer = SGD(1.0)
    assert optimizer.apply_gradients(zip([np.ones(1), [2.0]], [p, q], strict=True)) == 1
    assert optimizer.apply_gradients([(np.ones(1), p)]) == 2
    assert (p.value[0], q.value[0]) == (-1, 0)
    assert optimizer.iterations == 2


def test_parameters_without_a_gradient_stay_and_are_named():
    p, q = parameter(1.0, name="p"), parameter(2.0, name="q")
    optimizer = SGD(1.0)
    with pytest.warns(UserWarning, match=r"no gradients for \['q'\]"):
        optimizer.apply([np.ones(1), None], [p, q])
    assert (p.value[0], q.value[0]) == (0, 2)
    with pytest.raises(ValueError, match="no gradient for any"):
        optimizer.apply([None, None])


def test_apply_of_nothing_does_nothing():
    optimizer = SGD()
    optimizer.apply([])
    assert optimizer.iterations == 0


def test_errors_of_apply_say_what_to_do():
    p = parameter(1.0, name="p")
    with pytest.raises(ValueError, match="not built yet"):
        SGD().apply([np.ones(1)])
    with pytest.raises(RuntimeError, match="build"):
        SGD().step()
    optimizer = SGD()
    optimizer.build([p])
    with pytest.raises(ValueError, match=r"\['other'\] that it is not built with"):
        optimizer.apply([np.ones(1)], [parameter(1.0, name="other")])
    with pytest.raises(ValueError, match="2 gradients for 1 parameters"):
        optimizer.apply([np.ones(1), np.ones(1)])
    with pytest.raises(ValueError, match="shape"):
        optimizer.apply([np.ones(2)])
    with pytest.raises(ValueError, match="not built with"):
        optimizer.apply([np.ones(1)], [np.ones(1)])


def test_build_refuses_what_cannot_be_trained():
    p = parameter(1.0)
    with pytest.raises(TypeError, match="expected a Parameter"):
        SGD().build([np.ones(3)])
    with pytest.raises(TypeError, match="float type"):
        SGD().build([Parameter(np.arange(3))])
    with pytest.raises(ValueError, match="twice"):
        SGD().build([p, p])


# Learning rate


def test_learning_rate_is_read_and_set():
    optimizer = SGD(1)
    assert optimizer.learning_rate == 1.0
    assert isinstance(optimizer.learning_rate, float)
    optimizer.learning_rate = np.float32(0.5)
    assert optimizer.learning_rate == 0.5
    optimizer.learning_rate = np.array(0.25)
    assert optimizer.learning_rate == 0.25
    optimizer.learning_rate = 0  # the end of a decay done by hand
    p = parameter(1.0)
    optimizer.apply([np.ones(1)], [p])
    assert p.value[0] == 1


def test_a_schedule_gives_the_rate_of_each_step():
    optimizer = SGD(schedules.ExponentialDecay(1.0, 1, 0.5))
    p = parameter(0.0)
    rates = []
    for _ in range(3):
        rates.append(optimizer.learning_rate)
        optimizer.apply([np.ones(1)], [p])
    assert rates == [1, 0.5, 0.25]
    assert p.value[0] == -1.75
    with pytest.raises(TypeError, match="follows a ExponentialDecay"):
        optimizer.learning_rate = 0.1
    optimizer.learning_rate = schedules.ExponentialDecay(8.0, 1, 0.5)
    assert optimizer.learning_rate == 1


def test_a_function_without_arguments_gives_the_rate():
    rate = [0.5]
    optimizer = SGD(lambda: rate[0])
    assert optimizer.learning_rate == 0.5
    rate[0] = 0.25
    assert optimizer.learning_rate == 0.25
    with pytest.raises(TypeError, match="LearningRateSchedule"):
        optimizer.get_config()
    optimizer.learning_rate = 0.125
    assert optimizer.learning_rate == 0.125


@pytest.mark.parametrize("bad", [math.nan, -1.0, math.inf])
def test_a_schedule_that_goes_wrong_is_named(bad):
    class Wrong(schedules.LearningRateSchedule):
        def __call__(self, step):
            return bad if step == 1 else 1.0

    optimizer = SGD(Wrong())
    p = parameter(0.0)
    optimizer.apply([np.ones(1)], [p])
    with pytest.raises(ValueError, match=r"Wrong gave the learning rate .* at step 1"):
        optimizer.step()


@pytest.mark.parametrize("bad", [-0.1, 0, 0.0, math.nan, math.inf, "fast", None, True, [0.1]])
def test_bad_learning_rates_are_refused(bad):
    with pytest.raises(ValueError, match=r"SGD: received learning_rate=.*above 0.* such as 0\.001"):
        SGD(learning_rate=bad)


@pytest.mark.parametrize("bad", [-0.1, math.nan, "x"])
def test_bad_learning_rates_cannot_be_set(bad):
    optimizer = SGD()
    with pytest.raises(ValueError, match="learning_rate"):
        optimizer.learning_rate = bad
    assert optimizer.learning_rate == 0.01


# Constructor errors


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("SGD", {"momentum": -0.1}),
        ("SGD", {"momentum": 1.1}),
        ("SGD", {"weight_decay": -1.0}),
        ("SGD", {"clipnorm": 0.0}),
        ("SGD", {"clipvalue": -1.0}),
        ("SGD", {"global_clipnorm": math.nan}),
        ("SGD", {"clipnorm": 1.0, "clipvalue": 1.0}),
        ("SGD", {"ema_momentum": 1.5}),
        ("SGD", {"ema_overwrite_frequency": 0}),
        ("SGD", {"gradient_accumulation_steps": 1}),
        ("SGD", {"gradient_accumulation_steps": 2.5}),
        ("SGD", {"loss_scale_factor": 128.0}),
        ("RMSprop", {"rho": 1.5}),
        ("RMSprop", {"momentum": -1}),
        ("RMSprop", {"epsilon": 0}),
        ("Adam", {"beta_1": 1.0}),
        ("Adam", {"beta_2": -0.5}),
        ("Adam", {"epsilon": 1e-50}),
        ("AdamW", {"weight_decay": None}),
        ("Adagrad", {"initial_accumulator_value": -1}),
        ("Adadelta", {"rho": math.nan}),
        ("Adamax", {"beta_1": "x"}),
        ("Nadam", {"beta_2": 1}),
    ],
)
def test_bad_arguments_are_refused_by_name(name, arguments):
    with pytest.raises(ValueError, match=f"{name}: received .*{list(arguments)[-1]}"):
        getattr(optimizers, name)(**arguments)


def test_unknown_arguments_are_refused_with_the_nearest_name():
    with pytest.raises(TypeError, match=r"SGD .*'lr'\. Write learning_rate"):
        SGD(lr=0.1)
    with pytest.raises(TypeError, match="Did you mean 'momentum'"):
        SGD(momentun=0.1)
    with pytest.warns(UserWarning, match="decay is no longer supported"):
        SGD(decay=0.1)


def test_an_optimizer_without_a_rule_says_so():
    with pytest.raises(NotImplementedError, match="no update rule"):
        Optimizer().apply([np.ones(1)], [parameter(1.0)])


# Subclasses


def test_a_subclass_with_a_slot_of_its_own():
    class Heavy(Optimizer):
        slot_names = ("speed",)

        def __init__(self, learning_rate=0.1, drag=0.5, **options):
            super().__init__(learning_rate, **options)
            self.drag = drag

        def initial_slot_value(self, slot_name):
            return 1.0 if slot_name == "speed" else 0.0

        def update(self, value, grad, slots, learning_rate):
            (speed,) = slots
            speed *= self.drag
            value -= learning_rate * grad + speed

    p = parameter(0.0)
    optimizer = Heavy(drag=0.25, weight_decay=0.1)
    optimizer.apply([np.ones(1)], [p])
    assert p.value[0] == pytest.approx(-0.1 - 0.25)
    config = optimizer.get_config()
    assert config["drag"] == 0.25
    assert config["weight_decay"] == 0.1
    assert Heavy.from_config(config).get_config() == config
    assert list(optimizer.get_state()) == ["iteration", "learning_rate", "kernel_speed"]


def test_a_subclass_that_needs_whole_parameters():
    class RowWise(Optimizer):
        elementwise = False

        def update(self, value, grad, slots, learning_rate):
            value -= learning_rate * grad / np.linalg.norm(grad, axis=-1, keepdims=True)

    p = parameter([3.0, 4.0], [0.0, 2.0])
    RowWise(1.0, global_clipnorm=1.0).apply([p.numpy()], [p])
    np.testing.assert_allclose(p.value, [[2.4, 3.2], [0, 1]])
