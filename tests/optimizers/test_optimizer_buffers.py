"""Where parameters lie, and what happens when they are frozen, shared, moved or copied."""

from __future__ import annotations

import copy
import gc
import pickle
import weakref

import numpy as np
import pytest

from minidl import config
from minidl.layers.parameter import Parameter
from minidl.optimizers import SGD, Adam
from minidl.optimizers.flat import CACHE_LINE, FlatBuffers


def parameters(*shapes, dtype="float32"):
    rng = np.random.default_rng(7)
    made = [Parameter(np.asarray(rng.normal(size=s), dtype), name=f"p{i}")
            for i, s in enumerate(shapes)]  # fmt: skip
    for p in made:
        p.grad = np.asarray(rng.normal(size=p.shape))
    return made


def train(optimizer, params, steps=1):
    optimizer.build(params)
    for _ in range(steps):
        optimizer.step()


def twins(make, shapes, train_flat, train_alone):
    """Train one set by `train_flat`, and each parameter of another by an optimizer of its own."""
    flat, alone = parameters(*shapes), parameters(*shapes)
    train_flat(flat)
    for p, q in zip(flat, alone, strict=True):
        train_alone(make(), q)
        np.testing.assert_array_equal(p.value, q.value)


def test_values_and_gradients_move_into_one_buffer_a_dtype():
    a, b = parameters((3, 5), (5,))
    c = parameters((2,), dtype="float64")[0]
    before = [(p.numpy(), p.grad.copy()) for p in (a, c, b)]
    SGD().build([a, c, b])
    assert a.home.buffers is b.home.buffers is not c.home.buffers
    for p, (value, grad) in zip((a, c, b), before, strict=True):
        buffers = p.home.buffers
        np.testing.assert_array_equal(p.value, value)
        np.testing.assert_array_equal(p.grad, grad)
        assert np.shares_memory(p.value, buffers.values)
        assert np.shares_memory(p.grad, buffers.grads)
        assert p.value.__array_interface__["data"][0] % CACHE_LINE == 0
        assert p.grad.__array_interface__["data"][0] % CACHE_LINE == 0
    assert (a.dtype, c.dtype) == ("float32", "float64")


@pytest.mark.parametrize("compiled", [False, True])
def test_neighbours_are_walked_in_one_piece(compiled):
    if compiled:
        pytest.importorskip("numba")
    config.set_compiled_kernels(compiled)
    try:
        optimizer = Adam()
        optimizer.build(parameters((30, 50), (50,), (50, 3), (3,)))
        assert len(optimizer._segments) == 1
        optimizer = Adam()
        optimizer.build(parameters((400, 400), (400,)))
        pieces = [160_400] if compiled else [65_536, 65_536, 29_328]
        assert [s.value.size for s in optimizer._segments] == pieces
    finally:
        config.set_compiled_kernels(None)


def test_slots_have_the_dtype_and_the_place_of_their_parameter():
    a, b = parameters((3,))[0], parameters((4,), dtype="float64")[0]
    optimizer = Adam()
    optimizer.build([a, b])
    state = optimizer.get_state()
    assert [x.dtype.name for x in list(state.values())[2:]] == ["float32"] * 2 + ["float64"] * 2


def test_freezing_and_thawing_keeps_slots_and_values_where_they_are():
    def flat(ps):
        optimizer = Adam(0.1)
        train(optimizer, ps)
        addresses = [p.value.__array_interface__["data"][0] for p in ps]
        train(optimizer, ps[:1] + ps[2:])
        train(optimizer, ps)
        assert addresses == [p.value.__array_interface__["data"][0] for p in ps]

    a = parameters((4, 3), (3,), (3, 2))
    flat(a)
    state = Adam(0.1)
    b = parameters((4, 3), (3,), (3, 2))
    train(state, b)
    frozen = b[1].numpy()
    state.build([b[0], b[2]])
    state.step()
    np.testing.assert_array_equal(b[1].value, frozen)
    state.build(b)
    state.step()
    for p, q in zip(a, b, strict=True):
        np.testing.assert_array_equal(p.value, q.value)


def test_frozen_parameters_stay_while_their_gradient_is_there():
    a, b, c = parameters((3,), (4,), (5,))
    optimizer = SGD(0.1, weight_decay=0.1, use_ema=True, ema_overwrite_frequency=1)
    train(optimizer, [a, b, c])
    before = b.numpy()
    train(optimizer, [c, a])
    np.testing.assert_array_equal(b.value, before)


def test_parameters_that_come_later_are_trained_too():
    def flat(ps):
        optimizer = Adam(0.1)
        train(optimizer, ps[:2])
        train(optimizer, [ps[2], *ps[:2]])

    def alone(optimizer, p):
        train(optimizer, [p], steps=1 if p.name == "p2" else 2)

    # p2 comes at the second step, whose bias correction differs; SGD has none.
    def sgd(ps):
        optimizer = SGD(0.1, momentum=0.9)
        train(optimizer, ps[:2])
        train(optimizer, [ps[2], *ps[:2]])

    twins(lambda: SGD(0.1, momentum=0.9), [(4, 3), (3,), (6,)], sgd, alone)
    flat(parameters((4, 3), (3,), (6,)))


