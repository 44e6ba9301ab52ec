"""What holds for every test: NumPy raises, and Hypothesis draws the same examples again.

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

# For the docstring examples, which the fixture below does not reach.
np.seterr(over="raise", invalid="raise", divide="raise")


@pytest.fixture(autouse=True)
def numpy_raises() -> Iterator[None]:
    """Overflow, invalid operations and division by zero are errors; underflow to zero is not."""
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        yield
