"""An assertion for tests: every gradient of something is right."""

from __future__ import annotations

from typing import Any

from minidl.gradcheck import GradientError, gradcheck


def assert_gradients_correct(obj: Any, *inputs: Any, **options: Any) -> None:
    """Assert that every gradient of a layer, model, activation, loss or function is right.

    It is `gradcheck` for tests: it returns nothing, and pytest shows the test's own line with the
    message, and not what is within.

    Arguments:
        obj, inputs, options: as for `minidl.gradcheck.gradcheck`.

    Raises:
        AssertionError: with the worst entry, both values there and the likely cause.

    Example:
        >>> from minidl.layers import Dense
        >>> assert_gradients_correct(Dense(3, activation="tanh"), input_shape=(4, 5))
    """
    __tracebackhide__ = True
    try:
        gradcheck(obj, *inputs, **options)
    except GradientError as error:
        failure = error.with_traceback(None)
    else:
        return
    raise failure from None
