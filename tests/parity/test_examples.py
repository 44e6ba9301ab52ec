"""The examples under Keras itself: what differs from a Keras script is nothing but the imports."""

from __future__ import annotations

import numpy as np
import pytest

from tests.test_examples import EXAMPLES, LEAST, NOT_UNDER_KERAS, load

pytestmark = [pytest.mark.parity, pytest.mark.filterwarnings("ignore")]


@pytest.mark.parametrize("name", [n for n in EXAMPLES if n not in NOT_UNDER_KERAS])
def test_an_example_learns_under_keras(name):
    with np.errstate(all="ignore"):
        module = load(name, imports_of="keras")
        assert module.layers.__name__.startswith("keras")
        assert module.main(["--quick"]) >= LEAST[name]
