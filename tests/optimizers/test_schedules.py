"""Learning rate schedules: values at the corners, errors, configurations."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from minidl import optimizers
from minidl.optimizers import schedules
from minidl.optimizers.schedules import (
    CosineDecay,
    CosineDecayRestarts,
    ExponentialDecay,
    InverseTimeDecay,
    LearningRateSchedule,
    PiecewiseConstantDecay,
    PolynomialDecay,
)

EXAMPLES = [
    ExponentialDecay(0.1, 10, 0.5),
    ExponentialDecay(0.1, 10, 0.5, staircase=True),
    InverseTimeDecay(0.1, 10, 0.5),
    InverseTimeDecay(0.1, 10, 0.5, staircase=True),
    PolynomialDecay(0.1, 10),
    PolynomialDecay(0.1, 10, 0.01, power=0.5, cycle=True),
    PiecewiseConstantDecay([5, 10], [0.1, 0.05, 0.01]),
    CosineDecay(0.1, 10, alpha=0.1),
    CosineDecay(0.0, 10, warmup_target=0.2, warmup_steps=5),
    CosineDecayRestarts(0.1, 10, m_mul=0.9, alpha=0.1),
    CosineDecayRestarts(0.1, 10, t_mul=1.0),
]
every_example = pytest.mark.parametrize("schedule", EXAMPLES, ids=lambda s: type(s).__name__)


def test_every_schedule_stands_in_the_table():
    assert {type(s) for s in EXAMPLES} == set(schedules.registry.classes())


@pytest.mark.parametrize(
    ("schedule", "step", "rate"),
    [
        (ExponentialDecay(0.8, 10, 0.25), 5, 0.4),
        (ExponentialDecay(0.8, 10, 0.25, staircase=True), 9, 0.8),
        (ExponentialDecay(0.8, 10, 0.25, staircase=True), 10, 0.2),
        (InverseTimeDecay(0.8, 10, 2.0), 5, 0.4),
        (InverseTimeDecay(0.8, 10, 2.0, staircase=True), 9, 0.8),
        (PolynomialDecay(1.0, 10, 0.5), 5, 0.75),
        (PolynomialDecay(1.0, 10, 0.5), 100, 0.5),
        (PolynomialDecay(1.0, 10, 0.0, power=2), 5, 0.25),
        (PolynomialDecay(1.0, 10, 0.0, cycle=True), 10, 0.0),
        (PolynomialDecay(1.0, 10, 0.0, cycle=True), 15, 0.25),
        (PolynomialDecay(1.0, 10, 0.0, cycle=True), 0, 1.0),
        (PiecewiseConstantDecay([5, 10], [3, 2, 1]), 0, 3),
        (PiecewiseConstantDecay([5, 10], [3, 2, 1]), 5, 3),
        (PiecewiseConstantDecay([5, 10], [3, 2, 1]), 6, 2),
        (PiecewiseConstantDecay([5, 10], [3, 2, 1]), 11, 1),
        (PiecewiseConstantDecay([], [3]), 11, 3),
        (CosineDecay(1.0, 10), 5, 0.5),
        (CosineDecay(1.0, 10, alpha=0.2), 99, 0.2),
        (CosineDecay(1.0, 4, alpha=0.2), 2, 0.6),
        (CosineDecay(0.1, 10, warmup_target=0.5, warmup_steps=4), 1, 0.2),
        (CosineDecay(0.1, 10, warmup_target=0.5, warmup_steps=4), 9, 0.25),
        (CosineDecay(0.1, 10, warmup_target=0.5, warmup_steps=0), 0, 0.5),
        (CosineDecay(0.1, 10, warmup_steps=4), 0, 0.1),
        (CosineDecayRestarts(1.0, 10), 5, 0.5),
        (CosineDecayRestarts(1.0, 10), 20, 0.5),
        (CosineDecayRestarts(1.0, 10, t_mul=1), 15, 0.5),
        (CosineDecayRestarts(1.0, 10, alpha=0.5, m_mul=0.5), 20, 0.625),
    ],
)
def test_rates_at_known_steps(schedule, step, rate):
    assert schedule(step) == pytest.approx(rate, rel=1e-14, abs=1e-15)


@pytest.mark.parametrize("t_mul", [1.0, 1.1, 1.5, 2.0, 3.0, 7.0])
def test_restarts_come_back_up_exactly_at_each_period(t_mul):
    schedule = CosineDecayRestarts(1.0, 1000, t_mul=t_mul)
    start = 0.0
    for i in range(8):
        assert schedule(start) == pytest.approx(1, abs=1e-9)
        start += 1000 * t_mul**i
        assert schedule(start - 1e-3) < 1e-6
        start = round(start, 6)


@every_example
def test_a_schedule_gives_floats_at_every_step_and_never_below_zero(schedule):
    for step in (0, 1, 7, 10, 10**6, np.int64(3), np.float32(2.5), 10**9):
        rate = schedule(step)
        assert type(rate) is float
        assert 0 <= rate < math.inf


@every_example
def test_configurations_come_back(schedule):
    saved = json.loads(json.dumps(schedules.serialize(schedule)))
    assert saved["module"] == "keras.optimizers.schedules"
    again = schedules.deserialize(saved)
    assert type(again) is type(schedule)
    assert [again(i) for i in range(40)] == [schedule(i) for i in range(40)]
    assert schedules.serialize(again) == saved


def test_a_subclass_needs_nothing_but_its_rule():
    class Warmup(LearningRateSchedule):
        def __init__(self, peak, steps=10):
            self.peak = peak
            self.steps = steps

        def __call__(self, step):
            return np.float32(self.peak) * min(step / self.steps, 1)

    optimizer = optimizers.SGD(Warmup(0.5))
    assert optimizer.learning_rate == 0
    assert Warmup(0.5).get_config() == {"peak": 0.5, "steps": 10}
    with pytest.raises(NotImplementedError, match="no rule"):
        LearningRateSchedule()(0)


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: ExponentialDecay(-0.1, 10, 0.5), "initial_learning_rate=-0.1"),
        (lambda: ExponentialDecay(0.1, 0, 0.5), "decay_steps=0"),
        (lambda: ExponentialDecay(0.1, 10, math.nan), "decay_rate=nan"),
        (lambda: InverseTimeDecay(0.1, -5, 0.5), "decay_steps=-5"),
        (lambda: PolynomialDecay(0.1, 10, end_learning_rate=-1), "end_learning_rate=-1"),
        (lambda: PolynomialDecay(0.1, 10, power=0), "power=0"),
        (lambda: CosineDecay(0.1, "x"), "decay_steps='x'"),
        (lambda: CosineDecay(0.1, 10, warmup_target=-1), "warmup_target=-1"),
        (lambda: CosineDecay(0.1, 10, warmup_steps=-1), "warmup_steps=-1"),
        (lambda: CosineDecayRestarts(0.1, 10, t_mul=0.5), "t_mul=0.5"),
        (lambda: PiecewiseConstantDecay([1, 2], [0.1, 0.2]), "2 boundaries and 2 values"),
        (lambda: PiecewiseConstantDecay([2, 1], [1, 2, 3]), "increasing"),
        (lambda: PiecewiseConstantDecay([1], [0.1, -0.2]), "values with=-0.2"),
        (lambda: schedules.deserialize({"class_name": "CosineDecai"}), "Did you mean"),
    ],
)
def test_bad_arguments_are_refused(make, text):
    with pytest.raises(ValueError, match=text):
        make()
