"""`model.export("m.py")`: every layer to the last bit, or refused with a reason; NumPy alone."""

import ast
import subprocess
import sys

import numpy as np
import pytest

from minidl import Input, Model, Sequential, config, layers
from minidl.export.python import NotExportableError, source_of, table
from tests.layers.layer_cases import CASES

REFUSED = {
    "CategoryEncoding": "strings or tables",
    "Discretization": "strings or tables",
    "IntegerLookup": "strings or tables",
    "StringLookup": "strings or tables",
    "TextVectorization": "strings or tables",
    "Lambda": "a function of Python's",
    "GRUCell": "a cell is one step",
    "LSTMCell": "a cell is one step",
    "SimpleRNNCell": "a cell is one step",
    "StackedRNNCells": "a cell is one step",
}
WITHOUT_A_CASE_OF_ONE_CALL = {"InputLayer", "Dense", "Embedding"}


@pytest.fixture(autouse=True)
def numpy_kernels():
    config.set_compiled_kernels(False)
    yield
    config.set_compiled_kernels(None)


def shuffled(model, seed=1):
    """Give a model weights of which none is zero or one."""
    random = np.random.default_rng(seed)
    for weight in model.weights:
        if weight.dtype.kind == "f":
            weight.assign(random.uniform(0.3, 1.5, weight.shape) * random.choice([1, 0.5]))
    return model


def run(source):
    namespace = {}
    exec(compile(source, "exported.py", "exec"), namespace)
    return namespace["predict"]


def leaves(value):
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else [value]


def assert_same_bits(model, x, **options):
    source = source_of(shuffled(model))
    expected = leaves(model.predict(x, verbose=0, **options))
    found = leaves(run(source)(x, **options))
    for ours, theirs in zip(found, expected, strict=True):
        assert ours.dtype == theirs.dtype
        assert ours.shape == theirs.shape
        assert ours.tobytes() == theirs.tobytes()
    return source


@pytest.mark.parametrize("name", sorted(CASES))
def test_every_layer_gives_the_same_bits(name):
    make, shape = CASES[name]
    layer = make()
    shapes = shape if isinstance(shape, list) else [shape]
    whole = isinstance(layer, layers.Embedding)
    inputs = [Input(s[1:], dtype="int32" if whole else "float32") for s in shapes]
    try:
        model = Model(inputs, layer(inputs if isinstance(shape, list) else inputs[0]))
    except ValueError:
        pytest.skip("this case is a call on arrays alone")
    random = np.random.default_rng(2)
    if whole:
        x = [random.integers(0, layer.input_dim, s) for s in shapes]
    else:
        x = [random.normal(size=s).astype("float32") for s in shapes]
    if type(layer).__name__ in REFUSED:
        with pytest.raises(NotExportableError, match=REFUSED[type(layer).__name__]):
            source_of(model)
    else:
        assert_same_bits(model, x)


def test_every_public_layer_is_written_or_refused():
    public = {
        cls
        for cls in (getattr(layers, name) for name in layers.__all__)
        if isinstance(cls, type) and issubclass(cls, layers.Layer) and cls is not layers.Layer
    }
    compared = {type(case.make()).__name__ for case in CASES.values()}
    left = {cls.__name__ for cls in public} - compared - set(REFUSED) - WITHOUT_A_CASE_OF_ONE_CALL
    assert not left


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_what_is_refused_has_a_reason(name):
    assert REFUSED[name] in table.REFUSED[getattr(layers, name)]


