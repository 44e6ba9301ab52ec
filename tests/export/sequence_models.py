"""Recurrent layers, attention, and the masks that they and others take, as models by name."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from minidl import Input, Model, Sequential, layers

from .building import part, several, straight

SEQUENCES: dict[str, Callable[[], Any]] = {}

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
        SEQUENCES[f"{_name}{_suffix}"] = partial(straight, _layer)
        SEQUENCES[f"{_name}{_suffix}-masked"] = partial(straight, MASKING, _layer)


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
                SEQUENCES[f"Bidirectional-{_name}-{_mode}{_suffix}"] = partial(
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


SEQUENCES |= {
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


SEQUENCES |= {
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
            SEQUENCES[f"{_name}{_suffix}"] = partial(attending, _name, _masked, _call, **_arguments)
SEQUENCES |= {
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
