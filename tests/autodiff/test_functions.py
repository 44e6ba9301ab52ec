"""Every covered function of NumPy: its gradient, and its gradient's, against differences."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from minidl.autodiff import covered, vjp
from minidl.autodiff.coverage import differentiable
from minidl.autodiff.dispatch import name_of

from .checks import check_gradients, gradients, of_floats, outputs
from .functions import FUNCTIONS, METHODS, Case

CASES = [
    pytest.param(case, id=f"{name_of(function)}-{i}")
    for function, cases in FUNCTIONS.items()
    for i, case in enumerate(cases)
] + [pytest.param(case, id=name) for name, case in METHODS.items()]


def test_every_covered_function_has_a_case():
    missing = sorted(name_of(f) for f in differentiable() if f not in FUNCTIONS)
    assert not missing, f"covered, and without a case in tests/autodiff/functions.py: {missing}"


def test_every_case_is_of_a_covered_function():
    unknown = sorted(name_of(f) for f in FUNCTIONS if f not in differentiable())
    assert not unknown


def test_the_count_of_functions():
    """The number that the documentation names; what is lost from the tables is noticed."""
    assert len(covered()["differentiable"]) >= 170
    assert len(covered()["constant"]) >= 60


@pytest.mark.parametrize("case", CASES)
def test_gradient(case: Case):
    @settings(max_examples=5, suppress_health_check=list(HealthCheck))
    @given(case.inputs)
    def check(inputs):
        check_gradients(case.call, inputs)

    check()


@pytest.mark.parametrize("case", CASES)
def test_gradient_of_the_gradient(case: Case):
    """The rules are themselves made of covered functions: ⟨dx, v⟩ is differentiated once more."""

    @settings(max_examples=2, suppress_health_check=list(HealthCheck))
    @given(case.inputs)
    def check(inputs):
        rng = np.random.default_rng(0)
        dy = rng.standard_normal(outputs(case.call, inputs).shape)

        def slopes(*args):
            return [np.tanh(dx) for dx in gradients(case.call, args, dy)]

        check_gradients(slopes, inputs, tolerance=1e-5, entries=2)

    check()


@pytest.mark.parametrize("case", CASES)
@settings(max_examples=2)
@given(data=st.data())
def test_tracing_changes_neither_values_nor_types(case: Case, data):
    inputs = data.draw(case.inputs)
    for dtype, tolerance in ((np.float64, 1e-12), (np.float32, 1e-5)):
        cast = [x.astype(dtype) if hasattr(x, "dtype") else x for x in inputs]
        plain = outputs(case.call, cast)
        function, floats = of_floats(case.call, cast)
        traced, pull = vjp(function, *floats)
        np.testing.assert_allclose(traced, plain, rtol=tolerance, atol=tolerance)
        assert all(dx.dtype == dtype for dx in pull(np.ones_like(traced)))


def test_the_page_lists_what_is_covered():
    page = (Path(__file__).parents[2] / "docs" / "autodiff.md").read_text(encoding="utf-8")
    names = [*covered()["differentiable"], *covered()["constant"]]
    assert not [name for name in names if f"`{name}`" not in page]
    assert f"{len(covered()['differentiable'])} functions of NumPy" in page
