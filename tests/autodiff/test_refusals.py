"""Nothing is silently constant: what has no derivative here raises, and names the line."""

from __future__ import annotations

import math
import threading

import numpy as np
import pytest

from minidl.autodiff import InPlaceError, NotDifferentiableError, grad, stop_gradient, vjp

x = np.array([0.5, -1.0, 2.0])


def refused(function, error=NotDifferentiableError):
    """Return the error that differentiating `function` raises, or the cause of NumPy's own."""
    with pytest.raises((error, ValueError)) as caught:
        vjp(function, x)
    found = caught.value.__cause__ if isinstance(caught.value, ValueError) else caught.value
    assert isinstance(found, error)
    return found


UNCOVERED = {
    "np.unique": np.unique,
    "np.frexp": np.frexp,
    "np.histogram": np.histogram,
    "np.fft.fft": np.fft.fft,
    "np.linalg.eigvals": lambda x: np.linalg.eigvals(np.outer(x, x)),
    "np.apply_along_axis": lambda x: np.apply_along_axis(sum, 0, x),
    "np.copyto": lambda x: np.copyto(np.zeros(3), x),
    "np.put_along_axis": lambda x: np.put_along_axis(x, np.array([0]), 1.0, 0),
    "np.bitwise_count": lambda x: np.bitwise_count(x),
    "np.add.at": lambda x: np.add.at(x, [0], 1.0),
    "np.add.reduceat": lambda x: np.add.reduceat(x, [0, 1]),
    "np.sum": lambda x: np.sum(x, where=x > 0),
    "np.mean": lambda x: np.mean(x, where=x > 0),
    "np.add": lambda x: np.add(x, 1.0, where=x > 0),
    "np.pad": lambda x: np.pad(x, 1, mode="linear_ramp"),
    "np.quantile": lambda x: np.quantile(x, 0.5, method="nearest"),
    "np.take": lambda x: np.take(x, x),
    "np.where": lambda x: np.where(x, 1.0, 2.0),
    "x.tobytes": lambda x: x.tobytes(),
    "x.view": lambda x: x.view(np.int64),
}


@pytest.mark.parametrize("name", UNCOVERED)
def test_what_is_not_covered_raises_with_its_name_and_line(name):
    error = refused(UNCOVERED[name])
    assert error.function == name
    assert name in str(error)
    assert "test_refusals.py:" in str(error) or name in ("np.unique", "np.frexp", "np.histogram")


def test_the_line_is_the_users_and_is_shown():
    def layer_of_mine(x):
        y = np.tanh(x)
        return np.unique(y)  # this line

    error = refused(layer_of_mine)
    line = layer_of_mine.__code__.co_firstlineno + 2
    assert error.where == f"{__file__}:{line}"
    assert "return np.unique(y)  # this line" in str(error)


LEAVING = {
    "np.asarray": np.asarray,
    "np.array": lambda x: np.array([x[0], x[1]]),
    "an array's item": lambda x: _with_item(np.zeros(3), x[0]),
    "an array's slice": lambda x: _with_item(np.zeros((1, 3)), x),
    "float": lambda x: float(x[0]),
    "int": lambda x: int(x[0]),
    "index": lambda x: [1, 2, 3][x[0]],
    "math": lambda x: math.sqrt(x[2]),
    "item": lambda x: x[0].item(),
    "tolist": lambda x: x.tolist(),
    "numpy": lambda x: x.numpy(),
    "np.full": lambda x: np.full(3, x[0]),
    "scalar type": lambda x: np.float64(x[0]),
    "complex": lambda x: complex(x[0]),
}


def _with_item(array, value):
    array[0] = value
    return array


@pytest.mark.parametrize("name", LEAVING)
def test_nothing_leaves_the_trace_unnoticed(name):
    error = refused(LEAVING[name])
    assert "test_refusals.py" in str(error)


def _augmented(symbol):
    space = {}
    exec(f"def change(x):\n    y = x * 2.0\n    y {symbol}= 3.0\n    return y", space)
    return space["change"]


IN_PLACE = {
    **{f"{s}=": _augmented(s) for s in ("+", "-", "*", "/", "//", "%", "**")},
    "item": lambda x: _with_item(x * 2, 1.0),
    "out": lambda x: np.exp(x, out=x),
    "out of an array": lambda x: np.exp(x, out=np.zeros(3)),
    "sum out": lambda x: np.sum(x, out=np.zeros(())),
    "clip out": lambda x: x.clip(0, 1, out=x),
    "sort": lambda x: (x * 2).sort(),
    "fill": lambda x: (x * 2).fill(0),
    "put": lambda x: x.put([0], 1),
    "delete": lambda x: x.__delitem__(0),
    "array +=": lambda x: np.zeros(3).__iadd__(x),
}


@pytest.mark.parametrize("name", IN_PLACE)
def test_changing_a_traced_array_in_place_raises(name):
    assert "place" in str(refused(IN_PLACE[name], InPlaceError))


def test_constants_are_constant_on_purpose():
    assert grad(lambda x: np.sum(x * np.round(x)))(x).tolist() == np.round(x).tolist()
    assert grad(lambda x: np.sum(x * stop_gradient(x)))(x).tolist() == x.tolist()
    assert grad(lambda x: x[np.argmax(x)])(x).tolist() == [0, 0, 1]
    assert grad(lambda x: np.sum(x[x > 0]))(x).tolist() == [1, 0, 1]
    assert grad(lambda x: 1.0 * len(x))(x).tolist() == [0, 0, 0]
    assert isinstance(vjp(lambda x: x.astype(int), x)[0], np.ndarray)


def test_a_branch_goes_by_the_value():
    f = grad(lambda x: x**2 if x > 0 else -x)
    assert (f(3.0), f(-3.0)) == (6.0, -1.0)


def test_a_finished_trace_leaves_plain_numbers():
    kept = []

    def keep(x):
        kept.append(x * 2)
        return np.sum(x)

    grad(keep)(x)
    assert np.asarray(kept[0]).tolist() == (2 * x).tolist()
    assert isinstance(kept[0] + 1, np.ndarray)
    assert isinstance(np.sum(kept[0]), float)
    assert isinstance(np.unique(kept[0]), np.ndarray)
    assert float(kept[0][0]) == 1.0


def test_what_a_trace_prints_is_the_numbers():
    seen = []
    grad(lambda x: seen.append(f"{x} {x[0]:.1f} {x!r}") or np.sum(x))(x)
    assert seen == [f"{x} 0.5 <traced {x!r}>"]


def test_arguments_that_have_no_gradient():
    with pytest.raises(TypeError, match="dtype int64"):
        grad(np.sum)(np.array([1, 2]))
    with pytest.raises(TypeError, match="an array of shape"):
        grad(np.sin)(x)
    with pytest.raises(TypeError, match="argnums=1"):
        grad(np.sum, 1)(x)
    with pytest.raises(TypeError, match="shape"):
        vjp(np.sin, x)[1](np.ones(2))


def test_threads_do_not_see_each_others_traces():
    from minidl.layers import Parameter

    weight = Parameter(np.ones(3), name="w")
    seen = []

    def function(x):
        thread = threading.Thread(target=lambda: seen.append(type(weight.value)))
        thread.start()
        thread.join()
        seen.append(type(weight.value))
        return np.sum(x * weight)

    assert grad(function)(x).tolist() == [1, 1, 1]
    assert seen[0] is np.ndarray
    assert seen[1] is not np.ndarray
