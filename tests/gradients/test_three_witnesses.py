"""Every built-in gradient: by hand, by autodiff of the plain definition, and by differences."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings

from minidl import activations, layers, losses, regularizers
from minidl.layers.attention.projection import Projection

from .cases import BASES, CASES, EXEMPT, path_of, public_classes
from .definitions import DEFINITIONS
from .witnesses import DisagreementError, hear

WITHOUT = {
    layers.Discretization: "it is constant between its boundaries",
    layers.IntegerLookup: "integers go in, integers or constants come out",
    layers.Lambda: "its gradient is the user's, or autodiff's own",
    activations.FunctionActivation: "its gradient is autodiff's own",
    losses.FunctionLoss: "its gradient is autodiff's own",
    regularizers.FunctionRegularizer: "its gradient is autodiff's own",
}
"""Public classes without a plain definition, and why."""

MODELS = {cls for cls in CASES if cls.__module__.startswith("minidl.models")}
few = settings(max_examples=6, suppress_health_check=list(HealthCheck))
until_wrong = settings(
    max_examples=50,
    phases=[Phase.generate],
    report_multiple_bugs=False,
    suppress_health_check=list(HealthCheck),
)
many = settings(max_examples=50, suppress_health_check=list(HealthCheck))


def test_every_public_class_has_a_definition():
    missing = sorted(
        path_of(cls)
        for cls in public_classes() - set(BASES) - MODELS
        if cls not in DEFINITIONS and cls not in WITHOUT and path_of(cls) not in EXEMPT
    )
    assert not missing, (
        f"without a plain definition: {missing}. Write what it computes in NumPy, straight from "
        "the equation, into a module of tests/gradients/definitions; or, if it has no gradient to "
        "compare, a reason into WITHOUT."
    )


def test_no_definition_is_idle():
    assert set(DEFINITIONS) <= set(CASES)
    assert set(DEFINITIONS) - public_classes() <= {Projection}
    assert not set(WITHOUT) & set(DEFINITIONS)


def test_a_class_without_a_definition_would_be_found(monkeypatch):
    class Forgotten(layers.Layer):
        pass

    monkeypatch.setattr(layers, "Forgotten", Forgotten, raising=False)
    with pytest.raises(AssertionError, match=r"without a plain definition: \[.*Forgotten"):
        test_every_public_class_has_a_definition()


def checked(cls, profile, table):
    @profile
    @given(CASES[cls])
    def check(trial):
        table.add(cls, hear(trial))

    check()


def name_of(cls):
    return f"{cls.__module__.split('.')[1]}-{cls.__name__}"


@pytest.mark.parametrize("cls", DEFINITIONS, ids=name_of)
def test_witnesses_agree(cls, witness_table):
    checked(cls, few, witness_table)


@pytest.mark.slow
@pytest.mark.parametrize("cls", DEFINITIONS, ids=name_of)
def test_witnesses_agree_on_many(cls, witness_table):
    checked(cls, many, witness_table)


WRONG = {
    activations.Tanh: ("backward", lambda dz: dz * (1 + 1e-9)),
    layers.Conv2D: ("backward", lambda dx: dx + 1e-9),
    layers.Dense: ("backward", lambda dx: -dx),
    layers.LSTM: ("backward", lambda dx: dx),
    losses.CategoricalCrossentropy: ("gradient", lambda dp: dp * 1.01),
    regularizers.L2: ("gradient", lambda dx: dx / 2),
}


@pytest.mark.parametrize("cls", WRONG, ids=name_of)
def test_a_wrong_gradient_is_noticed(cls, monkeypatch):
    """Plant an error of a billionth, a wrong sign, a forgotten parameter."""
    method, spoil = WRONG[cls]
    right = getattr(cls, method)

    def wrong(self, *args, **options):
        result = right(self, *args, **options)
        if cls is layers.LSTM:
            self.cell.recurrent_kernel.grad = self.cell.recurrent_kernel.grad.T[::-1].T
            return result
        return [spoil(d) for d in result] if isinstance(result, list) else spoil(result)

    monkeypatch.setattr(cls, method, wrong)
    with pytest.raises(DisagreementError):
        checked(cls, until_wrong, _Nothing())


class _Nothing:
    def add(self, cls, finding):
        pass


def test_a_wrong_definition_is_noticed_by_the_differences(monkeypatch):
    """Where autodiff and hand agree on a wrong slope, the differences do not."""
    from . import witnesses

    monkeypatch.setattr(witnesses, "apart", lambda found, expected, what: 0.0)
    monkeypatch.setattr(
        activations.Sigmoid, "backward", lambda self, y, dy: dy * y * (1 - y) * (1 + 1e-4)
    )
    with pytest.raises(DisagreementError, match="along a direction"):
        checked(activations.Sigmoid, until_wrong, _Nothing())


def test_a_kink_is_no_disagreement():
    from .witnesses import along

    assert along(np.abs, 0.3, 1.0) is None
    assert along(np.sin, 1.0, 1.0) < 1e-9
