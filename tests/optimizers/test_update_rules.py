"""Every update rule against its equations, written out for one number in Python's floats."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minidl import optimizers
from minidl.layers.parameter import Parameter


def sgd(x, grads, lr=0.01, mu=0.0, nesterov=False):
    m = 0.0
    for g in grads:
        m = mu * m - lr * g
        x += mu * m - lr * g if nesterov else m
    return x


def rmsprop(x, grads, lr=0.001, rho=0.9, mu=0.0, eps=1e-7, centered=False):
    v = a = m = 0.0
    for g in grads:
        v = rho * v + (1 - rho) * g**2
        a = rho * a + (1 - rho) * g
        m = mu * m + lr * g / math.sqrt(max(v - a * a, 0) + eps if centered else v + eps)
        x -= m
    return x


def adam(x, grads, lr=0.001, b1=0.9, b2=0.999, eps=1e-7, amsgrad=False, decay=0.0):
    m = v = v_hat = 0.0
    for t, g in enumerate(grads, 1):
        x -= lr * decay * x
        m = b1 * m + (1 - b1) * g
        v = b2 * v + (1 - b2) * g**2
        v_hat = max(v_hat, v) if amsgrad else v
        x -= lr * math.sqrt(1 - b2**t) / (1 - b1**t) * m / (math.sqrt(v_hat) + eps)
    return x


def adagrad(x, grads, lr=0.001, start=0.1, eps=1e-7):
    s = start
    for g in grads:
        s += g**2
        x -= lr * g / math.sqrt(s + eps)
    return x


def adadelta(x, grads, lr=0.001, rho=0.95, eps=1e-7):
    s = u = 0.0
    for g in grads:
        s = rho * s + (1 - rho) * g**2
        d = g * math.sqrt(u + eps) / math.sqrt(s + eps)
        u = rho * u + (1 - rho) * d**2
        x -= lr * d
    return x


def adamax(x, grads, lr=0.001, b1=0.9, b2=0.999, eps=1e-7):
    m = u = 0.0
    for t, g in enumerate(grads, 1):
        m = b1 * m + (1 - b1) * g
        u = max(b2 * u, abs(g))
        x -= lr / (1 - b1**t) * m / (u + eps)
    return x


def nadam(x, grads, lr=0.001, b1=0.9, b2=0.999, eps=1e-7):
    def momentum(t):
        return b1 * (1 - 0.5 * 0.96**t)

    m = v = 0.0
    for t, g in enumerate(grads, 1):
        now = math.prod(momentum(i) for i in range(1, t + 1))
        m = b1 * m + (1 - b1) * g
        v = b2 * v + (1 - b2) * g**2
        ahead = momentum(t + 1) * m / (1 - now * momentum(t + 1))
        ahead += (1 - momentum(t)) * g / (1 - now)
        x -= lr * ahead / (math.sqrt(v / (1 - b2**t)) + eps)
    return x


# (class, its arguments, the rule, the rule's arguments)
RULES = [
    ("SGD", {}, sgd, {}),
    ("SGD", {"learning_rate": 0.1, "momentum": 0.8}, sgd, {"lr": 0.1, "mu": 0.8}),
    ("SGD", {"momentum": 0.9, "nesterov": True}, sgd, {"mu": 0.9, "nesterov": True}),
    ("SGD", {"nesterov": True}, sgd, {}),
    ("RMSprop", {}, rmsprop, {}),
    ("RMSprop", {"rho": 0.5, "momentum": 0.7, "epsilon": 1e-3}, rmsprop,
     {"rho": 0.5, "mu": 0.7, "eps": 1e-3}),
    ("RMSprop", {"centered": True}, rmsprop, {"centered": True}),
    ("RMSprop", {"centered": True, "momentum": 0.9}, rmsprop, {"centered": True, "mu": 0.9}),
    ("Adam", {}, adam, {}),
    ("Adam", {"learning_rate": 0.1, "beta_1": 0.5, "beta_2": 0.7, "epsilon": 1e-2}, adam,
     {"lr": 0.1, "b1": 0.5, "b2": 0.7, "eps": 1e-2}),
    ("Adam", {"amsgrad": True, "beta_2": 0.3}, adam, {"amsgrad": True, "b2": 0.3}),
    ("AdamW", {}, adam, {"decay": 0.004}),
    ("AdamW", {"weight_decay": 2.0, "amsgrad": True}, adam, {"decay": 2.0, "amsgrad": True}),
    ("Adagrad", {}, adagrad, {}),
    ("Adagrad", {"initial_accumulator_value": 1.0, "epsilon": 0.1}, adagrad,
     {"start": 1.0, "eps": 0.1}),
    ("Adadelta", {}, adadelta, {}),
    ("Adadelta", {"learning_rate": 1.0, "rho": 0.5, "epsilon": 0.1}, adadelta,
     {"lr": 1.0, "rho": 0.5, "eps": 0.1}),
    ("Adamax", {}, adamax, {}),
    ("Adamax", {"beta_1": 0.5, "beta_2": 0.1, "epsilon": 0.1}, adamax,
     {"b1": 0.5, "b2": 0.1, "eps": 0.1}),
    ("Nadam", {}, nadam, {}),
    ("Nadam", {"beta_1": 0.5, "beta_2": 0.7, "epsilon": 0.1}, nadam,
     {"b1": 0.5, "b2": 0.7, "eps": 0.1}),
]  # fmt: skip
IDS = [f"{name}-{'-'.join(arguments) or 'defaults'}" for name, arguments, _, _ in RULES]


def run(optimizer, value, grads):
    """Return the value after one step along each of `grads`."""
    p = Parameter(value)
    optimizer.build([p])
    for g in grads:
        p.grad = g
        optimizer.step()
    return p.value


def test_every_registered_optimizer_stands_in_the_table():
    missing = {cls.__name__ for cls in optimizers.registry.classes()} - {rule[0] for rule in RULES}
    assert not missing, f"write the rule of {missing} out above"


@pytest.mark.parametrize(("name", "arguments", "rule", "rule_arguments"), RULES, ids=IDS)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_twenty_steps_follow_the_equations(name, arguments, rule, rule_arguments, dtype):
    rng = np.random.default_rng(3)
    value = rng.normal(size=(3, 5)).astype(dtype)
    grads = rng.normal(size=(20, 3, 5)).astype(dtype) * 10 ** rng.uniform(-3, 2, (20, 3, 5))
    grads = grads.astype(dtype)
    got = run(getattr(optimizers, name)(**arguments), value, grads)
    want = [
        rule(float(x), [float(g) for g in gs], **rule_arguments)
        for x, gs in zip(value.ravel(), grads.reshape(20, -1).T, strict=True)
    ]
    assert got.dtype == dtype
    tolerance = 1e-12 if dtype == "float64" else 4e-6
    np.testing.assert_allclose(got.ravel(), want, rtol=tolerance, atol=tolerance)


def cases():
    return pytest.mark.parametrize(("name", "arguments"), [rule[:2] for rule in RULES], ids=IDS)


@cases()
@pytest.mark.parametrize("clip", ["clipnorm", "clipvalue", "global_clipnorm"])
def test_gradients_are_left_as_they_are(name, arguments, clip):
    g = np.random.default_rng(0).normal(size=(4, 3))
    p = Parameter(np.ones((4, 3)))
    options = {"weight_decay": 0.1, clip: 0.01, "use_ema": True, **arguments}
    optimizer = getattr(optimizers, name)(**options)
    optimizer.apply([g], [p])
    optimizer.step()
    np.testing.assert_array_equal(p.grad, g)


@cases()
def test_a_step_is_the_same_in_any_pieces(name, arguments):
    """One stretch, small chunks, or one parameter at a time in its shape: the same bytes."""
    rng = np.random.default_rng(1)
    shapes = [(7, 5), (5,), (), (5, 3), (0, 4), (3,), (2, 2, 3)]
    values = [np.asarray(rng.normal(size=s), "float32") for s in shapes]
    grads = [[np.asarray(rng.normal(size=s), "float32") for s in shapes] for _ in range(4)]
    results = []
    for chunk, elementwise in ((65_536, True), (16, True), (7, True), (65_536, False)):
        optimizer = getattr(optimizers, name)(**arguments)
        optimizer.chunk_size, optimizer.elementwise = chunk, elementwise
        parameters = [Parameter(v) for v in values]
        for g in grads:
            optimizer.apply(g, parameters)
        results.append([p.value.copy() for p in parameters])
    for result in results[1:]:
        for a, b in zip(results[0], result, strict=True):
            np.testing.assert_array_equal(a, b)


@cases()
def test_gaps_between_parameters_stay_zero(name, arguments):
    p, q = Parameter(np.ones(3, "float32")), Parameter(np.ones(5, "float32"))
    optimizer = getattr(optimizers, name)(**{"weight_decay": 0.1, **arguments})
    for _ in range(3):
        optimizer.apply([np.ones(3), np.ones(5)], [p, q])
    buffers = p.home.buffers
    assert buffers.values.size == 32
    for flat in (buffers.values, buffers.grads):
        np.testing.assert_array_equal(flat[3:16], 0)
        np.testing.assert_array_equal(flat[21:], 0)


@cases()
def test_gradients_of_zero_and_of_great_spread_raise_nothing(name, arguments):
    """The suite runs with overflow, invalid and division raising."""
    value = np.ones(6, "float32")
    grads = np.array([0, 1e-38, 1e-20, 1, 1e10, -1e15], "float32") * np.ones((5, 1), "float32")
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        got = run(getattr(optimizers, name)(**arguments), value, grads)
    assert np.isfinite(got).all()


def test_centered_rmsprop_survives_a_variance_that_rounds_below_zero():
    grads = np.tile(np.linspace(1000, 7000, 500, dtype="float32"), (60, 1))
    with np.errstate(invalid="raise"):
        got = run(optimizers.RMSprop(rho=0.5, centered=True), np.ones(500, "float32"), grads)
    assert np.isfinite(got).all()


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    sizes=st.lists(st.integers(0, 40), min_size=1, max_size=6),
    frozen=st.lists(st.booleans(), min_size=6, max_size=6),
    chunk=st.integers(1, 64),
)
def test_any_layout_gives_what_separate_optimizers_give(seed, sizes, frozen, chunk):
    rng = np.random.default_rng(seed)
    values = [rng.normal(size=n) for n in sizes]
    grads = [rng.normal(size=n) for n in sizes]
    together = [Parameter(v) for v in values]
    optimizer = optimizers.Adam(0.1)
    optimizer.chunk_size = chunk
    optimizer.apply(grads, together)
    rest = [i for i in range(len(sizes)) if not frozen[i]]
    optimizer.build([together[i] for i in rest])
    if rest:
        optimizer.apply([grads[i] for i in rest])
    for i, v in enumerate(values):
        alone = Parameter(v)
        other = optimizers.Adam(0.1)
        other.apply([grads[i]], [alone])
        if i in rest:
            other.apply([grads[i]])
        np.testing.assert_array_equal(together[i].value, alone.value)
