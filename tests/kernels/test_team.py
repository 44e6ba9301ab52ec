"""The team of threads: what is shared comes out as it would alone, whoever has the team."""

from __future__ import annotations

import os
import threading

import numpy as np
import pytest

import minidl
from minidl import config, layers
from minidl.kernels import blas, product, shares, team
from minidl.kernels.kernel import KERNELS, Kernel
from minidl.kernels.threads import Governor
from tests.kernels.test_kernels import SCRATCH, cases

pytest.importorskip("numba")
if team.size() < 2:
    pytest.skip("no OpenMP, or one processor", allow_module_level=True)


@pytest.fixture(autouse=True)
def compiled():
    config.set_compiled_kernels(True)
    yield
    config.set_compiled_kernels(None)


@pytest.fixture
def gathered():
    library = blas.library()
    before = library.threads()
    library.set_threads(1)
    assert team.gather(team.size())
    yield
    team.dismiss()
    library.set_threads(before)


SHAPES = [(32, 784, 512), (32, 512, 256), (64, 128, 512), (150, 300, 77), (700, 33, 128)]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("rows", "inner", "columns"), SHAPES)
@pytest.mark.parametrize("kind", ["plain", "left transposed", "right transposed", "strided"])
def test_a_shared_product_is_the_product(gathered, dtype, rows, inner, columns, kind):
    rng = np.random.default_rng(0)
    left = rng.standard_normal((rows, inner)).astype(dtype)
    right = rng.standard_normal((inner, columns)).astype(dtype)
    if kind == "left transposed":
        left = np.ascontiguousarray(left.T).T
    elif kind == "right transposed":
        right = np.ascontiguousarray(right.T).T
    elif kind == "strided":
        left = np.repeat(left, 2, axis=0)[::2]
        right = np.concatenate([right, right], axis=1)[:, columns:]
    left.flags.writeable = False
    start = rng.standard_normal((rows, columns)).astype(dtype)
    exact = left.astype("float64") @ right.astype("float64")
    tolerance = {"rtol": 1e-12, "atol": 1e-10} if dtype == "float64" else {"atol": 2e-3}

    for alpha, beta in ((1.0, 0.0), (-0.5, 1.0)):
        out = start.copy()
        assert shares.share_product(left, right, alpha, beta, out)
        np.testing.assert_allclose(out, alpha * exact + beta * start, **tolerance)

        team.dismiss()
        team.gather(1)
        alone = start.copy()
        shares.share_product(left, right, alpha, beta, alone)
        np.testing.assert_array_equal(alone, out)
        team.gather(team.size())


def test_what_the_blas_cannot_read_is_left_to_numpy(gathered):
    rng = np.random.default_rng(0)
    left, right = rng.standard_normal((2, 512, 512)).astype("float32")
    out = np.empty((256, 512), "float32")
    crooked = np.asfortranarray(left)[::2, ::-1]
    assert not shares.share_product(crooked, right, 1.0, 0.0, out)
    assert not shares.share_product(left[:256], right.astype("float64"), 1.0, 0.0, out)
    np.testing.assert_allclose(product(crooked, right), crooked @ right, atol=1e-3)


def test_small_products_are_not_shared(gathered):
    small = np.ones((20, 20), "float32")
    assert not shares.share_product(small, small, 1.0, 0.0, np.empty_like(small))


DIVIDED = [k for k in KERNELS if k.division is not None]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("kernel", DIVIDED, ids=lambda k: k.__name__)
def test_a_shared_loop_is_the_loop(gathered, kernel: Kernel, dtype: str):
    for arguments in cases(dtype)[kernel.__name__]:
        mine = [a.copy() if isinstance(a, np.ndarray) else a for a in arguments]
        result = kernel.machine_code()(*arguments)
        assert kernel.shared_code()(team.size(), *mine) == result
        count = len(arguments) - SCRATCH.get(kernel.__name__, 0)
        for a, b in zip(arguments[:count], mine[:count], strict=True):
            np.testing.assert_allclose(b, a, rtol=1e-6 if dtype == "float32" else 1e-14)


def test_one_run_has_the_team_and_another_takes_its_shares_in_turn(gathered):
    rng = np.random.default_rng(0)
    left, right = rng.standard_normal((2, 256, 256)).astype("float32")
    mine = product(left, right)
    seen = []

    def other():
        seen.append(team.gather(2))
        seen.append(team.here.sharing)
        seen.append(product(left, right))
        seen.append(team.dismiss())

    thread = threading.Thread(target=other)
    thread.start()
    thread.join()
    assert seen[:2] == [False, True]
    assert seen[3] is False
    np.testing.assert_array_equal(seen[2], mine)


def test_the_team_is_free_again_after_an_error(monkeypatch):
    model = minidl.Sequential([minidl.Input((3,)), layers.Dense(2)])
    model.compile("sgd", "mse")
    x = np.ones((4, 3), "float32")

    def fail(*arguments):
        assert team.here.together
        raise KeyboardInterrupt

    monkeypatch.setattr(layers.Dense, "forward", fail)
    for method in (model.predict, model.predict_on_batch):
        with pytest.raises(KeyboardInterrupt):
            method(x)
        assert not team.here.together
    for method in (model.fit, model.evaluate, model.train_on_batch, model.test_on_batch):
        with pytest.raises(KeyboardInterrupt):
            method(x, x[:, :2])
        assert not team.here.together
    assert not team.here.sharing
    assert team.gather(1)
    team.dismiss()


def test_the_blas_has_its_threads_back_after_a_run():
    library = blas.library()
    before = library.threads()
    governor = Governor(most=2)
    governor.begin("step")
    assert library.threads() == 1
    governor.rest()
    assert library.threads() == 2
    library.set_threads(before)


def test_numba_has_its_threads_back_after_a_run():
    import numba

    numba.set_num_threads(1)
    try:
        team.gather(2)
        assert team.here.count == 1
        team.dismiss()
        assert numba.get_num_threads() == 1
    finally:
        numba.set_num_threads(numba.config.NUMBA_NUM_THREADS)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of forking beside threads
def test_a_forked_process_does_without(gathered):
    left = np.ones((256, 256), "float32")
    product(left, left)
    child = os.fork()
    if child == 0:
        fine = not team.possible() and not team.here.sharing and product(left, left)[0, 0] == 256
        os._exit(0 if fine else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
