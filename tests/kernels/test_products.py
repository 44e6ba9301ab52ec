"""Products, memory and threads: what makes a step fast must not show in its results."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import minidl
from minidl import callbacks, layers, optimizers
from minidl.kernels import add_product, blas, memory, product, sum_rows
from minidl.kernels.threads import Governor

SIZES = [(1, 512), (32, 10), (32, 512), (200, 30), (128, 64)]


@pytest.fixture
def threads():
    library = blas.library()
    if library is None:
        pytest.skip("NumPy's BLAS is not an OpenBLAS of its own")
    before = library.threads()
    yield library.set_threads
    library.set_threads(before)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("inner", [16, 300, 385, 600, 784, 1000, 2000])
def test_the_number_of_threads_does_not_show(threads, inner, dtype):
    rng = np.random.default_rng(0)
    for rows, columns in SIZES:
        left = rng.standard_normal((rows, inner)).astype(dtype)
        right = rng.standard_normal((inner, columns)).astype(dtype)
        for a in (left, np.asfortranarray(left)):
            results, sums = [], []
            for count in (1, 2):
                threads(count)
                results.append(product(a, right))
                out = np.ones((rows, columns), dtype)
                add_product(a, right, -0.1, out)
                sums.append(out)
            assert np.array_equal(*results)
            assert np.array_equal(*sums)
            expected = left.astype("float64") @ right
            tolerance = 2e-4 if dtype == "float32" else 1e-11
            np.testing.assert_allclose(results[0], expected, rtol=0, atol=tolerance)
            np.testing.assert_allclose(sums[0], 1 - 0.1 * expected, rtol=0, atol=tolerance)


@pytest.mark.parametrize("found", [True, False])
def test_a_product_is_added_with_and_without_numpys_own_blas(monkeypatch, found):
    if not found:
        monkeypatch.setattr(blas, "library", lambda: None)
    rng = np.random.default_rng(0)
    x, dz, W = (rng.standard_normal(s).astype("float32") for s in ((40, 60), (40, 50), (60, 50)))
    expected = W - np.float32(0.3) * (x.T @ dz)
    blas.add_product(x.T, dz, -0.3, W)
    np.testing.assert_allclose(W, expected, rtol=1e-4, atol=1e-5)
    x.flags.writeable = False
    blas.add_product(x[:, ::2].T, dz, 1.0, W[:30])  # not gemm's layout, and read-only


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("size", [1000, 65_536, 100_003])
def test_a_multiple_is_added_alike_on_any_number_of_threads(threads, size, dtype):
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((2, size)).astype(dtype)
    results = []
    for count in (1, 2):
        threads(count)
        results.append(y.copy())
        blas.add_scaled(x, -0.3, results[-1], np.empty_like(x))
    assert np.array_equal(*results)
    np.testing.assert_allclose(results[0], y - np.dtype(dtype).type(0.3) * x, rtol=0, atol=1e-6)


def test_a_multiple_is_added_without_numpys_own_blas_too(monkeypatch):
    monkeypatch.setattr(blas, "library", lambda: None)
    x, y = np.random.default_rng(0).standard_normal((2, 10_000))
    out = y.copy()
    blas.add_scaled(x, -0.3, out, np.empty_like(x))
    np.testing.assert_allclose(out, y - 0.3 * x, rtol=1e-14)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", [(200, 5), (200, 40), (3000, 5), (1, 1), (0, 3)])
def test_rows_are_summed(shape, dtype):
    rows = np.random.default_rng(0).standard_normal(shape).astype(dtype)
    for x in (rows, np.asfortranarray(rows), np.repeat(rows, 2, axis=1)[:, ::2]):
        out = np.full(shape[1], 7.0, dtype)
        sum_rows(x, out)
        np.testing.assert_allclose(out, rows.astype("float64").sum(axis=0), rtol=0, atol=3e-4)


def test_products_of_more_axes():
    rng = np.random.default_rng(0)
    x, W = rng.standard_normal((4, 5, 300)), rng.standard_normal((300, 7))
    np.testing.assert_allclose(product(x, W), x @ W, rtol=1e-12)
    moved = np.moveaxis(rng.standard_normal((300, 4, 5)), 0, -1)
    np.testing.assert_allclose(product(moved, W), moved @ W, rtol=1e-11)


def test_an_array_that_someone_holds_is_not_handed_out_again():
    memory.pool.clear()
    first = memory.empty((300, 300), "float32")
    address = first.ctypes.data
    part = first[7:8]
    del first
    second = memory.empty((300, 300), "float32")
    assert not np.shares_memory(part, second)
    del part
    assert memory.empty((300, 300), "float32").ctypes.data == address
    assert address % memory.CACHE_LINE == 0


def test_the_pool_is_bounded(monkeypatch):
    monkeypatch.setattr(memory, "LIMIT", 1 << 20)
    memory.pool.clear()
    kept = [memory.empty((1 << 16,), "float32") for _ in range(20)]
    assert memory.pool.held <= 1 << 20
    assert len({a.ctypes.data for a in kept}) == 20


def steps(governor, seconds, key="step", count=1):
    """Run steps that take so long, as the governor's own clock has it."""
    used = []
    for _ in range(count):
        governor.begin(key)
        used.append(governor.count)
        governor.end(key, governor.clock() - seconds(governor.count))
    return used