def test_two_optimizers_over_overlapping_parameters():
    a, b, c, d = parameters((4, 3), (3,), (3, 2), (2,))
    first, second = SGD(0.1, momentum=0.9), SGD(1.0)
    first.build([a, b, c])
    second.build([b, c, d])
    want = [p.numpy() for p in (a, b, c, d)]
    momenta = [np.zeros_like(v) for v in want]
    for _ in range(3):
        first.step()
        second.step()
        for i, p in enumerate((a, b, c)):
            momenta[i] = np.float32(0.9) * momenta[i] - np.float32(0.1) * p.grad
            want[i] = want[i] + momenta[i]
        for i, p in enumerate((b, c, d), 1):
            want[i] = want[i] - p.grad
    for p, value in zip((a, b, c, d), want, strict=True):
        np.testing.assert_allclose(p.value, value, rtol=1e-6)


def test_a_second_optimizer_leaves_the_values_where_they_are():
    ps = parameters((4, 3), (3,))
    SGD().build(ps)
    homes = [p.home for p in ps]
    optimizer = Adam()
    optimizer.build(ps)
    assert [p.home for p in ps] == homes
    assert len(optimizer._segments) == 1


def test_any_order_of_parameters_gives_one_piece_and_the_same_values():
    a, b = parameters((4, 3), (3,), (5,)), parameters((4, 3), (3,), (5,))
    SGD().build(a)
    optimizer, other = Adam(0.1), Adam(0.1)
    train(optimizer, [a[2], a[0], a[1]], 2)
    train(other, b, 2)
    assert len(optimizer._segments) == 1
    for p, q in zip(a, b, strict=True):
        np.testing.assert_array_equal(p.value, q.value)


def test_a_parameter_that_someone_moves_is_followed():
    ps, qs = parameters((4, 3), (3,), (5,)), parameters((4, 3), (3,), (5,))
    optimizer, other = Adam(0.1), Adam(0.1)
    train(optimizer, ps, 1)
    train(other, qs, 2)
    FlatBuffers([ps[1]])
    optimizer.step()
    for p, q in zip(ps, qs, strict=True):
        np.testing.assert_array_equal(p.value, q.value)


def test_a_home_of_another_kind_is_respected():
    ps, qs = parameters((4, 3), (3,), (5,)), parameters((4, 3), (3,), (5,))
    shared = np.zeros((2, 4, 3), "float32")
    ps[0].move(shared[0], shared[1], "shared memory")
    optimizer, other = Adam(0.1, global_clipnorm=0.1), Adam(0.1, global_clipnorm=0.1)
    train(optimizer, ps, 3)
    train(other, qs, 3)
    np.testing.assert_array_equal(ps[0].value, shared[0])
    for p, q in zip(ps, qs, strict=True):
        np.testing.assert_allclose(p.value, q.value, rtol=1e-6)


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])
def test_a_copy_goes_on_alone(duplicate):
    ps = parameters((4, 3), (3,), (5,))
    optimizer = Adam(0.1, use_ema=True, gradient_accumulation_steps=2)
    optimizer.exclude_from_weight_decay(var_list=[ps[1]])
    optimizer.weight_decay = 0.5
    train(optimizer, ps, 3)
    optimizer.build([ps[0], ps[2]])
    grads = [p.grad.copy() for p in ps]
    before = [p.numpy() for p in ps]
    twin, (a, b, c) = duplicate((optimizer, ps))
    for p, g in zip((a, b, c), grads, strict=True):
        p.grad = g
    for o, all_of_it in ((twin, [a, b, c]), (optimizer, ps)):
        o.step()
        o.build(all_of_it)
        o.step()
        if o is twin:
            for p, v in zip(ps, before, strict=True):
                np.testing.assert_array_equal(p.value, v)
    for p, q in zip(ps, (a, b, c), strict=True):
        assert not np.shares_memory(p.value, q.value)
        np.testing.assert_array_equal(p.value, q.value)
    for x, y in zip(optimizer.variables, twin.variables, strict=True):
        np.testing.assert_array_equal(x, y)


def test_an_unbuilt_optimizer_copies_too():
    optimizer = copy.deepcopy(Adam(0.5))
    assert (optimizer.learning_rate, optimizer.built) == (0.5, False)


def test_dropped_optimizers_leave_no_memory_behind():
    ps = parameters((100,))
    old = Adam()
    old.build(ps)
    gone = weakref.ref(old._segments[0].slots[0].base)
    del old
    Adam().build(ps)
    gc.collect()
    assert gone() is None


def test_a_step_makes_no_large_arrays():
    import tracemalloc

    ps = parameters((300, 300), (300,))
    optimizer = Adam(weight_decay=0.1, clipvalue=0.5, use_ema=True)
    train(optimizer, ps, 2)
    tracemalloc.start()
    optimizer.step()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 10_000