NETWORKS = {
    "long sums": (
        [Input((331,)), layers.Dense(40, "relu"), layers.Dropout(0.5), layers.Dense(3, "softmax")],
        (33, 331),
    ),
    "long sums over time": ([Input((5, 331)), layers.Dense(4)], (9, 5, 331)),
    "one unit": ([Input((331,)), layers.Dense(1)], (33, 331)),
    "convolutions": (
        [
            Input((12, 12, 1)),
            layers.Conv2D(8, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Conv2D(6, 3, padding="same", use_bias=False),
            layers.BatchNormalization(),
            layers.LeakyReLU(),
            layers.Flatten(),
            layers.Dense(5, "log_softmax"),
        ],
        (35, 12, 12, 1),
    ),
    "deep convolution in blocks": ([Input((40, 40, 33)), layers.Conv2D(5, 5)], (9, 40, 40, 33)),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_networks_in_several_batches(name, rng):
    stack, shape = NETWORKS[name]
    assert_same_bits(Sequential(stack), rng.normal(size=shape).astype("float32"))


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.mark.parametrize(
    "activation",
    [
        "celu",
        "elu",
        "exponential",
        "gelu",
        "glu",
        "hard_sigmoid",
        "hard_silu",
        "leaky_relu",
        "linear",
        "log_sigmoid",
        "log_softmax",
        "mish",
        "relu",
        "relu6",
        "selu",
        "sigmoid",
        "silu",
        "softmax",
        "softplus",
        "softsign",
        "tanh",
    ],
)
def test_activations(activation, rng):
    model = Sequential([Input((3,)), layers.Dense(8, activation), layers.Activation(activation)])
    assert_same_bits(model, rng.normal(size=(40, 3)).astype("float32"))


def test_masks(rng):
    model = Sequential(
        [
            Input((7,), dtype="int32"),
            layers.Embedding(9, 5, mask_zero=True),
            layers.Dropout(0.1),
            layers.Bidirectional(layers.LSTM(4, return_sequences=True), merge_mode="ave"),
            layers.GRU(3, return_sequences=True, go_backwards=True),
            layers.SimpleRNN(3, return_sequences=True),
            layers.GlobalAveragePooling1D(),
        ]
    )
    ids = rng.integers(1, 9, (40, 7)) * (np.arange(7) < rng.integers(1, 8, (40, 1)))
    assert_same_bits(model, ids)


def test_masks_in_attention_and_merges(rng):
    x = Input((6,), dtype="int32")
    e = layers.Embedding(9, 8, mask_zero=True)(x)
    attended = layers.MultiHeadAttention(2, 4)(e, e, use_causal_mask=True)
    y = layers.LayerNormalization()(layers.Add()([e, attended]))
    scored, scores = layers.Attention()([y, e], return_attention_scores=True)
    model = Model(x, {"y": layers.GlobalAveragePooling1D()(scored), "scores": scores})
    ids = rng.integers(1, 9, (33, 6)) * (np.arange(6) < rng.integers(1, 7, (33, 1)))
    assert_same_bits(model, ids)


def test_states_in_and_out(rng):
    x, h, c = Input((5, 3)), Input((4,)), Input((4,))
    y, *after = layers.LSTM(4, return_state=True)(x, initial_state=[h, c])
    z, *states = layers.Bidirectional(layers.GRU(2, return_state=True))(x)
    model = Model([x, h, c], [y, *after, z, *states])
    assert_same_bits(
        model, [rng.normal(size=(3, *t.shape[1:])).astype("float32") for t in (x, h, c)]
    )


def test_shared_and_nested_models_with_dicts(rng):
    a, b = Input((5,), name="a"), Input((8,), name="class")
    shared = layers.Dense(4, name="lambda")
    inner = Sequential([Input((8,)), layers.Dense(6, "elu"), layers.Dense(4)])
    y = inner(layers.Concatenate()([shared(a), inner(b)]))
    model = Model([a, b], {"sum": y + shared(a), "scaled": y * 2.0 - 1.0})
    assert_same_bits(model, {"class": rng.normal(size=(40, 8)), "a": rng.normal(size=(40, 5))})


def test_float64(rng):
    config.set_floatx("float64")
    try:
        stack = [Input((9, 3)), layers.LSTM(4), layers.UnitNormalization(), layers.Dense(2, "gelu")]
        assert_same_bits(Sequential(stack), rng.normal(size=(5, 9, 3)))
    finally:
        config.set_floatx("float32")


def test_a_file_runs_where_there_is_no_minidl(tmp_path, rng):
    model = shuffled(
        Sequential([Input((300,)), layers.Dense(7, "tanh"), layers.Dense(2, "softmax")])
    )
    path = tmp_path / "net.py"
    model.export(path)
    x = rng.normal(size=(40, 300)).astype("float32")
    np.save(tmp_path / "x.npy", x)
    program = (
        "import sys; sys.path = [p for p in sys.path if 'minidl' not in p]\n"
        "sys.modules['minidl'] = None\n"
        "import numpy as np, net\n"
        "np.save('y.npy', net.predict(np.load('x.npy')))\n"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", program], cwd=tmp_path, check=True)
    assert np.load(tmp_path / "y.npy").tobytes() == model.predict(x, verbose=0).tobytes()


def test_the_network_reads_as_equations():
    model = Sequential(
        [Input((4,)), layers.Dense(3, "relu", name="one"), layers.Dense(2, "softmax", name="two")],
        name="net",
    )
    source = source_of(model)
    lines = source[source.index("def network") :].split("\n\n")[0].splitlines()
    assert lines == [
        "def network(x):",
        '    """Return a list of the outputs for one batch."""',
        "    # one: Dense → (batch, 3)",
        '    h1 = np.maximum(x @ W["one/kernel"] + W["one/bias"], 0)',
        "    # two: Dense → (batch, 2)",
        '    h2 = softmax(h1 @ W["two/kernel"] + W["two/bias"], axis=-1)',
        "    return [h2]",
    ]
    imported = {
        alias.name
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Import)
        for alias in node.names
    }
    assert imported == {"base64", "numpy", "zlib"}


def test_only_the_numpy_form_of_a_kernel_is_written(tmp_path):
    model = Sequential([Input((12, 3)), layers.AveragePooling1D(2)])
    model.export(tmp_path / "pooling.py")
    text = (tmp_path / "pooling.py").read_text()
    assert "def window_sums" in text
    assert "class Kernel" not in text
    assert "numba" not in text


def test_names_that_are_code_stay_names(rng):
    hostile = 'x"""\nraise SystemExit\n"]\\'
    x = Input((2,), name=hostile)
    model = Model([x], layers.Dense(1, name='a\nb = 1 #"]')(x), name=hostile)
    x = rng.normal(size=(3, 2)).astype("float32")
    assert_same_bits(model, [x])


def test_what_does_not_go_says_why(tmp_path):
    class Own(layers.Layer):
        def call(self, x):
            return x

    with pytest.raises(ValueError, match=r"Layer 'own' \(Own\).*its class is your own"):
        source_of(Sequential([Input((2,)), Own(name="own")]))
    with pytest.raises(ValueError, match="function of your own"):
        source_of(Sequential([Input((2,)), layers.Dense(2, activation=lambda z: z * z)]))
    stateful = Sequential([Input(batch_shape=(2, 3, 4)), layers.LSTM(2, stateful=True)])
    with pytest.raises(ValueError, match="it is stateful"):
        source_of(stateful)
    with pytest.raises(ValueError, match="no graph of"):
        source_of(Sequential([layers.Dense(2)]))
    path = tmp_path / "m.pyy"
    with pytest.raises(ValueError, match=r"suffix '\.pyy'"):
        Sequential([Input((2,)), layers.Dense(2)]).export(path)
    assert not path.exists()
