"""Models that travel between this library and Keras, each about one layer, made with either."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from .test_layers import CASES as PLAIN

ENOUGH = 2  # configurations of a layer among the many that are compared number by number

# A configuration with data_format="channels_first" needs a backend that computes it.
STEPS, PICTURE = (6, 3), (8, 8, 3)


class Saved(NamedTuple):
    """A layer in a model that is saved.

    Attributes:
        name: the layer's, and what is special about the model.
        make: makes the model with `minidl` or `keras`.
    """

    name: str
    make: Callable[[Any], Any]


def single(name: str, shape: Any, dtype: str | None = None, **arguments: Any) -> Saved:
    """A model of one layer, between its inputs and its output."""

    def make(k: Any) -> Any:
        shapes = shape if isinstance(shape, list) else [shape]
        inputs = [k.Input(s, dtype=dtype) for s in shapes]
        layer = getattr(k.layers, name)(**arguments)
        return k.Model(inputs, layer(inputs if isinstance(shape, list) else inputs[0]))

    text = ",".join(f"{key}={value}" for key, value in arguments.items())
    return Saved(f"{name}({text}){shape}".replace(" ", ""), make)


def built(name: str, make: Callable[[Any], Any]) -> Saved:
    return Saved(name, make)


def from_plain() -> list[Saved]:
    """Two configurations of each layer that is compared number by number."""
    taken: dict[str, int] = {}
    cases = []
    for case in PLAIN:
        shapes = case.shape if isinstance(case.shape, list) else [case.shape]
        if case.ints or taken.get(case.name, 0) == ENOUGH or min(map(len, shapes)) < 2:
            continue
        if case.name in ("CenterCrop", "Resizing") and len(case.shape) < 4:
            continue
        taken[case.name] = taken.get(case.name, 0) + 1
        shape = [s[1:] for s in shapes] if isinstance(case.shape, list) else case.shape[1:]
        cases.append(single(case.name, shape, **case.arguments))
    return cases


def wrapped(k: Any, wrap: Callable[[Any], Any], shape: Any = STEPS) -> Any:
    return k.Sequential([k.Input(shape), wrap(k.layers)])


def attending(k: Any, make: Callable[[Any], Any], *call: int, **options: Any) -> Any:
    inputs = [k.Input((5, 4)), k.Input((6, 4))]
    chosen = [inputs[i] for i in call]
    layer = make(k.layers)
    listed = type(layer).__name__ in ("Attention", "AdditiveAttention")
    return k.Model(inputs, layer(chosen, **options) if listed else layer(*chosen, **options))


def masked(k: Any, make: Callable[[Any], Any]) -> Any:
    """A mask from an embedding, which Keras writes as an operation of its own."""
    x = k.Input((6,), dtype="int32")
    return k.Model(x, make(k.layers)(k.layers.Embedding(9, 4, mask_zero=True)(x)))


def shared_and_nested(k: Any) -> Any:
    a, b = k.Input((3,)), k.Input((3,))
    shared = k.layers.Dense(3, activation="tanh")
    i = k.Input((3,))
    inner = k.Model(i, k.layers.Dense(3)(k.layers.Dense(3, activation="elu")(i)))
    y = k.layers.Subtract()([inner(shared(a)), shared(inner(b))])
    return k.Model([a, b], [y, k.layers.Dense(2)(y)])


def equal_shapes(k: Any) -> Any:
    last, first, other = (k.layers.Dense(3) for _ in range(3))
    x = k.Input((3,))
    return k.Model(x, k.layers.Add()([last(k.layers.ReLU()(first(x))), other(x)]))


def operators(k: Any) -> Any:
    a, b = k.Input((3,)), k.Input((3,))
    return k.Model([a, b], k.layers.Dense(2)((a + b) * 0.5 - a / 4.0 - b * a))


def one_layer_twice(k: Any) -> Any:
    """A layer within two wrappers is one layer: its weights stand in the file once."""
    x, shared = k.Input((4, 3)), k.layers.Dense(3)
    y = k.layers.TimeDistributed(shared)(k.layers.TimeDistributed(shared)(x))
    return k.Model(x, k.layers.GlobalMaxPooling1D()(y))


CASES = [
    *from_plain(),
    single("InputLayer-Identity", (3,))
    if False
    else built(
        "InputLayer",
        lambda k: k.Sequential([k.layers.InputLayer((3,), name="entrance"), k.layers.Dense(2)]),
    ),
    single("Embedding", (5,), "int32", input_dim=9, output_dim=3),
    built("Embedding-mask_zero", lambda k: masked(k, lambda la: la.GlobalAveragePooling1D())),
    single("Masking", STEPS, mask_value=0.5),
    *(
        single(name, STEPS, units=3, **options)
        for name in ("SimpleRNN", "GRU", "LSTM")
        for options in ({}, {"return_sequences": True, "go_backwards": True})
    ),
    *(
        built(f"{name}-masked", lambda k, name=name: masked(k, lambda la: getattr(la, name)(3)))
        for name in ("SimpleRNN", "GRU", "LSTM")
    ),
    single("GRU", STEPS, units=3, reset_after=False, use_bias=False),
    single("LSTM", STEPS, units=3, unit_forget_bias=False, dropout=0.2, recurrent_dropout=0.2),
    *(
        built(
            f"{name}Cell",
            lambda k, name=name: wrapped(
                k, lambda la: la.RNN(getattr(la, f"{name}Cell")(3), return_sequences=True)
            ),
        )
        for name in ("SimpleRNN", "GRU", "LSTM")
    ),
    built("RNN", lambda k: wrapped(k, lambda la: la.RNN(la.GRUCell(3)))),
    built(
        "StackedRNNCells",
        lambda k: wrapped(
            k, lambda la: la.RNN([la.LSTMCell(3), la.LSTMCell(3), la.SimpleRNNCell(3)])
        ),
    ),
    built(
        "Bidirectional-LSTM",
        lambda k: wrapped(k, lambda la: la.Bidirectional(la.LSTM(3, return_sequences=True))),
    ),
    built(
        "Bidirectional-GRU",
        lambda k: wrapped(
            k,
            lambda la: la.Bidirectional(
                la.GRU(3), merge_mode="sum", backward_layer=la.GRU(3, go_backwards=True)
            ),
        ),
    ),
    built(
        "Bidirectional-masked",
        lambda k: masked(k, lambda la: la.Bidirectional(la.LSTM(3, return_sequences=True))),
    ),
    built(
        "TimeDistributed",
        lambda k: wrapped(k, lambda la: la.TimeDistributed(la.Conv2D(2, 3)), (3, 5, 5, 2)),
    ),
    built("TimeDistributed-twice", one_layer_twice),
    *(
        built(
            f"MultiHeadAttention-{i}",
            lambda k, options=options, call=call: attending(
                k, lambda la: la.MultiHeadAttention(2, 3, **options), *call
            ),
        )
        for i, (options, call) in enumerate(
            (
                ({}, (0, 0)),
                ({"value_dim": 3, "use_bias": False}, (0, 1)),
                ({"use_gate": True}, (0, 1)),
            )
        )
    ),
    *(
        built(
            f"GroupQueryAttention-{i}",
            lambda k, options=options: attending(
                k, lambda la: la.GroupQueryAttention(3, 4, 2, **options), 0, 1
            ),
        )
        for i, options in enumerate(({}, {"use_gate": True}))
    ),
    built(
        "Attention",
        lambda k: attending(k, lambda la: la.Attention(use_scale=True, score_mode="concat"), 0, 1),
    ),
    built("AdditiveAttention", lambda k: attending(k, lambda la: la.AdditiveAttention(), 0, 1)),
    single("CategoryEncoding", (3,), "int32", num_tokens=6, output_mode="multi_hot"),
    single("Discretization", (3,), bin_boundaries=[-1.0, 0.0, 1.0], output_mode="multi_hot"),
    single("RandomFlip", PICTURE),
    single("RandomCrop", PICTURE, height=8, width=8),
    built("Dense-equal_shapes", equal_shapes),
    built("Dense-shared_and_nested", shared_and_nested),
    built("Add-operators", operators),
]

KERAS_DOES_NOT_TELL = ("TimeDistributed-twice",)
"""What Keras 3.15 cannot load of its own: it does not write that the layer is the same one."""
