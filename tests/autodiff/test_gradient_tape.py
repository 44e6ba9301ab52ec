"""GradientTape as Keras's users know it."""

from __future__ import annotations

import numpy as np
import pytest

from minidl.autodiff import GradientTape
from minidl.layers import Parameter

x = np.array([0.5, -1.0, 2.0])


@pytest.fixture
def w():
    return Parameter(x, name="w")


def test_parameters_are_followed_by_themselves(w):
    with GradientTape() as tape:
        loss = np.sum(w * w * 3)
    assert tape.gradient(loss, w).tolist() == (6 * x).tolist()
    assert float(loss) == 3 * np.sum(x * x)
    assert tape.watched_variables() == [w]


def test_structures_and_unconnected(w):
    other = Parameter(x, name="other")
    frozen = Parameter(x, trainable=False)
    with GradientTape(persistent=True) as tape:
        loss = np.sum(w) + np.sum(frozen)
    found = tape.gradient(loss, {"a": [w, other], "b": frozen})
    assert found["a"][0].tolist() == [1, 1, 1]
    assert found["a"][1] is None
    assert found["b"] is None
    zeros = tape.gradient(loss, [other, frozen], unconnected_gradients="zero")
    assert [z.tolist() for z in zeros] == [[0, 0, 0]] * 2


def test_watch_returns_the_array_to_go_on_with():
    with GradientTape() as tape:
        a, b = tape.watch([x, 2 * x])
        loss = a * b
    da, db = tape.gradient(loss, [a, b], output_gradients=np.array([1.0, 0.0, 1.0]))
    assert da.tolist() == [1, 0, 4]
    assert db.tolist() == [0.5, 0, 2]


def test_a_plain_array_as_source_raises():
    with GradientTape() as tape:
        tape.watch(x)
        loss = np.sum(x * x)
    with pytest.raises(TypeError, match=r"x = tape\.watch\(x\)"):
        tape.gradient(loss, x)


def test_a_target_that_was_not_recorded_raises(w):
    with GradientTape() as tape:
        loss = np.sum(w)
    with pytest.raises(ValueError, match="float"):
        tape.gradient(float(loss), w)


def test_only_a_persistent_tape_is_asked_twice(w):
    with GradientTape() as tape:
        loss = np.sum(w)
    tape.gradient(loss, w)
    with pytest.raises(RuntimeError, match="persistent=True"):
        tape.gradient(loss, w)
    with GradientTape(persistent=True) as tape:
        loss = np.sum(w)
    assert tape.gradient(loss, w).tolist() == tape.gradient(loss, w).tolist()


def test_before_the_block():
    with pytest.raises(RuntimeError, match="with GradientTape"):
        GradientTape().gradient(x, x)


def test_a_selective_tape_follows_what_it_is_told(w):
    with GradientTape(watch_accessed_variables=False) as tape:
        loss = np.sum(w * 2)
    assert not hasattr(loss, "tape")
    with GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(w)
        loss = np.sum(w * 2)
    assert tape.gradient(loss, w).tolist() == [2, 2, 2]


def test_stop_recording_and_reset(w):
    with GradientTape() as tape:
        with tape.stop_recording():
            constant = np.sum(w * w)
        loss = np.sum(w) * constant
    assert tape.gradient(loss, w).tolist() == [np.sum(x * x)] * 3
    with GradientTape() as tape:
        np.sum(w * w)
        tape.reset()
        loss = np.sum(w * 3)
    assert tape.gradient(loss, w).tolist() == [3, 3, 3]


def test_jacobian(w):
    with GradientTape() as tape:
        y = w * w
    assert tape.jacobian(y, w).tolist() == np.diag(2 * x).tolist()


def test_tapes_nest(w):
    with GradientTape() as outer:
        with GradientTape() as inner:
            y = np.sum(w**3)
        slope = inner.gradient(y, w)
        penalty = np.sum(slope**2)
    np.testing.assert_allclose(outer.gradient(penalty, w), 36 * x**3)


def test_an_error_within_ends_the_recording(w):
    from minidl import tracing

    with pytest.raises(ZeroDivisionError), GradientTape():
        raise ZeroDivisionError
    assert tracing.current() is None
    assert tracing.listening == 0
    assert isinstance(w.value, np.ndarray)
