"""Every differentiable class, found by introspection, against central differences."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from minidl import activations, layers, losses
from minidl.gradcheck import gradcheck
from minidl.testing import arrays

from .cases import BASES, CASES, EXEMPT, differentiable_classes, path_of, public_classes
from .loss_cases import LOSSES
from .trial import Trial


def test_every_differentiable_class_has_a_case():
    missing = sorted(
        path_of(cls)
        for cls in differentiable_classes() | public_classes()
        if cls not in CASES and path_of(cls) not in EXEMPT
    )
    assert not missing, (
        f"without a gradient test: {missing}. Add a strategy for each to the table of its family "
        "in tests/gradients, or, if there is nothing to differentiate, a reason to EXEMPT."
    )


def test_every_case_is_for_a_class_that_is_there():
    known = differentiable_classes()
    gone = sorted(path_of(cls) for cls in CASES if cls not in known)
    assert not gone, f"cases for classes that the package no longer defines: {gone}"
    unknown = sorted(set(EXEMPT) - {path_of(cls) for cls in known})
    assert not unknown, f"reasons for classes that the package no longer defines: {unknown}"
    assert not sorted(path_of(cls) for cls in CASES if path_of(cls) in EXEMPT)


def test_no_public_class_is_exempt_but_the_contracts():
    exempt = {cls for cls in public_classes() if path_of(cls) in EXEMPT}
    text = {layers.StringLookup, layers.TextVectorization}
    assert exempt <= {*BASES, *text}


def test_a_class_without_a_case_would_be_found(monkeypatch):
    class Forgotten(losses.Loss):
        pass

    monkeypatch.setattr(losses, "Forgotten", Forgotten, raising=False)
    assert Forgotten in public_classes()


@pytest.mark.parametrize(
    "cls", CASES, ids=lambda cls: f"{cls.__module__.split('.')[1]}-{cls.__name__}"
)
def test_gradients(cls, gradient_table):
    @settings(suppress_health_check=list(HealthCheck))
    @given(CASES[cls])
    def check(trial: Trial) -> None:
        assert isinstance(trial.obj, cls)
        report = trial.check()
        gradient_table.add(cls, report)

    check()


BELONGS = {
    losses.BinaryCrossentropy: activations.sigmoid,
    losses.CategoricalCrossentropy: activations.softmax,
    losses.SparseCategoricalCrossentropy: activations.softmax,
}


@pytest.mark.parametrize("cls", LOSSES, ids=lambda cls: cls.__name__)
def test_only_these_losses_take_logits_in_an_activations_place(cls):
    for activation in (activations.sigmoid, activations.softmax, activations.linear):
        assert (cls().on_logits(activation) is not None) == (BELONGS.get(cls) is activation)


@pytest.mark.parametrize("cls", BELONGS, ids=lambda cls: cls.__name__)
def test_losses_on_logits(cls):
    """The loss that takes an activation's place in training is the same, with its gradient."""

    @settings(suppress_health_check=list(HealthCheck))
    @given(LOSSES[cls], st.data())
    def check(trial: Trial, data: st.DataObject) -> None:
        activation, loss = BELONGS[cls], trial.obj
        fused = loss.on_logits(activation)
        assume(fused is not None)
        y_true, y_pred, weights = trial.inputs
        assume(y_pred.shape[-1] > 1 or activation is activations.sigmoid)  # p = 1 is clipped
        z = data.draw(arrays(y_pred.shape, avoid=()))
        expected = loss(y_true, activation(z), weights)
        np.testing.assert_allclose(fused(y_true, z, weights), expected, rtol=1e-9, atol=1e-12)
        gradcheck(fused, y_true, z, weights, entries=16)

    check()
