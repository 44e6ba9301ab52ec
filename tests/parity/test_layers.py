"""Agreement with real Keras: outputs, every gradient, moving statistics, weights and configs.

Keras's gradients come from JAX, of the stateless call. Both sides get the same weights, input and
cotangent. Layers that draw random numbers are compared through their masks.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from minidl import layers

from .case import Case
from .convolution_cases import CONVOLUTION
from .image_cases import IMAGES
from .pooling_cases import POOLING
from .spatial_cases import SPATIAL
from .table import TABLE

pytestmark = [
    pytest.mark.parity,
    # Keras's and JAX's own warnings are not ours.
    pytest.mark.filterwarnings("ignore"),
]

TOLERANCE = {"float32": 1e-5, "float64": 1e-10}

# Arguments that minidl's configurations have and Keras's write only where they are not default,
# and what Keras's has for an option that was withdrawn.
OURS_ALONE = {"activity_regularizer", "autocast"}
KERAS_ALONE = {"LayerNormalization": {"rms_scaling"}, "Dense": {"quantization_config"}}


@pytest.fixture(scope="module")
def keras():
    import jax
    import keras
    from keras.src.backend.common import dtypes

    if keras.backend.backend() != "jax":
        pytest.skip("gradients are taken with JAX: set KERAS_BACKEND=jax")
    with pytest.MonkeyPatch.context() as patch:
        # Keras casts float64 down within many layers, even where JAX would compute in it.
        patch.setitem(dtypes.BIT64_TO_BIT32_DTYPE, "float64", "float64")
        before = jax.config.jax_enable_x64
        jax.config.update("jax_enable_x64", True)
        yield keras
        jax.config.update("jax_enable_x64", before)


@pytest.fixture(autouse=True)
def lenient_numpy():
    with np.errstate(all="ignore"):
        yield


def images(name: str, **arguments: Any) -> Case:
    return Case(name, arguments, (3, 4, 5, 6))


CASES = [
    *(
        Case("Activation", {"activation": name}, (5, 7))
        for name in ("relu", "sigmoid", "tanh", "softmax", "gelu", "linear")
    ),
    Case("Dense", {"units": 3}, (5, 7)),
    Case("Dense", {"units": 3, "activation": "tanh", "use_bias": False}, (5, 4, 7)),
    Case("ReLU", {}, (5, 7), ints=True),
    Case("ReLU", {"max_value": 1.0, "negative_slope": 0.2, "threshold": 0.3}, (5, 7)),
    Case("LeakyReLU", {}, (5, 7), ints=True),
    Case("LeakyReLU", {"negative_slope": 0.1}, (5, 7)),
    Case("ELU", {"alpha": 0.7}, (5, 7)),
    Case("PReLU", {}, (5, 7, 3), ints=True),
    Case("PReLU", {"shared_axes": [1, 2]}, (5, 7, 4, 3)),
    Case("Softmax", {}, (5, 7)),
    Case("Softmax", {"axis": 1}, (5, 7, 3)),
    Case("Softmax", {"axis": [1, 2]}, (5, 7, 3)),
    Case("Dropout", {"rate": 0.0}, (5, 7)),
    Case("GaussianNoise", {"stddev": 0.0}, (5, 7)),
    Case("GaussianDropout", {"rate": 0.0}, (5, 7)),
    Case("AlphaDropout", {"rate": 0.0}, (5, 7)),
    Case("SpatialDropout1D", {"rate": 0.0}, (5, 7, 3)),
    Case("SpatialDropout2D", {"rate": 0.0, "data_format": "channels_first"}, (5, 7, 3, 2)),
    Case("SpatialDropout3D", {"rate": 0.0}, (5, 7, 3, 2, 2)),
    Case("BatchNormalization", {}, (16, 5)),
    Case("BatchNormalization", {"momentum": 0.7, "epsilon": 0.1}, (16, 5)),
    Case("BatchNormalization", {"center": False}, (16, 5)),
    Case("BatchNormalization", {"scale": False}, (16, 5)),
    images("BatchNormalization"),
    images("BatchNormalization", axis=1),
    images("BatchNormalization", axis=-2),
    Case("LayerNormalization", {}, (6, 8)),
    Case("LayerNormalization", {"center": False, "scale": False, "epsilon": 0.1}, (6, 8)),
    images("LayerNormalization"),
    images("LayerNormalization", axis=[2, 3]),
    images("LayerNormalization", axis=[1, 3]),
    images("LayerNormalization", axis=1),
    Case("RMSNormalization", {}, (6, 8)),
    images("RMSNormalization", epsilon=0.1),
    images("RMSNormalization", axis=[2, 3]),
    Case("UnitNormalization", {}, (6, 8)),
    images("UnitNormalization", axis=[1, 2]),
    images("GroupNormalization", groups=3),
    images("GroupNormalization", groups=2, axis=1),
    images("GroupNormalization", groups=-1),
    images("GroupNormalization", groups=1, center=False),
    Case("Flatten", {}, (5, 7, 3)),
    Case("Flatten", {"data_format": "channels_first"}, (5, 7, 3, 2)),
    Case("Flatten", {}, (5,)),
    Case("Reshape", {"target_shape": (-1, 7)}, (5, 7, 3)),
    Case("Permute", {"dims": (3, 1, 2)}, (5, 7, 3, 2)),
    Case("RepeatVector", {"n": 4}, (5, 7)),
    Case("Rescaling", {"scale": 0.3, "offset": -1.0}, (5, 7)),
    Case("Rescaling", {"scale": [0.3, 2.0], "offset": [1.0, 2.0]}, (5, 2)),
    Case("Normalization", {"mean": [1.0, 2.0, 3.0], "variance": [4.0, 0.0, 2.0]}, (5, 7, 3)),
    Case("Normalization", {"axis": None, "mean": 2.0, "variance": 3.0, "invert": True}, (5, 7)),
    Case("Normalization", {"axis": (1, 2), "mean": [1.0, 2], "variance": [4.0, 2]}, (5, 3, 2)),
    Case("Identity", {}, (5, 7)),
    *(
        Case(name, {}, shapes, ints)
        for name in ("Add", "Multiply", "Average", "Maximum", "Minimum")
        for shapes in ([(5, 7)] * 2, [(5, 7)] * 3, [(5, 4, 1), (5, 7), (5, 1, 7)])
        for ints in (False, True)
    ),
    Case("Subtract", {}, [(5, 7)] * 2),
    Case("Subtract", {}, [(5, 3, 7), (5, 7)]),
    Case("Concatenate", {}, [(5, 7), (5, 2), (5, 1)]),
    Case("Concatenate", {"axis": 1}, [(5, 7, 2), (5, 1, 2)]),
    Case("Dot", {"axes": 1}, [(5, 7), (5, 7)]),
    Case("Dot", {"axes": -1, "normalize": True}, [(5, 7), (5, 7)]),
    Case("Dot", {"axes": (1, 2)}, [(5, 3, 7), (5, 4, 3)]),
    Case("Dot", {"axes": (2, 1), "normalize": True}, [(5, 3, 7), (5, 7, 4)]),
    Case("Dot", {"axes": (1, 2)}, [(5, 3), (5, 4, 3)]),
    Case("Dot", {"axes": (3, 1)}, [(5, 3, 2, 7), (5, 7, 4, 2)]),
    Case("Dot", {"axes": (2, 3)}, [(5, 3, 7, 2), (5, 4, 2, 7)]),
    *CONVOLUTION,
    *IMAGES,
    *POOLING,
    *SPATIAL,
]


def case_id(case: Case) -> str:
    arguments = ",".join(f"{k}={v}" for k, v in case.arguments.items())
    return f"{case.name}({arguments}){case.shape}{'ints' if case.ints else ''}".replace(" ", "")


every_case = pytest.mark.parametrize("case", CASES, ids=case_id)


def close(ours: Any, theirs: Any, dtype: str, what: str) -> None:
    theirs = np.asarray(theirs)
    TABLE.observe(what, dtype, ours, theirs)
    assert ours.shape == theirs.shape, what
    assert ours.dtype == theirs.dtype == dtype, what
    scale = max(1.0, float(np.abs(theirs).max(initial=0)))
    tolerance = TOLERANCE[dtype]
    np.testing.assert_allclose(ours, theirs, rtol=tolerance, atol=tolerance * scale, err_msg=what)


def prepared(keras: Any, case: Case, dtype: str) -> tuple[Any, Any, Any]:
    """Return our layer, theirs with the same weights, and an input."""
    rng = np.random.default_rng(7)
    shapes = case.shape if isinstance(case.shape, list) else [case.shape]
    if case.ints:
        arrays = [rng.integers(-1, 3, s).astype(dtype) for s in shapes]
    else:
        arrays = [rng.normal(0.5, 2.0, s).astype(dtype) for s in shapes]
    x: Any = arrays if isinstance(case.shape, list) else arrays[0]
    ours = getattr(layers, case.name)(**case.arguments, dtype=dtype)
    theirs = getattr(keras.layers, case.name)(**case.arguments, dtype=dtype)
    ours(x)
    theirs(x)
    weights = [rng.uniform(0.5, 2.0, w.shape).astype(w.dtype) for w in ours.weights]
    ours.set_weights(weights)
    theirs.set_weights(weights)
    return ours, theirs, x


CASES_AND_MODES = [
    pytest.param(case, training, id=f"{case_id(case)}-{'training' if training else 'inference'}")
    for case in CASES
    for training in ([False, True] if case.name == "BatchNormalization" else [True])
]


@pytest.mark.parametrize(("case", "training"), CASES_AND_MODES)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_outputs_and_gradients(keras, case, training, dtype):
    import jax

    ours, theirs, x = prepared(keras, case, dtype)
    takes_training = case.name == "BatchNormalization"
    options = {"training": training} if takes_training else {}
    frozen = [v.value for v in theirs.non_trainable_variables]

    def stateless(trained: Any, inputs: Any) -> Any:
        return theirs.stateless_call(trained, frozen, inputs, **options)

    trained = [v.value for v in theirs.trainable_variables]
    inputs = jax.tree.map(jax.numpy.asarray, x)
    expected, pullback, state = jax.vjp(stateless, trained, inputs, has_aux=True)
    y, residuals = ours.forward(x, training=training)
    close(y, expected, dtype, "y")
    dy = np.random.default_rng(8).normal(size=y.shape).astype(dtype)
    dx = ours.backward(residuals, dy)
    d_trained, d_inputs = pullback(jax.numpy.asarray(dy))
    several = isinstance(x, list)
    for i, (a, b) in enumerate(
        zip(dx if several else [dx], d_inputs if several else [d_inputs], strict=True)
    ):
        close(a, b, dtype, f"dx[{i}]")
    for parameter, gradient in zip(ours.trainable_weights, d_trained, strict=True):
        close(parameter.grad, gradient, dtype, parameter.path)
    if takes_training:
        for parameter, value in zip(ours.non_trainable_weights, state, strict=True):
            close(parameter.value, value, dtype, parameter.path)


@every_case
def test_weights_have_the_names_shapes_and_order_of_keras(keras, case):
    ours, theirs, _ = prepared(keras, case, "float32")
    assert [(w.name, w.shape) for w in ours.weights] == [
        (w.name, tuple(w.shape)) for w in theirs.weights
    ]
    assert [w.name for w in ours.trainable_weights] == [w.name for w in theirs.trainable_weights]


@every_case
def test_configs_have_the_keys_of_keras_and_go_both_ways(keras, case):
    ours = getattr(layers, case.name)(**case.arguments, name="it")
    theirs = getattr(keras.layers, case.name)(**case.arguments, name="it")
    mine, keras_own = ours.get_config(), theirs.get_config()
    alone = KERAS_ALONE.get(case.name, set())
    assert set(mine) - OURS_ALONE == set(keras_own) - OURS_ALONE - alone
    for key in set(keras_own) - alone - {"dtype"}:
        assert plain(mine[key]) == plain(keras_own[key]), key
    rebuilt = type(ours).from_config(keras_own)
    assert plain(rebuilt.get_config()) == plain(mine)
    given = mine if "autocast" in keras_own else {k: v for k, v in mine.items() if k != "autocast"}
    assert type(theirs).from_config(given).name == "it"


def plain(value: Any) -> Any:
    """Return a config's value without what is only a way of writing it."""
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items() if k not in ("build_config", "seed")} | (
            {} if "seed" not in value else {"seed": value["seed"]}
        )
    if isinstance(value, list | tuple):
        return [plain(v) for v in value]
    return value


