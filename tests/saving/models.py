"""Models that are saved: each a small one of a shape of its own, made with either library."""

from __future__ import annotations

from typing import Any

import numpy as np


def stack(k: Any) -> Any:
    """Equal-shaped weights, which could be swapped unnoticed."""
    dense = [k.layers.Dense(5, activation=f) for f in ("tanh", "relu", "sigmoid")]
    return k.Sequential([k.Input((5,)), *dense, k.layers.BatchNormalization(), k.layers.Dense(2)])


def branches(k: Any) -> Any:
    """Made in another order than they are connected in: numbers go by the graph."""
    last, first, other = (k.layers.Dense(4, name=n) for n in ("a_last", "z_first", "other"))
    x = k.Input((4,))
    y = last(k.layers.Activation("tanh")(first(x)))
    return k.Model(x, k.layers.Add()([y, other(x)]))


def two_by_two(k: Any) -> Any:
    """Two inputs, two outputs, a shared layer, a nested model, and one within that."""
    a, b = k.Input((4,), name="a"), k.Input((4,), name="b")
    shared = k.layers.Dense(4, activation="tanh", name="shared")
    innermost = k.Sequential([k.Input((4,)), k.layers.Dense(4, activation="elu")], name="deep")
    i = k.Input((8,))
    nested = k.Model(i, k.layers.Add()([innermost(k.layers.Dense(4)(i)), k.layers.Dense(4)(i)]))
    h = nested(k.layers.Concatenate()([shared(a), shared(b)]))
    return k.Model({"a": a, "b": b}, [k.layers.Dense(1, name="p")(h), k.layers.Dense(2)(h)])


def sentences(k: Any) -> Any:
    """Masks from an embedding through recurrent layers, both ways."""
    x = k.Input((6,), dtype="int32")
    h = k.layers.Embedding(9, 4, mask_zero=True)(x)
    h = k.layers.Bidirectional(k.layers.LSTM(3, return_sequences=True))(h)
    return k.Model(x, k.layers.Dense(2)(k.layers.GRU(4)(h)))


def images(k: Any) -> Any:
    """Convolutions, pooling and what else stands in a convnet."""
    return k.Sequential(
        [
            k.Input((8, 8, 2)),
            k.layers.Conv2D(3, 3, padding="same", activation="relu", kernel_regularizer="l2"),
            k.layers.SeparableConv2D(3, 3),
            k.layers.MaxPooling2D(),
            k.layers.Conv2DTranspose(3, 2, strides=2),
            k.layers.DepthwiseConv2D(3),
            k.layers.PReLU(shared_axes=[1, 2]),
            k.layers.LayerNormalization(),
            k.layers.GlobalAveragePooling2D(),
            k.layers.Dropout(0.3),
            k.layers.Dense(4, kernel_constraint="max_norm"),
        ]
    )


def attention(k: Any) -> Any:
    """A transformer's block."""
    x = k.Input((5, 6))
    h = k.layers.MultiHeadAttention(2, 3, dropout=0.1)(x, x)
    h = k.layers.LayerNormalization()(k.layers.Add()([x, h]))
    h = k.layers.TimeDistributed(k.layers.Dense(4))(h)
    return k.Model(x, k.layers.RNN([k.layers.LSTMCell(4), k.layers.GRUCell(4)])(h))


MODELS = [stack, branches, two_by_two, sentences, images, attention]


def some_inputs(model: Any, samples: int = 7) -> Any:
    """Return an array for each input; by name where there are several."""
    rng = np.random.default_rng(3)
    arrays = []
    for tensor in model.inputs:
        shape = (samples, *tensor.shape[1:])
        whole = "int" in str(tensor.dtype)
        arrays.append(
            rng.integers(0, 5, shape).astype("int32")
            if whole
            else rng.normal(size=shape).astype("float32")
        )
    if len(arrays) == 1:
        return arrays[0]
    return {tensor.name.split(":")[0]: a for tensor, a in zip(model.inputs, arrays, strict=True)}


def shake(model: Any, seed: int = 5) -> None:
    """Give every weight a value of its own: what stands in another's place is seen."""
    rng = np.random.default_rng(seed)
    model.set_weights([rng.uniform(0.2, 1.0, w.shape).astype(w.dtype) for w in model.get_weights()])


def predictions(model: Any, x: Any) -> list[Any]:
    """Return the outputs as a flat list."""
    y = model.predict(x, verbose=0)
    return y if isinstance(y, list) else list(y.values()) if isinstance(y, dict) else [y]
