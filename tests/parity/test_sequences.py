"""Embeddings, masks and TimeDistributed against real Keras, alone and in whole models."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pytest

import minidl
from minidl import layers

# The fixtures and comparisons are the layers' own.
from .test_layers import close, keras, lenient_numpy, plain  # noqa: F401

pytestmark = [pytest.mark.parity, pytest.mark.filterwarnings("ignore")]


class Case(NamedTuple):
    name: str
    make: Any  # of minidl's or Keras's layers and a dtype
    shape: tuple[int, ...]
    indices: int = 0  # integers below this in place of floats
    mask: tuple[int, ...] | None = None
    steps: bool = False  # some steps are zeros
    training: bool | None = None


def embedding(**arguments: Any) -> Any:
    return lambda k, dtype: k.Embedding(7, 3, dtype=dtype, **arguments)


def each_step(inner: Any) -> Any:
    return lambda k, dtype: k.TimeDistributed(inner(k, dtype), dtype=dtype)


def normalization(**arguments: Any) -> Any:
    return lambda k, dtype: k.BatchNormalization(dtype=dtype, **arguments)


CASES = [
    *(
        Case("Embedding", embedding(mask_zero=masked), shape, indices=7)
        for shape in ((6,), (4, 5), (2, 3, 4))
        for masked in (False, True)
    ),
    *(
        Case("Masking", lambda k, dtype, v=value: k.Masking(v, dtype=dtype), (4, 5, 3), steps=True)
        for value in (0.0, 1.5)
    ),
    Case("TimeDistributed", each_step(lambda k, d: k.Dense(2, "tanh", dtype=d)), (4, 5, 3)),
    Case("TimeDistributed", each_step(lambda k, d: k.LayerNormalization(dtype=d)), (4, 5, 3)),
    Case("TimeDistributed", each_step(lambda k, d: k.Conv2D(2, 2, dtype=d)), (2, 3, 5, 4, 2)),
    *(
        Case("TimeDistributed", each_step(normalization()), (4, 5, 3), training=training, mask=mask)
        for training in (False, True)
        for mask in (None, (4, 5))
    ),
    Case(
        "TimeDistributed",
        each_step(lambda k, d: k.GlobalAveragePooling1D(dtype=d)),
        (2, 3, 4, 2),
        mask=(2, 3, 4),
    ),
    *(
        Case("BatchNormalization", normalization(axis=axis), shape, mask=shape[:-1], training=True)
        for shape in ((6, 3), (4, 5, 3))
        for axis in (-1, 1)
    ),
    *(
        Case("Softmax", lambda k, dtype, a=axis: k.Softmax(a, dtype=dtype), (4, 5, 3), mask=mask)
        for axis in (-1, 1, [1, 2])
        for mask in ((4, 5, 3), (5, 3), (3,), (4, 5, 1))
    ),
]


def case_id(case: Case) -> str:
    return f"{case.name}{case.shape}{case.mask or ''}{case.training or ''}".replace(" ", "")


every_case = pytest.mark.parametrize("case", CASES, ids=case_id)


def prepared(keras: Any, case: Case, dtype: str) -> tuple[Any, Any, Any, dict[str, Any]]:  # noqa: F811
    """Return our layer, theirs with the same weights, an input and the call's options."""
    rng = np.random.default_rng(7)
    x: Any = rng.normal(0.5, 2.0, case.shape).astype(dtype)
    if case.indices:
        x = rng.integers(0, case.indices, case.shape).astype("int32")
    if case.steps:
        x[0, 1:], x[1, 0] = 0, 1.5
    ours, theirs = case.make(layers, dtype), case.make(keras.layers, dtype)
    ours(x)
    theirs(x)
    weights = [rng.uniform(0.5, 2.0, w.shape).astype(w.dtype) for w in ours.weights]
    ours.set_weights(weights)
    theirs.set_weights(weights)
    options: dict[str, Any] = {}
    if case.mask is not None:
        options["mask"] = rng.uniform(size=case.mask) > 0.4
    if case.training is not None:
        options["training"] = case.training
    return ours, theirs, x, options


