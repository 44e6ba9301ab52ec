"""Recurrent layers against Keras: outputs, states, every gradient, weights, configs and shapes.

The gradients are those of the output and of the last states, with respect to the sequences, the
initial states and every weight, with masks and without. Dropout is compared on equal draws.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pytest

import minidl
from minidl import layers

from .test_layers import close, keras, lenient_numpy, plain  # noqa: F401

pytestmark = [pytest.mark.parity, pytest.mark.filterwarnings("ignore")]


@pytest.fixture(autouse=True)
def names_and_draws_begin_anew(keras):  # noqa: F811
    """Let both libraries count their layers from one again, and draw from a seed."""
    for library in (keras, minidl):
        library.utils.clear_session(free_memory=False)
        library.utils.set_random_seed(1)


BATCH, STEPS, FEATURES = 4, 5, 3
MASK = np.array([[1, 1, 0, 1, 0], [0, 1, 1, 0, 0], [0, 0, 0, 0, 0], [1, 1, 1, 1, 1]], bool)


class Case(NamedTuple):
    name: str
    make: Any  # of either package's layers
    masked: bool = False
    states: bool = False


def simple(name: str, masked: bool = False, states: bool = False, **arguments: Any) -> Case:
    """A case of one layer with these arguments."""
    if name == "GRU" and arguments.get("use_bias") is False:
        arguments["use_cudnn"] = False  # Keras's other way makes float64 biases of its own

    def make(package: Any, **more: Any) -> Any:
        return getattr(package, name)(3, **arguments, **more)

    text = ",".join(f"{k}={v}" for k, v in arguments.items())
    extra = ("-mask" if masked else "") + ("-states" if states else "")
    return Case(f"{name}({text}){extra}", make, masked, states)


def both_ways(name: str, masked: bool = False, states: bool = False, **arguments: Any) -> Case:
    """A case of a Bidirectional, with a `merge_mode`."""
    mode = arguments.pop("merge_mode", "concat")

    def make(package: Any, **more: Any) -> Any:
        layer = getattr(package, name)(3, **arguments, dtype=more["dtype"], name="inner")
        return package.Bidirectional(layer, merge_mode=mode, **more)

    text = ",".join(f"{k}={v}" for k, v in arguments.items())
    extra = ("-mask" if masked else "") + ("-states" if states else "")
    return Case(f"Bidirectional({name}({text}),{mode}){extra}", make, masked, states)


def stack(masked: bool = False, **arguments: Any) -> Case:
    """A case of an RNN over two cells."""

    def make(package: Any, **more: Any) -> Any:
        cells = [
            package.LSTMCell(4, dtype=more["dtype"], name="one"),
            package.LSTMCell(3, dtype=more["dtype"], name="two"),
        ]
        cell = package.StackedRNNCells(cells, dtype=more["dtype"], name="stack")
        return package.RNN(cell, **arguments, **more)

    text = ",".join(f"{k}={v}" for k, v in arguments.items())
    return Case(f"RNN([LSTMCell]*2,{text}){'-mask' if masked else ''}", make, masked)


def cell_in_rnn(name: str, masked: bool = False, **arguments: Any) -> Case:
    """A case of an RNN over one cell."""

    def make(package: Any, **more: Any) -> Any:
        return package.RNN(getattr(package, name)(3, dtype=more["dtype"]), **arguments, **more)

    text = ",".join(f"{k}={v}" for k, v in arguments.items())
    return Case(f"RNN({name},{text}){'-mask' if masked else ''}", make, masked)


ALL = {"return_sequences": True, "return_state": True}
CASES = [
    *(
        case
        for name in ("SimpleRNN", "LSTM", "GRU")
        for case in (
            simple(name),
            simple(name, return_sequences=True),
            simple(name, masked=True, **ALL),
            simple(name, masked=True, states=True, go_backwards=True, **ALL),
            simple(name, masked=True, return_sequences=True, zero_output_for_mask=True),
            simple(name, masked=True, zero_output_for_mask=True),
            simple(name, use_bias=False, activation="relu", states=True),
            simple(name, unroll=True, **ALL),
        )
    ),
    simple("LSTM", recurrent_activation="hard_sigmoid", activation="softsign", **ALL),
    simple("LSTM", unit_forget_bias=False, go_backwards=True),
    simple("GRU", reset_after=False),
    simple("GRU", reset_after=False, masked=True, states=True, **ALL),
    simple("GRU", reset_after=False, use_bias=False, recurrent_activation="hard_sigmoid"),
    simple("GRU", recurrent_activation="tanh", activation=None, return_sequences=True),
    *(
        both_ways("LSTM", merge_mode=mode, return_sequences=sequences)
        for mode in ("concat", "sum", "mul", "ave", None)
        for sequences in (False, True)
    ),
    both_ways("GRU", masked=True, states=True, **ALL),
    both_ways("LSTM", masked=True, states=True, return_state=True, merge_mode="sum"),
    both_ways("SimpleRNN", masked=True, merge_mode=None, **ALL),
    cell_in_rnn("LSTMCell", masked=True, **ALL),
    cell_in_rnn("GRUCell", return_sequences=True),
    stack(**ALL),
    stack(masked=True, return_sequences=True),
]
every_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name.replace(" ", ""))


def prepared(keras: Any, case: Case, dtype: str) -> tuple[Any, Any, Any]:  # noqa: F811
    """Return our layer, theirs with the same weights, and sequences."""
    rng = np.random.default_rng(7)
    x = rng.normal(size=(BATCH, STEPS, FEATURES)).astype(dtype)
    ours = case.make(layers, dtype=dtype, name="it")
    theirs = case.make(keras.layers, dtype=dtype, name="it")
    ours(x)
    theirs(x)
    weights = [rng.normal(0.3, 0.6, w.shape).astype(w.dtype) for w in ours.weights]
    ours.set_weights(weights)
    theirs.set_weights(weights)
    return ours, theirs, x


def states_for(ours: Any, dtype: str) -> list[Any]:
    rng = np.random.default_rng(5)
    inner = getattr(ours, "forward_layer", ours)
    count = len(inner.state_size) * (2 if inner is not ours else 1)
    return [rng.normal(size=(BATCH, 3)).astype(dtype) for _ in range(count)]


def listed(value: Any) -> list[Any]:
    if isinstance(value, list | tuple):
        return [leaf for item in value for leaf in listed(item)]
    return [value]


def compare(
    ours: Any, theirs: Any, x: Any, states: list[Any], dtype: str, mask: Any, training: bool = False
) -> None:
    """Compare outputs and all gradients."""
    import jax

    frozen = [v.value for v in theirs.non_trainable_variables]

    def stateless(trained: Any, sequences: Any, first: Any) -> Any:
        options: dict[str, Any] = {"training": training}
        if first:
            options["initial_state"] = first
        if mask is not None:
            options["mask"] = jax.numpy.asarray(mask)
        outputs, _ = theirs.stateless_call(trained, frozen, sequences, **options)
        return listed(outputs)

    trained = [v.value for v in theirs.trainable_variables]
    arguments = jax.tree.map(jax.numpy.asarray, (trained, x, states))
    expected, pullback = jax.vjp(stateless, *arguments)
    inputs = [x, *states] if states else x
    y, residuals = ours.forward(inputs, training=training, mask=mask)
    for i, (a, b) in enumerate(zip(listed(y), expected, strict=True)):
        close(a, b, dtype, f"output {i}")
    rng = np.random.default_rng(8)
    dy = [rng.normal(size=a.shape).astype(dtype) for a in listed(y)]
    d_trained, dx, d_states = pullback([jax.numpy.asarray(d) for d in dy])
    mine = listed(ours.backward(residuals, dy if isinstance(y, list) else dy[0]))
    for i, (a, b) in enumerate(zip(mine, [dx, *d_states], strict=True)):
        close(a, b, dtype, f"gradient of input {i}")
    for parameter, gradient in zip(ours.trainable_weights, d_trained, strict=True):
        close(parameter.grad, gradient, dtype, parameter.path)


@every_case
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_outputs_and_gradients(keras, case, dtype):  # noqa: F811
    ours, theirs, x = prepared(keras, case, dtype)
    states = states_for(ours, dtype) if case.states else []
    compare(ours, theirs, x, states, dtype, MASK if case.masked else None)


@pytest.mark.parametrize("recurrent", [0.0, 0.4])
@pytest.mark.parametrize("name", ["SimpleRNN", "LSTM", "GRU"])
def test_dropout_on_equal_draws(keras, name, recurrent):  # noqa: F811
    case = simple(name, dropout=0.3, recurrent_dropout=recurrent, seed=1, return_sequences=True)
    ours, theirs, x = prepared(keras, case, "float64")
    stream = ours.cell.seed_generator.get_state()
    x_masks, h_masks = ours.cell._dropped(x.swapaxes(0, 1), True)
    ours.cell.seed_generator.set_state(stream)
    assert (x_masks == 0).any()

    def create(step_input: Any, rate: float) -> Any:
        masks = x_masks if rate == 0.3 else h_masks
        several = getattr(theirs.cell, "dropout_mask_count", None) is not None
        assert len(masks) == (theirs.cell.dropout_mask_count if several else 1)
        return list(masks) if several else masks[0]

    theirs.cell._create_dropout_mask = create
    compare(ours, theirs, x, [], "float64", None, training=True)


@pytest.mark.parametrize("name", ["SimpleRNN", "LSTM", "GRU"])
def test_stateful(keras, name):  # noqa: F811
    ours, theirs, x = prepared(keras, simple(name, stateful=True, **ALL), "float64")
    for layer in (ours, theirs):
        layer.reset_state()
    for batch in (x, -x, x[:, :2]):
        for a, b in zip(ours(batch), theirs(batch), strict=True):
            close(a, b, "float64", "y")
    for a, b in zip(ours.states, theirs.states, strict=True):
        close(a.value, b, "float64", "state")


@pytest.mark.parametrize("name", ["SimpleRNNCell", "LSTMCell", "GRUCell"])
def test_single_steps(keras, name):  # noqa: F811
    rng = np.random.default_rng(0)
    ours, theirs = (getattr(p, name)(3, dtype="float64") for p in (layers, keras.layers))
    x = rng.normal(size=(2, 5))
    states = [rng.normal(size=(2, 3)) for _ in ours.get_initial_state(2)]
    ours(x, states)
    theirs(x, states)
    theirs.set_weights(ours.get_weights())
    mine, keras_own = ours(x, states), theirs(x, states)
    for a, b in zip(listed(mine), listed(keras_own), strict=True):
        close(a, b, "float64", "y")
    assert isinstance(mine, tuple)
    assert len(mine[1]) == len(states)


@every_case
def test_weights_have_the_names_shapes_paths_and_order_of_keras(keras, case):  # noqa: F811
    ours, theirs, _ = prepared(keras, case, "float32")
    assert [(w.path, w.shape) for w in ours.weights] == [
        (w.path, tuple(w.shape)) for w in theirs.weights
    ]
    assert [w.name for w in ours.trainable_weights] == [w.name for w in theirs.trainable_weights]


@pytest.mark.parametrize("name", ["SimpleRNN", "LSTM", "GRU"])
def test_weights_start_as_those_of_keras(keras, name):  # noqa: F811
    ours, theirs = (getattr(p, name)(64) for p in (layers, keras.layers))
    for layer in (ours, theirs):
        layer.build((None, 5, 32))
    for a, b in zip(ours.weights, theirs.weights, strict=True):
        b = np.asarray(b)
        assert a.value.std() == pytest.approx(b.std(), rel=0.05), a.path
        assert np.abs(a.value).max() == pytest.approx(np.abs(b).max(), rel=0.2), a.path
    np.testing.assert_array_equal(ours.cell.bias.value, np.asarray(theirs.cell.bias))
    U = ours.cell.recurrent_kernel.value
    np.testing.assert_allclose(U @ U.T, np.eye(64), atol=1e-5)


OURS_ALONE = {"activity_regularizer", "autocast", "seed"}


@every_case
def test_configs_have_the_keys_of_keras_and_go_both_ways(keras, case):  # noqa: F811
    ours = case.make(layers, name="it", dtype="float32")
    theirs = case.make(keras.layers, name="it", dtype="float32")
    mine, keras_own = ours.get_config(), theirs.get_config()
    compare_configs(mine, keras_own)
    rebuilt = type(ours).from_config(keras_own)
    assert plain(rebuilt.get_config()) == plain(mine)
    assert type(theirs).from_config(without_autocast(mine)).name == "it"


def compare_configs(mine: Any, theirs: Any) -> None:
    """Compare two configurations, and those of layers within, key by key."""
    if not isinstance(mine, dict) or "name" not in mine:
        assert plain(mine) == plain(theirs)
        return
    assert set(mine) - OURS_ALONE == set(theirs) - OURS_ALONE
    for key in set(theirs) - {"dtype"}:
        pairs = [(mine[key], theirs[key])]
        if isinstance(mine[key], list):
            pairs = list(zip(mine[key], theirs[key], strict=True))
        for a, b in pairs:
            if isinstance(a, dict) and "config" in a:
                assert (a["module"], a["class_name"]) == (b["module"], b["class_name"])
                a, b = a["config"], b["config"]
            compare_configs(a, b)


def without_autocast(value: Any) -> Any:
    """Return a configuration as Keras can read it: without the one key of ours."""
    if isinstance(value, dict):
        return {k: without_autocast(v) for k, v in value.items() if k != "autocast"}
    if isinstance(value, list):
        return [without_autocast(item) for item in value]
    return value


@every_case
def test_symbolic_shapes(keras, case):  # noqa: F811
    ours, theirs = (case.make(p, dtype="float32") for p in (layers, keras.layers))
    mine = listed(ours(layers.Input((STEPS, FEATURES))))
    keras_own = listed(theirs(keras.Input((STEPS, FEATURES))))
    assert [t.shape for t in mine] == [t.shape for t in keras_own]
