"""Agreement of attention with real Keras: outputs, scores, every gradient, masks of all kinds.

Masks stand in Keras's call as `attention_mask` and as the masks that its inputs carry; here the
latter arrive as `mask`, as the graph hands them over.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
import pytest

from minidl import layers

# The fixtures and comparisons are the layers' own.
from .test_layers import TOLERANCE, close, keras, lenient_numpy, plain  # noqa: F401

pytestmark = [pytest.mark.parity, pytest.mark.filterwarnings("ignore")]

QUERY, VALUE, KEY = (3, 4, 5), (3, 6, 7), (3, 6, 2)


class Case(NamedTuple):
    name: str
    arguments: dict[str, Any]
    shapes: tuple[Any, ...] = (QUERY, VALUE)
    call: dict[str, Any] = MappingProxyType({})  # type: ignore[assignment]
    carried: tuple[str, ...] = ()  # which inputs carry a mask
    attention_mask: tuple[int, ...] | None = None


def multi(**arguments: Any) -> dict[str, Any]:
    return {"num_heads": 2, "key_dim": 3, **arguments}


def grouped(**arguments: Any) -> dict[str, Any]:
    return {"head_dim": 3, "num_query_heads": 4, "num_key_value_heads": 2, **arguments}


SCORES = {"return_attention_scores": True}
CAUSAL = {"use_causal_mask": True}
SAME = ((3, 4, 5), (3, 4, 5))
PLAIN = ((3, 4, 5), (3, 6, 5))
ALL_PLAIN = ((3, 4, 5), (3, 6, 7), (3, 6, 5))

CASES = [
    Case("MultiHeadAttention", multi()),
    Case("MultiHeadAttention", multi(), SAME, CAUSAL),
    Case("MultiHeadAttention", multi(), (QUERY, VALUE, KEY), CAUSAL),
    # Keras on JAX computes values of another size than the keys only where it is not fused.
    Case("MultiHeadAttention", multi(value_dim=4, use_bias=False), (QUERY, VALUE, KEY), SCORES),
    Case("MultiHeadAttention", multi(output_shape=4)),
    Case("MultiHeadAttention", multi(output_shape=(2, 3), value_dim=1, dropout=0.5)),
    Case("MultiHeadAttention", multi(use_gate=True, value_dim=4, dropout=0.5), (QUERY, VALUE, KEY)),
    Case("MultiHeadAttention", multi(), call=SCORES),
    Case("MultiHeadAttention", multi(use_gate=True), call={**SCORES, **CAUSAL}),
    Case("MultiHeadAttention", multi(sliding_window=2), SAME),
    Case("MultiHeadAttention", multi(sliding_window=2), SAME, CAUSAL),
    Case("MultiHeadAttention", multi(dropout=0.5), SAME, CAUSAL),
    *(
        Case("MultiHeadAttention", multi(**arguments), (QUERY, VALUE), call, carried, pairs)
        for arguments, call in (({}, {}), ({}, SCORES), ({}, CAUSAL), ({"dropout": 0.5}, CAUSAL))
        for carried, pairs in (
            (("query",), None),
            (("value",), None),
            (("query", "value"), None),
            ((), (3, 4, 6)),
            ((), (3, 2, 4, 6)),
            ((), (4, 6)),
            ((), (1, 1, 4, 6)),
            (("query", "value"), (3, 4, 6)),
        )
    ),
    Case("MultiHeadAttention", multi(), (QUERY, VALUE, KEY), {}, ("value", "key")),
    Case("MultiHeadAttention", multi(), (QUERY, VALUE, KEY), {}, ("query", "key"), (3, 4, 6)),
    Case("MultiHeadAttention", multi(), ((2, 3, 2, 5), (2, 3, 4, 3))),
    Case("MultiHeadAttention", multi(), ((2, 3, 2, 5), (2, 3, 4, 3)), SCORES),
    Case("MultiHeadAttention", multi(attention_axes=(2,)), ((2, 3, 2, 5), (2, 3, 4, 3))),
    Case("MultiHeadAttention", multi(attention_axes=1), ((2, 3, 2, 5), (2, 4, 2, 3)), SCORES),
    Case("MultiHeadAttention", multi(attention_axes=(-2,)), ((2, 3, 2, 5), (2, 3, 4, 3)), SCORES),
    Case("MultiHeadAttention", multi(attention_axes=(1, 3)), ((2, 3, 2, 2, 5), (2, 4, 2, 3, 3))),
    Case(
        "MultiHeadAttention",
        multi(),
        ((2, 3, 2, 5), (2, 3, 4, 3)),
        SCORES,
        attention_mask=(2, 3, 2, 3, 4),
    ),
    Case("GroupQueryAttention", grouped(), PLAIN),
    Case("GroupQueryAttention", grouped(num_key_value_heads=1, use_bias=False), PLAIN, CAUSAL),
    Case("GroupQueryAttention", grouped(num_key_value_heads=4), PLAIN, SCORES),
    Case("GroupQueryAttention", grouped(use_gate=True, sliding_window=2), ((3, 4, 5),) * 3),
    *(
        Case("GroupQueryAttention", grouped(dropout=rate), PLAIN, call, carried, pairs)
        for rate, call in ((0.0, {}), (0.0, SCORES), (0.5, CAUSAL))
        for carried, pairs in ((("query", "value"), None), ((), (3, 4, 6)), ((), (3, 4, 4, 6)))
    ),
    *(
        Case(name, arguments, shapes, call, carried)
        for name, arguments in (
            ("Attention", {}),
            ("Attention", {"use_scale": True}),
            ("Attention", {"score_mode": "concat"}),
            ("Attention", {"score_mode": "concat", "use_scale": True}),
            ("AdditiveAttention", {}),
            ("AdditiveAttention", {"use_scale": False}),
        )
        for shapes, call, carried in (
            (PLAIN, {}, ()),
            (ALL_PLAIN, {}, ("query", "value")),
            (PLAIN, {**SCORES, **CAUSAL}, ("value",)),
            (ALL_PLAIN, SCORES, ("query",)),
        )
    ),
]


def case_id(case: Case) -> str:
    arguments = ",".join(f"{k}={v}" for k, v in case.arguments.items())
    rest = [f"{len(case.shapes)}x{len(case.shapes[0])}", *case.call, *case.carried]
    pairs = case.attention_mask or ""
    return f"{case.name}({arguments})-{'-'.join(rest)}{pairs}".replace(" ", "")


every_case = pytest.mark.parametrize("case", CASES, ids=case_id)
NAMES = ("query", "value", "key")


class Setting(NamedTuple):
    """Both layers with the same weights, and what they are called on."""

    ours: Any
    theirs: Any
    inputs: list[Any]
    masks: list[Any]
    attention_mask: Any


def setting(keras: Any, case: Case, dtype: str) -> Setting:  # noqa: F811
    rng = np.random.default_rng(7)
    inputs = [rng.normal(size=shape).astype(dtype) for shape in case.shapes]
    ours = getattr(layers, case.name)(**case.arguments, dtype=dtype, name="it")
    theirs = getattr(keras.layers, case.name)(**case.arguments, dtype=dtype, name="it")
    ours.build(list(case.shapes))
    theirs(*inputs, **case.call) if projected(case) else theirs(inputs)
    weights = [rng.uniform(-1.0, 1.0, w.shape).astype(dtype) for w in ours.weights]
    ours.set_weights(weights)
    theirs.set_weights(weights)
    masks = [
        rng.random(x.shape[:2]) < 0.6 if name in case.carried else None
        for name, x in zip(NAMES, inputs, strict=False)
    ]
    if masks[1] is not None and not projected(case):
        masks[1][:, 0] = True  # without anything to look at, 1e9 in float32 eats the scores
    pairs = None
    if case.attention_mask is not None:
        pairs = rng.random(case.attention_mask) < 0.6
        pairs[..., 1, :] = False  # a query that may look at nothing
    return Setting(ours, theirs, inputs, masks, pairs)


def projected(case: Case) -> bool:
    """Return whether the layer has projections, and is called on several arguments."""
    return case.name in ("MultiHeadAttention", "GroupQueryAttention")


def theirs_on(case: Case, s: Setting, inputs: list[Any], trained: list[Any], frozen: Any) -> Any:
    from keras.src import backend

    tensors = [backend.convert_to_tensor(x) for x in inputs]
    options = dict(case.call)
    if projected(case):
        # `stateless_call` goes past what hands over the masks; the query's own is read within.
        for name, tensor, mask in zip(NAMES, tensors, s.masks, strict=False):
            if mask is not None and name == "query" and case.name == "MultiHeadAttention":
                backend.set_keras_mask(tensor, backend.convert_to_tensor(mask))
            elif mask is not None:
                options[f"{name}_mask"] = backend.convert_to_tensor(mask)
        if s.attention_mask is not None:
            options["attention_mask"] = s.attention_mask
        result, _ = s.theirs.stateless_call(trained, frozen, *tensors, **options)
    else:
        if case.carried:
            options["mask"] = [m if m is None else backend.convert_to_tensor(m) for m in s.masks]
        result, _ = s.theirs.stateless_call(trained, frozen, tensors, **options)
    return list(result) if isinstance(result, list | tuple) else result


def ours_on(case: Case, s: Setting) -> tuple[Any, Any, list[Any]]:
    """Return what forward gives, and the inputs that it got."""
    options = dict(case.call)
    inputs = list(s.inputs)
    if case.carried:
        options["mask"] = list(s.masks)
    if s.attention_mask is not None:
        inputs, more = s.ours.pack_inputs(tuple(inputs), {"attention_mask": s.attention_mask})
        options.update(more)
    y, residuals = s.ours.forward(inputs, **options)
    return y, residuals, inputs


@every_case
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_outputs_and_gradients(keras, case, dtype):  # noqa: F811
    import jax

    s = setting(keras, case, dtype)
    trained = [v.value for v in s.theirs.trainable_variables]
    frozen = [v.value for v in s.theirs.non_trainable_variables]
    expected, pullback = jax.vjp(
        lambda t, xs: theirs_on(case, s, xs, t, frozen),
        trained,
        [*map(jax.numpy.asarray, s.inputs)],
    )
    y, residuals, _ = ours_on(case, s)
    several = isinstance(y, list)
    # JAX computes the softmax of its fused attention in float32, whatever it is given.
    fused = projected(case) and not several and not case.arguments.get("dropout")
    precision = "float32" if fused and s.inputs[0].ndim == 3 else dtype
    for a, b in zip(y if several else [y], expected if several else [expected], strict=True):
        close_to(a, b, dtype, precision, "y")
    rng = np.random.default_rng(8)
    dys = [rng.normal(size=a.shape).astype(dtype) for a in (y if several else [y])]
    dx = s.ours.backward(residuals, dys if several else dys[0])
    cotangents = [*map(jax.numpy.asarray, dys)]
    d_trained, d_inputs = pullback(cotangents if several else cotangents[0])
    for i, b in enumerate(d_inputs):
        close_to(dx[i], b, dtype, precision, f"dx[{i}]")
    for parameter, gradient in zip(s.ours.trainable_weights, d_trained, strict=True):
        close_to(parameter.grad, gradient, dtype, precision, parameter.path)


def close_to(ours: Any, theirs: Any, dtype: str, precision: str, what: str) -> None:
    if precision == dtype:
        close(ours, theirs, dtype, what)
    else:
        assert ours.dtype == dtype, what
        close(ours.astype(precision), np.asarray(theirs).astype(precision), precision, what)


@every_case
def test_weights_have_the_names_shapes_and_order_of_keras(keras, case):  # noqa: F811
    s = setting(keras, case, "float32")
    assert [(w.path, w.shape) for w in s.ours.weights] == [
        (w.path, tuple(w.shape)) for w in s.theirs.weights
    ]


@every_case
def test_configs_have_the_keys_of_keras_and_go_both_ways(keras, case):  # noqa: F811
    ours = getattr(layers, case.name)(**case.arguments, name="it")
    theirs = getattr(keras.layers, case.name)(**case.arguments, name="it")
    mine, keras_own = ours.get_config(), theirs.get_config()
    alone = {"activity_regularizer", "autocast"}
    assert set(mine) - alone == set(keras_own) - alone
    for key in set(keras_own) - {"dtype"}:
        assert plain(mine[key]) == plain(keras_own[key]), key
    rebuilt = type(ours).from_config(keras_own)
    assert plain(rebuilt.get_config()) == plain(mine)
    assert type(theirs).from_config({k: v for k, v in mine.items() if k not in alone}).name == "it"
