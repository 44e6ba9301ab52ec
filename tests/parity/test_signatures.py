"""Signatures and defaults against real Keras: what a Keras user types must be taken."""

import inspect

import pytest

import minidl
from minidl.registry import constructor_arguments

pytestmark = pytest.mark.parity

METHODS = [
    "compile",
    "fit",
    "evaluate",
    "predict",
    "train_on_batch",
    "test_on_batch",
    "predict_on_batch",
    "summary",
    "get_layer",
    "get_weights",
    "set_weights",
    "count_params",
]
FAMILIES = [
    "layers",
    "losses",
    "metrics",
    "optimizers",
    "callbacks",
    "initializers",
    "regularizers",
    "constraints",
]
ABSENT = {
    "lora_rank",  # fine-tuning of large models
    "lora_alpha",
    "quantization_config",
    "gptq_unpacked_column_size",
}
OTHERWISE = {
    ("layers", "InputSpec"),  # a helper: ranks and sizes, no dtypes
    ("optimizers", "Optimizer"),  # the base has a default learning rate
}


@pytest.fixture(scope="module")
def keras():
    import keras

    return keras


def arguments(function):
    parameters = list(inspect.signature(function).parameters.values())
    named = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    return [(p.name, p.default) for p in parameters if p.name != "self" and p.kind in named]


@pytest.mark.parametrize("method", METHODS)
def test_methods_of_a_model(keras, method):
    ours = arguments(getattr(minidl.Model, method))
    if method == "fit":
        assert ours[-2:] == [("diagnose", False), ("resume", None)]  # ours, behind Keras's
        del ours[-2:]
    assert ours == arguments(getattr(keras.Model, method))


@pytest.mark.parametrize("function", ["Input"])
def test_functions(keras, function):
    assert arguments(getattr(minidl, function)) == arguments(getattr(keras, function))


@pytest.mark.parametrize("name", ["SKLearnClassifier", "SKLearnRegressor", "SKLearnTransformer"])
def test_wrappers(keras, name):
    ours = arguments(getattr(minidl.wrappers, name).__init__)
    theirs = arguments(getattr(keras.wrappers, name).__init__)
    assert ours[: len(theirs)] == theirs
    assert ours[len(theirs) :] == [("random_state", None)]  # ours alone, behind Keras's


def shared_classes():
    for family in FAMILIES:
        namespace = getattr(minidl, family)
        for name in sorted(getattr(namespace, "__all__", vars(namespace))):
            if isinstance(getattr(namespace, name), type) and (family, name) not in OTHERWISE:
                yield family, name


@pytest.mark.parametrize(("family", "name"), list(shared_classes()))
def test_constructors(keras, family, name):
    """Keras's arguments, in Keras's order, with Keras's defaults."""
    theirs = getattr(getattr(keras, family), name, None)
    if theirs is None:
        return  # minidl's own: its base classes and helpers
    ours = getattr(getattr(minidl, family), name)
    expected = [(n, d) for n, d in arguments(theirs.__init__) if n not in ABSENT]
    given = dict(arguments(ours.__init__))
    taken = constructor_arguments(ours)
    assert [n for n, _ in expected if n not in taken] == []
    for argument, default in expected:
        if argument in given:
            assert given[argument] == default or _same(given[argument], default), argument
    positional = [n for n in given if n in dict(expected)]
    assert positional == [n for n, _ in expected if n in positional]


def _same(a, b):
    if isinstance(b, tuple) and set(b) == {a}:
        return True  # 1 is strides of (1, 1)
    return str(a).lower() == str(b).lower() or (isinstance(a, tuple) and list(a) == list(b))