@every_case
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_outputs_and_gradients(keras, case, dtype):  # noqa: F811
    import jax

    ours, theirs, x, options = prepared(keras, case, dtype)
    frozen = [v.value for v in theirs.non_trainable_variables]
    trained = [v.value for v in theirs.trainable_variables]
    tensors = {k: jax.numpy.asarray(v) if k == "mask" else v for k, v in options.items()}

    def stateless(trained: Any, inputs: Any) -> Any:
        return theirs.stateless_call(trained, frozen, inputs, **tensors)

    inputs = jax.numpy.asarray(x)
    y, residuals = ours.forward(x, **options)
    dy = np.random.default_rng(8).normal(size=y.shape).astype(dtype)
    if case.indices:
        expected, pullback, state = jax.vjp(lambda t: stateless(t, inputs), trained, has_aux=True)
        (d_trained,) = pullback(jax.numpy.asarray(dy))
        assert ours.backward(residuals, dy) is None
    else:
        expected, pullback, state = jax.vjp(stateless, trained, inputs, has_aux=True)
        d_trained, d_inputs = pullback(jax.numpy.asarray(dy))
        close(ours.backward(residuals, dy), d_inputs, dtype, "dx")
    close(y, expected, dtype, "y")
    for parameter, gradient in zip(ours.trainable_weights, d_trained, strict=True):
        close(parameter.grad, gradient, dtype, parameter.path)
    if case.training:
        for parameter, value in zip(ours.non_trainable_weights, state, strict=True):
            close(parameter.value, value, dtype, parameter.path)


@every_case
def test_masks_and_weights(keras, case):  # noqa: F811
    ours, theirs, x, options = prepared(keras, case, "float32")
    assert ours.supports_masking == theirs.supports_masking
    mine = ours.compute_mask(x, options.get("mask"))
    keras_own = theirs.compute_mask(x, options.get("mask")) if theirs.supports_masking else None
    assert (mine is None) == (keras_own is None)
    if mine is not None:
        np.testing.assert_array_equal(mine, np.asarray(keras_own))
    assert [(w.name, w.shape) for w in ours.weights] == [
        (w.name, tuple(w.shape)) for w in theirs.weights
    ]
    assert ours.compute_output_shape(x.shape) == tuple(theirs.compute_output_shape(x.shape))


@every_case
def test_configs_go_both_ways(keras, case):  # noqa: F811
    ours, theirs, _, _ = prepared(keras, case, "float32")
    mine, keras_own = ours.get_config(), theirs.get_config()
    alone = {"activity_regularizer", "autocast", "quantization_config"}
    assert set(mine) - alone == set(keras_own) - alone
    for key in set(keras_own) - alone - {"dtype", "name", "layer"}:
        assert plain(mine[key]) == plain(keras_own[key]), key
    again = type(ours).from_config(keras_own)
    assert set(again.get_config()) == set(mine)
    given = {k: v for k, v in mine.items() if k != "autocast"}
    if case.name == "TimeDistributed":
        inside = mine["layer"]["config"]
        inside = {k: v for k, v in inside.items() if k != "autocast"}
        given["layer"] = {**mine["layer"], "config": inside}
    assert type(theirs).from_config(given).name == ours.name


SUPPORT = [
    *("Activation", "Add", "AlphaDropout", "Average", "BatchNormalization", "Concatenate"),
    *("Dense", "Dot", "Dropout", "ELU", "Embedding", "Flatten", "GaussianDropout"),
    *("GaussianNoise", "GlobalAveragePooling1D", "GlobalMaxPooling1D", "GroupNormalization"),
    *("Identity", "LayerNormalization", "LeakyReLU", "Masking", "Maximum", "Minimum", "Multiply"),
    *("Normalization", "PReLU", "Permute", "RMSNormalization", "ReLU", "RepeatVector"),
    *("Rescaling", "Reshape", "Softmax", "SpatialDropout1D", "SpatialDropout2D", "Subtract"),
    *("UnitNormalization", "Conv1D", "MaxPooling1D", "UpSampling1D", "ZeroPadding1D"),
]
ARGUMENTS: dict[str, Any] = {
    **dict.fromkeys(("Dense", "Dot", "RepeatVector"), (1,)),
    **dict.fromkeys(("Embedding", "Conv1D"), (2, 2)),
    **dict.fromkeys(("Permute", "Reshape"), ((1,),)),
    "Activation": ("relu",),
    "Rescaling": (1.0,),
}


