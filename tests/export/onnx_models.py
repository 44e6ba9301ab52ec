"""Models for the tests of ONNX export, by name: what the table of layers alone does not reach.

A name begins with the layer that the model is about. Sizes of None vary from run to run; what has
"masked" in its name gets inputs with steps of zeros, in the middle too.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from minidl import Input, Model, Sequential, activations, layers
from tests.layers.layer_cases import CASES

from .building import part, straight
from .sequence_models import SEQUENCES, transformer

REFUSED = ("Lambda",)
"""The layers of the table of which a test tells that they are refused."""

MODELS: dict[str, Callable[[], Any]] = dict(SEQUENCES)

# Images of any size, dtypes, nesting

ANY = (None, None, 3)
MODELS |= {
    "Conv2D-any-size": lambda: straight(
        part("Conv2D", 4, 3, strides=2, padding="same", activation="softmax"), shape=ANY
    ),
    "Conv2D-any-size-dilated": lambda: straight(
        part("Conv2D", 4, 3, dilation_rate=2, padding="same"), shape=ANY
    ),
    "Conv1D-causal": lambda: straight(
        part("Conv1D", 4, 3, padding="causal", dilation_rate=2),
        part("Conv1D", 3, 2, padding="causal"),
    ),
    "AveragePooling2D-any-size": lambda: straight(
        part("AveragePooling2D", 3, 2, padding="same"), part("UpSampling2D"), shape=ANY
    ),
    "Conv2DTranspose-any-size": lambda: straight(
        part("Conv2DTranspose", 3, 3, strides=2, padding="same"), shape=ANY
    ),
    "GroupNormalization-any-size": lambda: straight(part("GroupNormalization", 3), shape=ANY),
    "Flatten-after-convolution": lambda: straight(
        part("Conv2D", 4, 3, strides=2, padding="same"), part("Flatten"), shape=(8, 8, 2)
    ),
    "Flatten-any-size": lambda: straight(part("Flatten"), shape=(None, 4)),
    "Reshape-any-size": lambda: straight(part("Reshape", (-1, 2)), shape=(None, 4)),
    "Rescaling-integers": lambda: straight(
        part("Rescaling", 1 / 255), part("Dense", 2), shape=(4,), dtype="uint8"
    ),
    "Resizing-integers": lambda: straight(part("Resizing", 5, 7), shape=(3, 4, 2), dtype="uint8"),
    "Resizing-integers-nearest": lambda: straight(
        part("Resizing", 5, 7, "nearest"), shape=(3, 4, 2), dtype="int32"
    ),
    "Dense-float64": lambda: straight(
        part("Dense", 3, activation="tanh", dtype="float64"), shape=(4,), dtype="float64"
    ),
    "TimeDistributed-images": lambda: straight(
        part("TimeDistributed", layers.Conv2D(3, 3)),
        part("TimeDistributed", layers.Flatten()),
        part("LSTM", 3),
        shape=(None, 6, 6, 2),
    ),
}


def encoding(mode: str, shape: Any = (3,), **arguments: Any) -> Model:
    return straight(part("CategoryEncoding", 4, mode, **arguments), shape=shape, dtype="int32")


def weighed() -> Model:
    x, weights = Input((3,), dtype="int32"), Input((3,))
    return Model([x, weights], layers.CategoryEncoding(4, "count")(x, weights))


def looking_up(*after: Any, **arguments: Any) -> Sequential:
    lookup = part("IntegerLookup", vocabulary=[3, 1, 9], **arguments)
    return straight(lookup, *after, shape=(None,), dtype="int64")


MODELS |= {
    "CategoryEncoding-one-hot": partial(encoding, "one_hot", (1,)),
    "CategoryEncoding-one-hot-several": partial(encoding, "one_hot"),
    "CategoryEncoding-multi-hot": partial(encoding, "multi_hot"),
    "CategoryEncoding-count": partial(encoding, "count"),
    "CategoryEncoding-weights": weighed,
    "Discretization": lambda: straight(part("Discretization", [-0.5, 0.0, 1.0]), shape=(3,)),
    "Discretization-one-hot": lambda: straight(
        part("Discretization", [-0.5, 0.5], output_mode="one_hot"), shape=(1,)
    ),
    "IntegerLookup": looking_up,
    "IntegerLookup-buckets": partial(looking_up, num_oov_indices=3, mask_token=0),
    "IntegerLookup-multi-hot": partial(looking_up, mask_token=0, output_mode="multi_hot"),
    "IntegerLookup-count": partial(looking_up, output_mode="count"),
    "IntegerLookup-tf-idf": partial(looking_up, output_mode="tf_idf", idf_weights=[0.5, 1.5, 2.5]),
    "IntegerLookup-inverted": partial(looking_up, invert=True),
    "IntegerLookup-embedded": partial(looking_up, part("Embedding", 4, 3)),
    "Dense-penalty": lambda: straight(
        part("Dense", 3, activity_regularizer="l2"), part("Dense", 2), shape=(4,)
    ),
}


def shared() -> Model:
    inner = Sequential([Input((4,)), layers.Dense(3, activation="tanh"), layers.Dense(2)])
    dense = layers.Dense(4)
    a, b, steps = Input((4,)), Input((4,)), Input((None, 4))
    first = layers.Subtract()([inner(dense(a)), inner(dense(b))])
    return Model([a, b, steps], [first, layers.TimeDistributed(inner)(steps), a])


# Whole models, as they are met


def convnet() -> Sequential:
    return Sequential(
        [
            Input((12, 12, 1)),
            layers.Conv2D(8, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(8, 3, padding="same", use_bias=False),
            layers.BatchNormalization(),
            layers.ReLU(),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dropout(0.5),
            layers.Dense(10, activation="softmax"),
        ]
    )


def autoencoder() -> Model:
    encoder = Sequential(
        [
            Input((8, 8, 1)),
            layers.Conv2D(4, 3, strides=2, padding="same", activation="relu"),
            layers.Flatten(),
            layers.Dense(3),
        ],
    )
    decoder = Sequential(
        [
            Input((3,)),
            layers.Dense(64, activation="relu"),
            layers.Reshape((4, 4, 4)),
            layers.Conv2DTranspose(4, 3, strides=2, padding="same", activation="relu"),
            layers.Conv2D(1, 3, padding="same", activation="sigmoid"),
        ],
    )
    x = Input((8, 8, 1))
    return Model(x, decoder(encoder(x)))


def two_inputs() -> Model:
    numbers, text = Input((4,), name="numbers"), Input((None,), dtype="int32", name="text")
    h = layers.Bidirectional(layers.GRU(3))(layers.Embedding(6, 4, mask_zero=True)(text))
    h = layers.Concatenate()([layers.Dense(3, activation="silu")(numbers), h])
    outputs = [
        layers.Dense(1, name="price")(h),
        layers.Dense(2, activation="softmax", name="kind")(h),
    ]
    return Model([numbers, text], outputs)


WHOLE: dict[str, Callable[[], Any]] = {
    "convnet": convnet,
    "autoencoder": autoencoder,
    "transformer": transformer,
    "two-inputs": two_inputs,
    "shared-and-nested": shared,
    "stacked-lstm": partial(
        straight, part("LSTM", 8, return_sequences=True), part("LSTM", 8), part("Dense", 3)
    ),
}

# Activations, in a layer of their own and in a convolution's place

ACTIVATIONS: dict[str, Any] = {
    **{name: name for name in activations.__all__ if isinstance(name, str) and name.islower()},
    "relu-full": activations.Relu(negative_slope=0.1, max_value=1.5, threshold=0.3),
    "elu-alpha": activations.Elu(0.4),
    "celu-alpha": activations.Celu(0.4),
    "gelu-tanh": activations.Gelu(approximate=True),
    "glu-first": activations.Glu(axis=1),
    "softmax-two": activations.Softmax(axis=(1, 2)),
    "log_softmax-two": activations.LogSoftmax(axis=(1, 2)),
}
for _name in ("deserialize", "get", "registry", "serialize"):
    ACTIVATIONS.pop(_name, None)
MODELS |= {
    f"Activation-{_name}": partial(straight, part("Activation", _activation), shape=(4, 6))
    for _name, _activation in ACTIVATIONS.items()
}


# Every line of the table of layers as a model, and all of it together


def of_one_layer(case: Any, integers: bool) -> Model:
    single = not isinstance(case.shape, list)
    shapes = [case.shape] if single else case.shape
    inputs = [Input(shape[1:], dtype="int32" if integers else "float32") for shape in shapes]
    return Model(inputs, case.make()(inputs[0] if single else inputs))


TABLE: dict[str, Callable[[], Any]] = {
    name: partial(of_one_layer, case, name.startswith("Embedding"))
    for name, case in CASES.items()
    if not name.startswith(REFUSED)
}
ALL = {**{f"{name} of the table": make for name, make in TABLE.items()}, **MODELS, **WHOLE}