@every_case
def test_symbolic_shapes(keras, case):
    ours = getattr(layers, case.name)(**case.arguments)
    theirs = getattr(keras.layers, case.name)(**case.arguments)
    several = isinstance(case.shape, list)
    shapes = case.shape if several else [case.shape]
    mine = [layers.Input(s[1:]) for s in shapes]
    keras_own = [keras.Input(s[1:]) for s in shapes]
    assert (
        ours(mine if several else mine[0]).shape
        == theirs(keras_own if several else keras_own[0]).shape
    )


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", ["Dropout", "AlphaDropout", "SpatialDropout1D"])
def test_random_layers_agree_given_the_same_mask(keras, name, dtype):
    rate = 0.3
    ours = getattr(layers, name)(rate, seed=1, dtype=dtype)
    theirs = getattr(keras.layers, name)(rate, seed=1, dtype=dtype)
    rng = np.random.default_rng(0)
    x = rng.normal(size=(40, 30, 20)).astype(dtype)
    y, expected = ours(x, training=True), np.asarray(theirs(x, training=True))
    assert y.shape == expected.shape
    kept_ours, kept_theirs = (values_kept(v, name) for v in (y, expected))
    assert abs(kept_ours.mean() - kept_theirs.mean()) < 0.05
    both = kept_ours & kept_theirs
    np.testing.assert_allclose(y[both], expected[both], rtol=TOLERANCE[dtype])
    neither = ~kept_ours & ~kept_theirs
    assert neither.any()
    np.testing.assert_allclose(
        y[neither], expected[neither], rtol=TOLERANCE[dtype], atol=TOLERANCE[dtype]
    )


