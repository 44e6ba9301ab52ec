"""The two forms of every kernel agree; found by introspection, so that none goes without."""

from __future__ import annotations

import pkgutil
from importlib import import_module
from typing import Any

import numpy as np
import pytest

import minidl.kernels
from minidl import config, layers, optimizers
from minidl.datasets import digits
from minidl.kernels import patches, pooling
from minidl.kernels.kernel import KERNELS, Kernel
from minidl.layers.convolutional.geometry import convolution_windows
from minidl.layers.convolutional.patches import windowed

for _module in pkgutil.iter_modules(minidl.kernels.__path__, "minidl.kernels."):
    import_module(_module.name)

rng = np.random.default_rng(3)


def normal(*shape: int, dtype: str) -> Any:
    return rng.standard_normal(shape).astype(dtype)


def positive(*shape: int, dtype: str) -> Any:
    return np.abs(normal(*shape, dtype=dtype))


N = 1003  # not a multiple of any vector's length


def cases(dtype: str) -> dict[str, list[tuple[Any, ...]]]:
    """Arguments for every kernel, by its name."""

    def flat() -> Any:
        return normal(N, dtype=dtype)

    def spread() -> Any:  # from zero over denormal numbers to large ones
        return flat() * (10.0 ** rng.integers(-40, 3, N)).astype(dtype)

    def windows(count: int, size: int, stride: int, before: int) -> Any:
        """x with ties, its windows' maxima, dy and dx."""
        x = rng.integers(0, 3, (3, 11, 5)).astype(dtype)
        y = np.empty((3, count, 5), dtype)
        pooling.window_maxima.reference(x, y, size, stride, before)
        return x, y, normal(3, count, 5, dtype=dtype), np.zeros_like(x)

    def planes(size: Any, stride: Any) -> Any:
        """x with ties, the maxima of its rectangles, dy and dx."""
        x = rng.integers(0, 3, (2, 7, 9, 5)).astype(dtype)
        shape = [(n - k) // s + 1 for n, k, s in zip((7, 9), size, stride, strict=True)]
        y = np.empty((2, *shape, 5), dtype)
        pooling.plane_maxima.reference(x, y, size, stride)
        return x, y, normal(*y.shape, dtype=dtype), np.zeros_like(x)

    views = (1, 2, 1, 3, 4, 1, 2, 2, 5)
    rectangles = [((2, 2), (2, 2)), ((3, 1), (4, 2)), ((7, 2), (7, 3))]
    # Side by side; with gaps; overlapping; sticking out at both ends.
    geometries = [(5, 2, 2, 0), (3, 3, 4, 0), (9, 3, 1, 0), (6, 3, 2, 1), (11, 4, 1, 1)]

    def steps(count: int) -> Any:  # of a recurrent layer: (arrays, time, batch, units)
        return rng.uniform(0.1, 0.9, (count, 3, 5, 6)).astype(dtype)

    def block(count: int = 1) -> Any:
        return normal(5, count * 6, dtype=dtype)

    labels = rng.integers(0, 7, 50).astype(np.intp)
    wrong = np.where(np.arange(50) == 31, 7, labels).astype(np.intp)
    return {
        "clear_tiny": [(spread(), 1e-30, flat())],
        "descend": [(flat(), flat(), 0.1, flat())],
        "momentum": [
            (flat(), flat(), flat(), 0.1, 0.9, nesterov, flat()) for nesterov in (False, True)
        ],
        "adam": [
            (flat(), flat(), flat(), positive(N, dtype=dtype), 0.01, 0.1, 0.001, 1e-7, flat())
        ],
        "rmsprop": [(flat(), flat(), positive(N, dtype=dtype), 0.01, 0.1, 1e-7, flat())],
        "bias_relu": [(normal(33, 17, dtype=dtype), normal(17, dtype=dtype))],
        "relu": [(np.append(flat(), [np.nan, -0.0]).astype(dtype),)],
        "relu_backward": [(np.maximum(flat(), 0), flat(), flat())],
        "sigmoid_backward": [(1 / (1 + np.exp(-flat())), flat(), flat())],
        "tanh_backward": [(np.tanh(flat()), flat(), flat())],
        "window_maxima": [(w[0], 0 * w[1], *g[1:]) for g in geometries if (w := windows(*g))],
        "window_sums": [(w[0], 0 * w[1], *g[1:]) for g in geometries if (w := windows(*g))],
        "spread_sums": [(w[2], w[3], *g[1:]) for g in geometries if (w := windows(*g))],
        "spread_to_maxima": [(*windows(*g), *g[1:]) for g in geometries],
        "add_patches": [(normal(*views, dtype=dtype), normal(*views, dtype=dtype))],
        "plane_maxima": [(p[0], 0 * p[1], *g) for g in rectangles if (p := planes(*g))],
        "plane_spread": [(*planes(*g), *g) for g in rectangles],
        "lstm_open": [(steps(7), 2, block(4))],
        "lstm_carry": [(steps(7), 1)],
        "lstm_backward": [
            (steps(7), 2, block(), block(), block(4), normal(2, 4, 5, 6, dtype=dtype))
        ],
        "gru_backward": [
            (steps(5), 2, block(), block(3), block(3), normal(2, 3, 5, 6, dtype=dtype))
        ],
        "entropy_of_bits": [
            (flat() * 30, rng.integers(0, 2, N).astype(dtype), 0.02, flat()),
            (flat() * 1e4, rng.uniform(0, 1, N).astype(dtype), 1e-5, flat()),
        ],
        "entropy_of_labels": [
            (normal(50, 7, dtype=dtype) * 30, k, 0.02, normal(50, dtype=dtype),
             normal(50, 7, dtype=dtype))
            for k in (labels, wrong)
        ],
    }  # fmt: skip


# What comes out as scratch or, after a refusal, half done.
SCRATCH = {"clear_tiny": 1, "descend": 1, "momentum": 1, "adam": 1, "rmsprop": 1}
SCRATCH |= {"gru_backward": 1, "lstm_backward": 1}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("kernel", KERNELS, ids=lambda k: k.__name__)
def test_both_forms_agree(kernel: Kernel, dtype: str) -> None:
    pytest.importorskip("numba")
    tolerance = 3e-6 if dtype == "float32" else 1e-13
    for arguments in cases(dtype)[kernel.__name__]:
        mine = [a.copy() if isinstance(a, np.ndarray) else a for a in arguments]
        result = kernel.reference(*arguments)
        compiled = kernel.machine_code()(*mine)
        if result is False:
            assert compiled is False
            continue
        assert compiled == (pytest.approx(result, rel=tolerance) if result else result)
        count = len(arguments) - SCRATCH.get(kernel.__name__, 0)
        for a, b in zip(arguments[:count], mine[:count], strict=True):
            if isinstance(a, np.ndarray):
                assert b.dtype == a.dtype
                np.testing.assert_allclose(b, a, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize(("sizes", "taps"), [((1, 5, 6), (1, 2, 3)), ((3, 4, 5), (2, 2, 2))])
def test_shares_of_windows_that_overlap_are_added(sizes: Any, taps: Any) -> None:
    pytest.importorskip("numba")
    windows = convolution_windows(sizes, taps, (1, 1, 1), (1, 1, 1), "valid")
    x = normal(2, *sizes, 4, dtype="float64")
    mine = x.copy()
    seen, seen_by_loop = windowed(x, windows), windowed(mine, windows)
    shares = normal(*seen.shape, dtype="float64")
    patches.add_patches.reference(shares, seen)
    patches.add_patches.machine_code()(shares, seen_by_loop)
    np.testing.assert_allclose(mine, x, rtol=1e-13)


def test_every_kernel_has_a_case_and_a_loop() -> None:
    assert {k.__name__ for k in KERNELS} == set(cases("float32"))
    assert all(k.loop is not None for k in KERNELS)


def train(compiled: bool, optimizer: Any) -> tuple[list[Any], list[float]]:
    """An epoch on the embedded digits, from the same weights."""
    (x, y), _ = digits.load_data()
    config.set_compiled_kernels(compiled)
    try:
        minidl.utils.set_random_seed(1)
        model = minidl.Sequential(
            [
                minidl.Input((784,)),
                layers.Dense(64, "relu"),
                layers.Dense(32, "relu"),
                layers.Dense(10, "softmax"),
            ]
        )
        model.compile(optimizer, "sparse_categorical_crossentropy")
        history = model.fit(x.reshape(-1, 784).astype("float32") / 255, y, verbose=0)
    finally:
        config.set_compiled_kernels(None)
    return model.get_weights(), history.history["loss"]


@pytest.mark.parametrize(
    "make",
    [
        lambda: optimizers.SGD(0.05),
        lambda: optimizers.SGD(0.01, momentum=0.9, nesterov=True),
        lambda: optimizers.Adam(0.001),
        lambda: optimizers.RMSprop(0.0005),
    ],
    ids=["sgd", "nesterov", "adam", "rmsprop"],
)
def test_an_epoch_ends_alike_in_numpy_and_compiled(make: Any) -> None:
    """Equal up to float32's round-off, grown over 157 steps: Adam and RMSprop divide by it."""
    pytest.importorskip("numba")
    weights, loss = train(False, make())
    compiled, compiled_loss = train(True, make())
    np.testing.assert_allclose(compiled_loss, loss, rtol=2e-4)
    for a, b in zip(weights, compiled, strict=True):
        assert np.abs(a - b).max() < 5e-3
        assert np.abs(a - b).mean() < 1e-4


def test_importing_kernels_loads_no_numba() -> None:
    import subprocess
    import sys

    program = (
        "import sys, minidl\n"
        "from minidl.kernels import dense, entropy, updates\n"
        "print('numba' in sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert run.stdout.strip() == "False", run.stderr


def test_compiled_kernels_without_numba_say_what_to_install(monkeypatch: Any) -> None:
    import importlib.util

    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ImportError, match=r"minidl\[fast\]"):
        config.set_compiled_kernels(True)
