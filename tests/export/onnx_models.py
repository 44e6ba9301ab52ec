"""Models for the tests of ONNX export, by name: what the table of layers alone does not reach.

A name begins with the layer that the model is about. Sizes of None vary from run to run; what has
"masked" in its name gets inputs with steps of zeros, in the middle too.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from minidl import Input, Model, Sequential, activations, layers
from minidl._typing import Array
from minidl.layers.recurrent.states import flat
from tests.layers.layer_cases import CASES

REFUSED = ("CategoryEncoding", "Discretization", "IntegerLookup", "Lambda", "StringLookup")
"""The layers of the table of which a test tells that they are refused."""
RUNS = ((1, 5), (4, 9), (3, 2))
"""Sizes of the batch, and of every other axis that varies."""


def straight(*stack: Any, shape: Any = (None, 4), dtype: str = "float32") -> Sequential:
    return Sequential([Input(shape, dtype=dtype), *(make() for make in stack)])


def several(make: Callable[..., Any], *shapes: Any) -> Model:
    inputs = [Input(shape) for shape in shapes]
    return Model(inputs, flat(make(*inputs)))


def part(name: str, *args: Any, **arguments: Any) -> Any:
    return partial(getattr(layers, name), *args, **arguments)


MODELS: dict[str, Callable[[], Any]] = {}

# Recurrent layers, with and without masks

MASKING = part("Masking")
for _name in ("LSTM", "GRU", "SimpleRNN"):
    for _suffix, _arguments in {
        "": {},
        "-sequences": {"return_sequences": True},
        "-backwards": {"go_backwards": True},
        "-backwards-sequences": {"go_backwards": True, "return_sequences": True},
        "-relu": {"activation": "relu", "return_sequences": True},
        "-gelu": {"activation": "gelu", "return_sequences": True},
        "-no-bias": {"use_bias": False, "return_sequences": True},
        "-other-gates": {"recurrent_activation": "hard_sigmoid"},
        "-reset-before": {"reset_after": False, "return_sequences": True},
        "-reset-before-no-bias": {"reset_after": False, "use_bias": False},
        "-zero-output": {"zero_output_for_mask": True, "return_sequences": True},
        "-zero-last": {"zero_output_for_mask": True, "go_backwards": True},
    }.items():
        if (_name != "GRU" and "reset" in _suffix) or (_name, _suffix) == (
            "SimpleRNN",
            "-other-gates",
        ):
            continue
        _layer = part(_name, 3, **_arguments)
        MODELS[f"{_name}{_suffix}"] = partial(straight, _layer)
        MODELS[f"{_name}{_suffix}-masked"] = partial(straight, MASKING, _layer)


def both_ways(name: str, mode: Any, sequences: bool, masked: bool) -> Model:
    def call(x: Any) -> Any:
        inner = getattr(layers, name)(3, return_sequences=sequences)
        return layers.Bidirectional(inner, mode)(layers.Masking()(x) if masked else x)

    return several(call, (None, 4))


for _name, _modes in {
    "GRU": ("concat", "sum", "mul", "ave", None),
    "LSTM": ("concat",),
    "SimpleRNN": (None,),
}.items():
    for _mode in _modes:
        for _sequences in (True, False):
            for _masked in (True, False):
                _suffix = f"{'-sequences' if _sequences else ''}{'-masked' if _masked else ''}"
                MODELS[f"Bidirectional-{_name}-{_mode}{_suffix}"] = partial(
                    both_ways, _name, _mode, _sequences, _masked
                )


def with_states(name: str, count: int, **arguments: Any) -> Model:
    def call(x: Any, *states: Any) -> Any:
        return getattr(layers, name)(3, return_state=True, **arguments)(x, initial_state=states)

    return several(call, (None, 4), *[(3,)] * count)


def stacked(**arguments: Any) -> Any:
    cells = [layers.LSTMCell(3), layers.GRUCell(2), layers.SimpleRNNCell(5)]
    return layers.RNN(cells, return_state=True, **arguments)


def turned(x: Any) -> Any:
    inner = layers.GRU(3, return_sequences=True, go_backwards=True)
    other = layers.GRU(3, return_sequences=True)
    return layers.Bidirectional(inner, backward_layer=other)(x)


MODELS |= {
    "LSTM-states": partial(with_states, "LSTM", 2),
    "LSTM-states-backwards": partial(with_states, "LSTM", 2, go_backwards=True),
    "GRU-states": partial(with_states, "GRU", 1, return_sequences=True),
    "SimpleRNN-states": partial(with_states, "SimpleRNN", 1, activation="gelu"),
    "RNN-cell": partial(straight, lambda: layers.RNN(layers.LSTMCell(3))),
    "RNN-stacked": lambda: several(lambda x: stacked(return_sequences=True)(x), (None, 4)),
    "RNN-stacked-masked": lambda: several(
        lambda x: stacked(zero_output_for_mask=True)(layers.Masking()(x)), (None, 4)
    ),
    "Bidirectional-states": lambda: several(
        lambda x: layers.Bidirectional(layers.LSTM(3, return_state=True))(x), (None, 4)
    ),
    "Bidirectional-turned": lambda: several(turned, (None, 4)),
}

# Masks that other layers take, make or pass on


def words(*stack: Any) -> Sequential:
    embedding = part("Embedding", 6, 4, mask_zero=True)
    return straight(embedding, *stack, shape=(None,), dtype="int32")


def masked_sum(*_: Any) -> Model:
    a, b = Input((None,), dtype="int32"), Input((None,), dtype="int32")
    both = [layers.Embedding(4, 3, mask_zero=True)(x) for x in (a, b)]
    added = layers.Add()(both)
    beside = layers.Concatenate()([added, layers.Dense(2)(added)])
    behind = layers.Concatenate(axis=1)(both)
    return Model([a, b], [layers.LSTM(3)(z) for z in (added, beside, behind)])


def keras_masks() -> Model:
    """A mask made of operations, as models that Keras wrote come with."""
    from minidl.layers.mask_operations import any_feature, not_equal

    x = Input((None, 4))
    return Model(x, layers.LSTM(3)(x, mask=any_feature(not_equal(x, 0.0))))


def masked_softmax() -> Model:
    x, mask = Input((None, 4)), Input((None, 1), dtype="bool")
    return Model([x, mask], layers.Softmax(axis=1)(x, mask=mask))


MODELS |= {
    "Embedding-masked": lambda: words(
        part("LSTM", 4, return_sequences=True), part("Dropout", 0.3), part("GRU", 3)
    ),
    "Embedding-float": lambda: straight(part("Embedding", 6, 4), shape=(3,), dtype="uint8"),
    "GlobalAveragePooling1D-masked": lambda: words(part("GlobalAveragePooling1D")),
    "GlobalAveragePooling1D-first-masked": lambda: straight(
        MASKING,
        part("GlobalAveragePooling1D", data_format="channels_first", keepdims=True),
        shape=(4, 4),
    ),
    "Masking": partial(straight, MASKING),
    "Masking-operations-masked": keras_masks,
    "Softmax-masked": masked_softmax,
    "TimeDistributed-masked": lambda: straight(
        MASKING, part("TimeDistributed", layers.Dense(3)), part("LSTM", 2)
    ),
    "Add-masked": masked_sum,
}


# Attention


def transformer() -> Model:
    x = Input((None,), dtype="int32")
    h = layers.Embedding(6, 8, mask_zero=True)(x)
    a = layers.MultiHeadAttention(2, 4, dropout=0.1)(h, h, use_causal_mask=True)
    h = layers.LayerNormalization()(layers.Add()([h, a]))
    z = layers.Dense(8)(layers.Dense(16, activation="gelu")(h))
    h = layers.LayerNormalization()(layers.Add()([h, z]))
    return Model(x, layers.Dense(6, activation="softmax")(h))


def pairwise(name: str, masks: Any = (5, 5), **arguments: Any) -> Model:
    x, mask = Input((5, 6)), Input(masks, dtype="bool")
    layer = part(name, **arguments)()
    return Model([x, mask], layer(x, x, attention_mask=mask))


HEADS = {"num_heads": 2, "key_dim": 3}
GROUPS = {"head_dim": 3, "num_query_heads": 4, "num_key_value_heads": 2}


def attending(name: str, masked: bool = False, call: Any = (), **arguments: Any) -> Model:
    def of(x: Any, y: Any) -> Any:
        layer = part(name, **arguments)()
        x, y = (layers.Masking()(z) if masked else z for z in (x, y))
        options = dict.fromkeys(call, True)
        together = name in ("Attention", "AdditiveAttention")
        return layer([x, y], **options) if together else layer(x, y, **options)

    return several(of, (None, 6), (None, 6))


SCORES, CAUSAL = "return_attention_scores", "use_causal_mask"
for _name, _arguments in {
    "MultiHeadAttention": HEADS,
    "GroupQueryAttention": GROUPS,
    "Attention": {"use_scale": True},
    "AdditiveAttention": {},
}.items():
    for _masked in (False, True):
        for _call in ((), (SCORES, CAUSAL)):
            _suffix = f"{'-scores' if _call else ''}{'-masked' if _masked else ''}"
            MODELS[f"{_name}{_suffix}"] = partial(attending, _name, _masked, _call, **_arguments)
MODELS |= {
    "Attention-concat-masked": partial(
        attending, "Attention", True, (CAUSAL,), use_scale=True, score_mode="concat"
    ),
    "MultiHeadAttention-window": partial(
        attending, "MultiHeadAttention", True, (SCORES,), sliding_window=2, use_gate=True, **HEADS
    ),
    "MultiHeadAttention-pairs": partial(pairwise, "MultiHeadAttention", **HEADS),
    "MultiHeadAttention-pairs-of-heads": partial(
        pairwise, "MultiHeadAttention", (2, 5, 5), dropout=0.1, **HEADS
    ),
    "GroupQueryAttention-pairs": partial(pairwise, "GroupQueryAttention", (4, 5, 5), **GROUPS),
    "MultiHeadAttention-axes": lambda: several(
        lambda x: layers.MultiHeadAttention(2, 3, attention_axes=(1, 3))(x, x), (2, 3, 2, 4)
    ),
}

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


# Numbers to run them on


def randomized(model: Any, seed: int = 7) -> Any:
    """Return the model with weights that differ from each other, none of them where it began."""
    rng = np.random.default_rng(seed)
    for parameter in model.weights:
        if parameter.value.dtype.kind == "f":
            noise = rng.normal(0, 0.3, parameter.shape)
            value = parameter.value + noise
            parameter.assign(np.abs(value) + 0.1 if parameter.name.endswith("variance") else value)
    return model


def arrays_for(model: Any, batch: int, size: int, name: str = "", seed: int = 3) -> list[Array]:
    """Return random inputs for a model, `size` being that of every axis that varies."""
    rng = np.random.default_rng(seed + batch)
    arrays = []
    for tensor in model.inputs:
        shape = (batch, *(size if n is None else n for n in tensor.shape[1:]))
        if tensor.dtype == "bool":
            array = rng.random(shape) < 0.6
        elif tensor.dtype.startswith("float"):
            array = rng.normal(size=shape).astype(tensor.dtype)
            if "masked" in name and array.ndim > 2:
                array[rng.random(shape[:2]) < 0.4] = 0
        else:
            array = rng.integers(0, 4, shape).astype(tensor.dtype)
        arrays.append(array)
    return arrays


def outputs_of(model: Any, arrays: list[Array]) -> list[Array]:
    """Return what a model gives at inference, as a list."""
    outputs = model(arrays if len(arrays) > 1 else arrays[0])
    return list(outputs) if isinstance(outputs, list) else [outputs]