def values_kept(y: Any, name: str) -> Any:
    if name != "AlphaDropout":
        return y != 0
    values, counts = np.unique(y, return_counts=True)
    return y != values[counts.argmax()]


def test_a_frozen_batch_normalization_is_in_inference(keras):
    ours, theirs, x = prepared(keras, Case("BatchNormalization", {}, (8, 3)), "float64")
    ours.trainable = theirs.trainable = False
    close(ours(x, training=True), theirs(x, training=True), "float64", "y")
    for a, b in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("axis", [-1, None, 1, (1, 2), (-1, 1)])
@pytest.mark.parametrize("invert", [False, True])
@pytest.mark.parametrize("batches", [False, True])
def test_adapt(keras, axis, invert, batches):
    data = np.random.default_rng(0).normal(3.0, 2.0, (60, 4, 3))
    ours = layers.Normalization(axis=axis, invert=invert, dtype="float64")
    theirs = keras.layers.Normalization(axis=axis, invert=invert, dtype="float64")
    ours.adapt([data[:7], data[7:40], data[40:]] if batches else data)
    theirs.adapt(data)  # its way through batches needs TensorFlow
    close(ours(data), theirs(data), "float64", "y")
    assert [(w.name, w.shape) for w in ours.weights] == [(w.name, w.shape) for w in theirs.weights]
    ours.set_weights(theirs.get_weights())
    close(ours(data), theirs(data), "float64", "y with Keras's weights")


def test_input_layer_config(keras):
    mine = layers.InputLayer((3, None), dtype="int32", name="ids").get_config()
    theirs = keras.layers.InputLayer((3, None), dtype="int32", name="ids").get_config()
    assert plain(mine) == plain(theirs)
    assert layers.InputLayer.from_config(theirs).output.shape == (None, 3, None)


@pytest.mark.parametrize("name", ["add", "multiply", "average", "maximum", "minimum", "subtract"])
def test_functional_names(keras, name):
    a, b = np.random.default_rng(0).normal(size=(2, 3, 4))
    close(
        getattr(layers, name)([a, b], dtype="float64"),
        getattr(keras.layers, name)([a, b], dtype="float64"),
        "float64",
        name,
    )
