"""What holds for every test: NumPy raises, and whatever is drawn at random is drawn again alike.

Profiles (`pytest --hypothesis-profile=NAME`):
    default     the same examples in every run, so that a red run stays red until it is mended
    unshrunk    the same examples as `default`, and a failing one is not made simpler
    explore     new examples in every run, and ten times as many: for a night, or before a release
"""

from __future__ import annotations

import os
from collections.abc import Iterator

# One thread: the arrays are small, and OpenBLAS's waiting threads slow a shared machine many times.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")
# The NumPy form of every kernel; tests/kernels compares the compiled ones with it.
os.environ.setdefault("MINIDL_COMPILED", "0")

import hypothesis
import numpy as np
import pytest

from minidl import random

quiet = [hypothesis.HealthCheck.too_slow, hypothesis.HealthCheck.data_too_large]
hypothesis.settings.register_profile(
    "default",
    deadline=None,
    derandomize=True,
    print_blob=True,
    max_examples=25,
    suppress_health_check=quiet,
    database=None,
)
hypothesis.settings.register_profile(
    "explore",
    deadline=None,
    print_blob=True,
    max_examples=250,
    suppress_health_check=quiet,
)
hypothesis.settings.register_profile(
    "unshrunk",
    hypothesis.settings.get_profile("default"),
    phases=[hypothesis.Phase.explicit, hypothesis.Phase.generate],
)
hypothesis.settings.load_profile("default")


class RootSeed:
    """minidl's tree of random numbers, in the form in which Hypothesis takes such things.

    It plants the tree anew before every example, so that an example fails alone as in a row.
    """

    seed = staticmethod(random.set_root_seed)
    getstate = staticmethod(random.get_root_state)
    setstate = staticmethod(random.set_root_state)


root_seed = RootSeed()  # Hypothesis keeps no reference of its own
hypothesis.register_random(root_seed)

# For the docstring examples, which the fixture below does not reach.
np.seterr(over="raise", invalid="raise", divide="raise")


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup() -> None:
    """Plant the tree of random numbers before a test and all its fixtures, whatever ran before."""
    random.set_root_seed(0)


@pytest.fixture(autouse=True)
def numpy_raises() -> Iterator[None]:
    """Overflow, invalid operations and division by zero are errors; underflow to zero is not."""
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        yield