class Clock:
    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def governor(monkeypatch):
    monkeypatch.setattr("minidl.kernels.threads.library", lambda: None)
    return Governor(most=2, clock=Clock())


def test_two_threads_are_kept_where_they_pay(governor):
    used = steps(governor, lambda n: 0.001 / n, count=50)
    assert used[1:3] == [1, 1]
    assert set(used[3:]) == {2}


def test_one_thread_is_kept_while_two_are_slower(governor):
    used = steps(governor, lambda n: 0.1 if n == 2 else 0.001, count=50)
    assert set(used[5:]) == {1}


def test_a_stall_puts_the_run_on_one_thread_for_a_while(governor):
    steps(governor, lambda n: 0.001 / n, count=20)
    steps(governor, lambda n: 0.1)
    assert set(steps(governor, lambda n: 0.001, count=20)) == {1}
    governor.clock.now += 60
    assert set(steps(governor, lambda n: 0.001 / n, count=20)) == {2}


def test_one_step_that_is_a_little_late_is_no_stall(governor):
    steps(governor, lambda n: 0.001 / n, count=20)
    steps(governor, lambda n: 0.006)  # it loaded a kernel, say
    assert set(steps(governor, lambda n: 0.001 / n, count=20)) == {2}
    steps(governor, lambda n: 0.006, count=2)
    assert set(steps(governor, lambda n: 0.001, count=20)) == {1}


def test_a_pause_outlasts_a_run(governor):
    steps(governor, lambda n: 0.001 / n, count=20)
    steps(governor, lambda n: 0.1)
    governor.rest()
    assert set(steps(governor, lambda n: 0.001, count=20)) == {1}


def test_pauses_grow_while_stalls_go_on(governor):
    steps(governor, lambda n: 0.001 / n, count=20)
    pauses = []
    for _ in range(5):
        began = governor.clock.now
        steps(governor, lambda n: 0.1)
        while governor.count == 1:
            governor.clock.now += 0.01
            steps(governor, lambda n: 0.001)
        pauses.append(governor.clock.now - began)
    assert all(b > 1.5 * a for a, b in itertools.pairwise(pauses))


def test_a_limit_that_someone_else_sets_is_heeded(threads):
    governor = Governor()
    threads(1)
    governor.begin("step")
    assert governor.most == governor.count == 1


def small_model():
    minidl.utils.set_random_seed(3)
    model = minidl.Sequential(
        [minidl.Input((5,)), layers.Dense(4, "tanh", kernel_regularizer="l2"), layers.Dense(1)]
    )
    return model


X, Y = np.random.default_rng(0).normal(size=(2, 64, 5)).astype("float32")
Y = Y[:, :1]


class Watcher(callbacks.Callback):
    def __init__(self):
        super().__init__()
        self.seen = []

    def on_train_batch_end(self, batch, logs=None):
        self.seen.append([np.abs(p.grad).max() for p in self.model.trainable_weights])


def test_a_watcher_of_gradients_changes_no_byte():
    results = []
    for watchers in ([], [Watcher()]):
        model = small_model()
        model.compile(optimizers.SGD(0.1), "mse")
        model.fit(X, Y, epochs=3, verbose=0, callbacks=watchers)
        assert len(model._direct) == 1  # the kernel that is not regularized
        assert model._direct[0].keeps_gradient == bool(watchers)
        results.append(model.get_weights())
    for a, b in zip(*results, strict=True):
        np.testing.assert_array_equal(a, b)
    assert all(g > 0 for seen in watchers[0].seen for g in seen)


def test_a_step_within_the_product_is_gradient_descent():
    model = small_model()
    model.compile(optimizers.SGD(0.1), "mse")
    before = model.get_weights()
    model.train_on_batch(X, Y)
    after = model.get_weights()
    for old, new, p in zip(before, after, model.trainable_weights, strict=True):
        np.testing.assert_allclose(new, old - 0.1 * p.grad, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize(
    "optimizer",
    [
        optimizers.SGD(0.1, momentum=0.5),
        optimizers.SGD(0.1, clipnorm=1.0),
        optimizers.SGD(0.1, weight_decay=0.01),
        optimizers.SGD(0.1, use_ema=True),
        optimizers.SGD(0.1, gradient_accumulation_steps=2),
        optimizers.Adam(0.1),
    ],
)
def test_only_plain_descent_steps_within_the_product(optimizer):
    model = small_model()
    model.compile(optimizer, "mse")
    model.fit(X, Y, verbose=0)
    assert not model._direct


def test_a_single_batch_leaves_its_gradients():
    model = small_model()
    model.compile(optimizers.SGD(0.1), "mse")
    model.fit(X, Y, verbose=0)
    for p in model.trainable_weights:
        p.grad[...] = 0
    model.train_on_batch(X, Y)
    assert all(np.abs(p.grad).max() > 0 for p in model.trainable_weights)


def test_shared_layers_add_their_gradients_before_the_step():
    a, b = minidl.Input((5,)), minidl.Input((5,))
    shared = layers.Dense(5, "tanh")
    model = minidl.Model([a, b], layers.Dense(1)(layers.add([shared(shared(a)), shared(b)])))
    model.compile(optimizers.SGD(0.1), "mse")
    model.fit([X, X], Y, verbose=0)
    assert [p.path.split("/")[1] for p in model._direct] == ["kernel"]
    assert model._direct[0] is not shared.kernel