@pytest.mark.parametrize("name", SUPPORT)
def test_which_layers_pass_a_mask_on(keras, name):  # noqa: F811
    arguments = ARGUMENTS.get(name, (0.1,) if "Dropout" in name or "Noise" in name else ())
    ours, theirs = getattr(layers, name)(*arguments), getattr(keras.layers, name)(*arguments)
    assert ours.supports_masking == theirs.supports_masking


IDS = np.random.default_rng(0).integers(1, 9, (12, 6)) * (np.arange(6) < np.arange(1, 13)[:, None])


def tagger(k: Any) -> Any:
    """A label for each step that is there: masks in the loss and the metrics."""
    x = k.Input((6,), dtype="int32")
    h = k.layers.Embedding(9, 4, mask_zero=True)(x)
    h = k.layers.Dense(5, activation="tanh")(h)
    h = k.layers.LayerNormalization()(h)
    return k.Model(x, k.layers.Dense(3, activation="softmax")(h))


def pooled(k: Any) -> Any:
    """Two masks that meet, and a layer that uses them up."""
    x = k.Input((6,), dtype="int32")
    table = k.layers.Embedding(9, 4, mask_zero=True)
    h = k.layers.Concatenate()([table(x), k.layers.Masking(0.0)(table(x))])
    h = k.layers.Add()([h, k.layers.TimeDistributed(k.layers.Dense(8))(h)])
    return k.Model(x, k.layers.Dense(1)(k.layers.GlobalAveragePooling1D()(h)))


def twins(keras: Any, make: Any) -> tuple[Any, Any]:  # noqa: F811
    ours, theirs = make(minidl), make(keras)
    theirs.set_weights(ours.get_weights())
    return ours, theirs


@pytest.mark.parametrize("reduction", ["sum_over_batch_size", "sum", "mean_with_sample_weight"])
@pytest.mark.parametrize("weighted", [False, True])
def test_masks_in_the_loss_and_the_metrics(keras, reduction, weighted):  # noqa: F811
    ours, theirs = twins(keras, tagger)
    rng = np.random.default_rng(1)
    y = rng.integers(0, 3, (12, 6))
    weight = rng.uniform(0.5, 2.0, (12, 6)).astype("float32") if weighted else None
    results = []
    for model, k in ((ours, minidl), (theirs, keras)):
        model.compile(
            k.optimizers.SGD(0.01),
            k.losses.SparseCategoricalCrossentropy(reduction=reduction),
            metrics=["accuracy"],
            weighted_metrics=[k.metrics.SparseCategoricalCrossentropy(name="ce")],
        )
        model.fit(IDS, y, sample_weight=weight, batch_size=5, epochs=3, shuffle=False, verbose=0)
        # On JAX, Keras loses the mask before the metrics in training, but not in evaluation.
        results.append(
            model.evaluate(IDS, y, sample_weight=weight, batch_size=5, verbose=0, return_dict=True)
        )
    for key, value in results[0].items():
        assert value == pytest.approx(float(results[1][key]), rel=2e-5), key
    for a, b in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("make", [tagger, pooled])
def test_models_with_masks_train_alike_and_read_each_other(keras, make):  # noqa: F811
    ours, theirs = twins(keras, make)
    y = np.random.default_rng(2).integers(0, 2, (12, *ours.output_shape[1:])).astype("float32")
    for model, k in ((ours, minidl), (theirs, keras)):
        model.compile(k.optimizers.Adam(0.01), "mse")
        model.fit(IDS, y, batch_size=4, epochs=3, shuffle=False, verbose=0)
    expected = ours.predict(IDS, verbose=0)
    np.testing.assert_allclose(expected, theirs.predict(IDS, verbose=0), rtol=1e-3, atol=1e-4)
    here = minidl.Model.from_config(theirs.get_config())
    assert [la.name for la in here.layers] == [la.name for la in theirs.layers]
    there = keras.Model.from_config(ours.get_config())
    twice = keras.Model.from_config(here.get_config())
    for model in (here, there, twice):
        model.set_weights(ours.get_weights())
        np.testing.assert_allclose(model.predict(IDS, verbose=0), expected, rtol=1e-5, atol=1e-6)
