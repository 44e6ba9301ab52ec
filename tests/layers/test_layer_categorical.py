"""Categories and texts, by tables worked out by hand from what Keras documents."""

from __future__ import annotations

import json
import random

import numpy as np
import pytest

import minidl
from minidl import Input, Sequential, layers
from minidl.layers.categorical.hashing import fingerprint64, siphash64

# Category encoding


def test_category_encoding_modes():
    x = np.array([[0, 1], [3, 3]])
    one_hot = layers.CategoryEncoding(4, output_mode="one_hot")(x)
    np.testing.assert_array_equal(one_hot, np.eye(4)[x])
    multi = layers.CategoryEncoding(4)(x)
    np.testing.assert_array_equal(multi, [[1, 1, 0, 0], [0, 0, 0, 1]])
    count = layers.CategoryEncoding(4, output_mode="count")(x, count_weights=[[0.5, 2], [1, 3]])
    np.testing.assert_array_equal(count, [[0.5, 2, 0, 0], [0, 0, 0, 4]])
    assert one_hot.dtype == multi.dtype == count.dtype == "float32"


@pytest.mark.parametrize("mode", ["one_hot", "multi_hot", "count"])
@pytest.mark.parametrize("shape", [(), (3,), (3, 1), (2, 3), (2, 3, 2)])
def test_category_encoding_tells_its_shape(mode, shape):
    layer = layers.CategoryEncoding(4, output_mode=mode)
    assert layer(np.ones(shape, "int32")).shape == layer.compute_output_shape(shape)


def test_category_encoding_in_a_model():
    model = Sequential([Input((2,), dtype="int32"), layers.CategoryEncoding(4), layers.Dense(1)])
    model.compile("sgd", "mse")
    model.fit(np.array([[0, 1], [3, 3]]), np.zeros(2), verbose=0)
    assert model.predict(np.array([[0, 1]]), verbose=0).shape == (1, 1)


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: layers.CategoryEncoding(), "no num_tokens"),
        (lambda: layers.CategoryEncoding(0), "num_tokens=0"),
        (lambda: layers.CategoryEncoding(3, output_mode="onehot"), "Did you mean 'one_hot'"),
        (lambda: layers.CategoryEncoding(3, sparse=True), "sparse"),
        (lambda: layers.CategoryEncoding(3)([[3]]), "from 3 to 3"),
        (lambda: layers.CategoryEncoding(3)([[-1]]), "from -1"),
        (lambda: layers.CategoryEncoding(3)([[0.5]]), "fractions"),
        (lambda: layers.CategoryEncoding(3)([[1]], count_weights=[[1.0]]), "no use"),
        (
            lambda: layers.CategoryEncoding(3, output_mode="count")([[1]], count_weights=[[1, 2]]),
            "expected the same shape",
        ),
    ],
)
def test_category_encoding_refuses(call, match):
    with pytest.raises(ValueError, match=match):
        call()


# Discretization


def test_discretization_by_boundaries():
    layer = layers.Discretization(bin_boundaries=[0.0, 1.0, 2.0])
    y = layer(np.array([[-1.5, 1.0, 3.4, 0.5], [0.0, 3.0, 1.3, 0.0]]))
    np.testing.assert_array_equal(y, [[0, 2, 3, 1], [1, 3, 2, 1]])
    assert y.dtype == "int32"
    hot = layers.Discretization(bin_boundaries=[0.0], output_mode="one_hot")(np.array([[-1], [2]]))
    np.testing.assert_array_equal(hot, [[1, 0], [0, 1]])
    tenth = np.array([0.1], "float32")  # a boundary is what it is in the input's own type
    assert layers.Discretization(bin_boundaries=[0.1])(tenth) == 1


def test_discretization_adapts_to_quantiles():
    data = np.random.default_rng(0).normal(size=20_000)
    layer = layers.Discretization(num_bins=4)
    layer.adapt(data)
    np.testing.assert_allclose(layer.bin_boundaries, [-0.674, 0, 0.674], atol=0.05)
    layer.adapt(iter(np.split(data, 10)))
    np.testing.assert_allclose(layer.bin_boundaries, [-0.674, 0, 0.674], atol=0.05)
    shares = np.bincount(layer(data)) / len(data)
    np.testing.assert_allclose(shares, 0.25, atol=0.02)
    twin = layers.Discretization.from_config(json.loads(json.dumps(layer.get_config())))
    np.testing.assert_array_equal(twin(data), layer(data))


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: layers.Discretization(), "one of them"),
        (lambda: layers.Discretization([0.0], num_bins=2), "one of them"),
        (lambda: layers.Discretization([1.0, 0.0]), "ascending"),
        (lambda: layers.Discretization(num_bins=0), "num_bins=0"),
        (lambda: layers.Discretization(num_bins=3)(np.ones(2)), "no boundaries yet"),
        (lambda: layers.Discretization([0.0]).adapt([1.0]), "nothing to adapt"),
        (lambda: layers.Discretization(num_bins=2).adapt(np.array([np.nan])), "NaN"),
        (lambda: layers.Discretization(num_bins=2).adapt(iter([])), "no numbers"),
    ],
)
def test_discretization_refuses(call, match):
    with pytest.raises(ValueError, match=match):
        call()


# Lookups

WORDS = ["a", "b", "c", "d"]
DATA = [["a", "c", "d"], ["d", "z", "b"]]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({}, [[1, 3, 4], [4, 0, 2]]),
        ({"mask_token": ""}, [[2, 4, 5], [5, 1, 3]]),
        ({"mask_token": "", "num_oov_indices": 3}, [[4, 6, 7], [7, 2, 5]]),
        ({"output_mode": "multi_hot"}, [[0, 1, 0, 1, 1], [1, 0, 1, 0, 1]]),
        ({"output_mode": "multi_hot", "mask_token": "z"}, [[0, 1, 0, 1, 1], [0, 0, 1, 0, 1]]),
        (
            {"output_mode": "count", "max_tokens": 6, "pad_to_max_tokens": True},
            [[0, 1, 0, 1, 1, 0], [1, 0, 1, 0, 1, 0]],
        ),
    ],
)
def test_string_lookup(arguments, expected):
    layer = layers.StringLookup(vocabulary=WORDS, **arguments)
    kinds = (DATA, np.array(DATA), np.array(DATA, object), np.array(DATA, "S"))
    if arguments.get("num_oov_indices") == 3:
        expected = np.array(expected)
        expected[1, 1] = 1 + fingerprint64(b"z") % 3
    for data in kinds:
        y = layer(data)
        np.testing.assert_array_equal(y, expected)
    assert y.dtype == ("int64" if layer.output_mode == "int" else "float32")
    assert y.shape == layer.compute_output_shape((2, 3))


def test_string_lookup_one_hot_and_there_and_back():
    hot = layers.StringLookup(vocabulary=WORDS, output_mode="one_hot")(["d", "z"])
    np.testing.assert_array_equal(hot, [[0, 0, 0, 0, 1], [1, 0, 0, 0, 0]])
    there = layers.StringLookup(vocabulary=WORDS, mask_token="")
    back = layers.StringLookup(vocabulary=there.get_vocabulary(), mask_token="", invert=True)
    assert back(there([*WORDS, "z", ""])).tolist() == [*WORDS, "[UNK]", ""]
    assert back([99]).tolist() == ["[UNK]"]


def test_tf_idf():
    data = [["a", "c", "d", "d"], ["d", "z", "b", "z"]]
    weights = [0.25, 0.75, 0.6, 0.4]
    layer = layers.StringLookup(vocabulary=WORDS, idf_weights=weights, output_mode="tf_idf")
    np.testing.assert_allclose(
        layer(data), [[0, 0.25, 0, 0.6, 0.8], [1.0, 0, 0.75, 0, 0.4]], rtol=1e-6
    )
    layer = layers.StringLookup(output_mode="tf_idf")
    layer.set_vocabulary(["[UNK]", *WORDS], idf_weights=[0.9, *weights])
    np.testing.assert_allclose(layer(data)[1], [1.8, 0, 0.75, 0, 0.4], rtol=1e-6)
    layer = layers.StringLookup(output_mode="tf_idf")
    layer.adapt([["x", "y"], ["x", "x"], ["w", "x"]])
    x, rare = np.log(1 + 3 / (1 + 3)), np.log(1 + 3 / (1 + 1))
    assert layer.get_vocabulary() == ["[UNK]", "x", "y", "w"]
    mean = (x + 2 * rare) / 3
    np.testing.assert_allclose(layer([["x", "x", "q"]]), [[mean, 2 * x, 0, 0]], rtol=1e-6)
    twin = layers.StringLookup.from_config(json.loads(json.dumps(layer.get_config())))
    np.testing.assert_allclose(twin([["x", "x", "q"]]), layer([["x", "x", "q"]]), rtol=1e-6)


def test_adapt_sorts_by_frequency_and_then_from_behind():
    layer = layers.StringLookup(mask_token="")
    data = ["b", "a", "b", "", "c", "[UNK]"]
    for source in (data, np.array(data), iter([data[:3], data[3:]])):
        layer.adapt(source)
        assert layer.get_vocabulary() == ["", "[UNK]", "b", "c", "a"]
    assert layer.vocabulary_size() == 5
    assert layer.get_vocabulary(include_special_tokens=False) == ["b", "c", "a"]
    small = layers.StringLookup(max_tokens=3)
    small.adapt(data)
    assert small.get_vocabulary() == ["[UNK]", "b", "c"]
    stopped = layers.StringLookup()
    stopped.adapt(iter([["a"], ["b"]]), steps=1)
    assert stopped.get_vocabulary() == ["[UNK]", "a"]


def test_integer_lookup():
    x = np.array([[12, 1138, 42], [42, 1000, 36]])
    layer = layers.IntegerLookup(vocabulary=[12, 36, 1138, 42])
    np.testing.assert_array_equal(layer(x), [[1, 3, 4], [4, 0, 2]])
    back = layers.IntegerLookup(vocabulary=layer.get_vocabulary(), invert=True)
    np.testing.assert_array_equal(back(layer(x)), [[12, 1138, 42], [42, -1, 36]])
    several = layers.IntegerLookup(vocabulary=[12], num_oov_indices=3)
    np.testing.assert_array_equal(several([12, 7, 8, -1]), [3, 1, 2, 2])
    hashed = layers.IntegerLookup(vocabulary=[12], num_oov_indices=3, oov_method="farmhash")
    np.testing.assert_array_equal(hashed([7]), [fingerprint64(b"7") % 3])
    layer = layers.IntegerLookup(mask_token=0)
    layer.adapt([[5, 5, 0], [0, 3, 5]])
    assert layer.get_vocabulary() == [0, -1, 5, 3]


def test_a_vocabulary_file_is_read_for_the_caller_and_never_for_a_config(tmp_path):
    path = tmp_path / "words.txt"
    path.write_text("a\nb\n")
    layer = layers.StringLookup(vocabulary=str(path))
    assert layer.get_vocabulary() == ["[UNK]", "a", "b"]
    assert layer.get_config()["vocabulary"] == ["a", "b"]
    for cls in (layers.StringLookup, layers.IntegerLookup, layers.TextVectorization):
        with pytest.raises(ValueError, match="No file is read"):
            cls.from_config({"vocabulary": str(path)})
    model = Sequential([Input((1,), dtype="string"), layer])
    config = json.loads(json.dumps(model.get_config()))
    text = json.dumps(config).replace('["a", "b"]', json.dumps(str(path)))
    with pytest.raises(ValueError, match="No file is read"):
        Sequential.from_config(json.loads(text))


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: layers.StringLookup()(["a"]), "no vocabulary yet"),
        (lambda: layers.StringLookup(vocabulary=["a", "b", "a"]), r"more than once: \['a'\]"),
        (lambda: layers.StringLookup(vocabulary=["a", ""], mask_token=""), "special token ''"),
        (lambda: layers.StringLookup(vocabulary=[]), "empty vocabulary"),
        (lambda: layers.StringLookup(vocabulary=WORDS, max_tokens=3), "max_tokens is 3"),
        (lambda: layers.StringLookup(vocabulary=WORDS, num_oov_indices=0)(["z"]), "'z'"),
        (lambda: layers.StringLookup(vocabulary=WORDS).adapt(["z"]), "nothing to adapt"),
        (lambda: layers.StringLookup().adapt(iter([])), "no tokens"),
        (lambda: layers.StringLookup(vocabulary=WORDS)([["a"], ["b", "c"]]), "lengths"),
        (lambda: layers.StringLookup(vocabulary=WORDS, output_mode="tf_idf"), "idf_weights=None"),
        (lambda: layers.StringLookup(invert=True, output_mode="count"), "invert=True"),
        (lambda: layers.StringLookup(pad_to_max_tokens=True), "needs max_tokens"),
        (lambda: layers.StringLookup(max_tokens=1), "max_tokens=1"),
        (lambda: layers.StringLookup(num_oov_indices=-1), "num_oov_indices=-1"),
        (lambda: layers.StringLookup(output_mode="integer"), "Did you mean 'int'"),
        (lambda: layers.StringLookup(sparse=True), "sparse"),
        (lambda: layers.StringLookup(salt="x"), "salt='x'"),
        (lambda: layers.IntegerLookup(oov_method="mod"), "Did you mean 'floormod'"),
        (lambda: layers.IntegerLookup(salt=1), "farmhash"),
        (lambda: layers.StringLookup(vocabulary=WORDS)([b"\xff"]), "no text in 'utf-8'"),
        (
            lambda: layers.StringLookup(output_mode="count")(Input((2,), dtype="string")),
            "no vocabulary yet",
        ),
    ],
)
def test_lookups_refuse(call, match):
    with pytest.raises(ValueError, match=match):
        call()


def test_wrong_kinds_of_tokens_are_type_errors():
    with pytest.raises(TypeError, match="expected strings"):
        layers.StringLookup(vocabulary=WORDS)([1, 2])
    with pytest.raises(TypeError, match="expected integers"):
        layers.IntegerLookup(vocabulary=[1])([0.5])


def test_hashes_are_those_of_the_published_examples():
    """FARM_FINGERPRINT of BigQuery's documentation, Keras's Hashing, and SipHash's own paper."""
    signed = [fingerprint64(x) for x in (b"1footrue", b"2applefalse", b"3true")]
    assert [s - (s >> 63 << 64) for s in signed] == [
        -1541654101129638711,
        2794438866806483259,
        -4880158226897771312,
    ]
    letters = [bytes([c]) for c in b"ABCDE"]
    assert [fingerprint64(c) % 3 for c in letters] == [1, 0, 1, 1, 2]
    assert [siphash64(c, (133, 137)) % 3 for c in letters] == [1, 2, 1, 0, 2]
    key = tuple(int.from_bytes(bytes(range(i, i + 8)), "little") for i in (0, 8))
    assert siphash64(bytes(range(15)), key) == 0xA129CA6149BE45E5


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        (20, 0xDE400CF25CC31105),
        (40, 0x5A45F6E19B6FB33D),
        (64, 0x709EE62E81877C19),
        (65, 0xA7CA9A64CEC63FB0),
        (128, 0x9A6E471BFAD6AA07),
        (129, 0xF4E138A79971E50E),
    ],
)
def test_fingerprints_of_longer_texts(size, expected):
    """What the FarmHash library itself gives for these."""
    assert fingerprint64((b"abcdefghij" * 20)[:size]) == expected


# Texts


def vectorized(texts, data=("foo bar", "bar baz", "baz bada boom"), **arguments):
    layer = layers.TextVectorization(**arguments)
    layer.adapt(list(data))
    return layer(texts)


def test_text_vectorization_to_integers():
    layer = layers.TextVectorization(vocabulary=["earth", "wind", "and", "fire"])
    assert layer.get_vocabulary() == ["", "[UNK]", "earth", "wind", "and", "fire"]
    y = layer(["Earth, WIND & fire!", "and  you\tand\n"])
    np.testing.assert_array_equal(y, [[2, 3, 5], [4, 1, 4]])
    np.testing.assert_array_equal(layer("wind fire"), [3, 5])
    assert vectorized(["foo"], output_sequence_length=3).tolist() == [[4, 0, 0]]
    assert vectorized([["foo bar foo"]], output_sequence_length=2).tolist() == [[4, 3]]
    assert vectorized([""]).shape == (1, 0)


@pytest.mark.parametrize(
    ("arguments", "tokens"),
    [
        ({}, ["héllo", "wÖrld", "its"]),
        ({"standardize": None}, ["Héllo,", "wÖrld!", "It's"]),
        ({"standardize": "lower"}, ["héllo,", "wÖrld!", "it's"]),
        ({"standardize": "strip_punctuation"}, ["Héllo", "wÖrld", "Its"]),
        ({"split": None}, ["héllo wÖrld its"]),
        ({"standardize": None, "split": "character"}, sorted(set("Héllo, wÖrld! It's"))),
        ({"standardize": np.char.upper}, ["HÉLLO,", "WÖRLD!", "IT'S"]),
        ({"split": lambda texts: [t.split("l") for t in texts]}, ["hé", "o wÖr", "d its", ""]),
        ({"ngrams": 2}, ["héllo", "wÖrld", "its", "héllo wÖrld", "wÖrld its"]),
        ({"ngrams": (3,)}, ["héllo wÖrld its"]),
    ],
)
def test_texts_are_standardized_and_split(arguments, tokens):
    layer = layers.TextVectorization(**arguments)
    layer.adapt(["Héllo, wÖrld! It's"])
    assert set(layer.get_vocabulary(include_special_tokens=False)) == set(tokens) - {""}


def test_texts_as_vectors():
    texts = ["foo bar bar", "quux"]
    y = vectorized(texts, output_mode="count")
    np.testing.assert_array_equal(y, [[0, 0, 2, 1, 0, 0], [1, 0, 0, 0, 0, 0]])
    y = vectorized(texts, output_mode="multi_hot", max_tokens=8, pad_to_max_tokens=True)
    np.testing.assert_array_equal(y, [[0, 0, 1, 1, 0, 0, 0, 0], [1, 0, 0, 0, 0, 0, 0, 0]])
    y = vectorized(texts, output_mode="tf_idf")
    twice, once = np.log(1 + 3 / 3), np.log(1 + 3 / 2)
    mean = (2 * twice + 3 * once) / 5
    np.testing.assert_allclose(y, [[0, 0, 2 * twice, once, 0, 0], [mean, 0, 0, 0, 0, 0]], rtol=1e-6)


def test_text_vectorization_in_models():
    layer = layers.TextVectorization(output_sequence_length=4)
    layer.adapt(np.array(["foo bar", "bar baz", "baz bada boom"]))
    model = Sequential([Input((1,), dtype="string"), layer])
    texts = np.array([["foo qux bar"], ["qux baz"]])
    np.testing.assert_array_equal(model.predict(texts, verbose=0), [[4, 1, 3, 0], [1, 2, 0, 0]])
    twin = Sequential.from_config(json.loads(json.dumps(model.get_config())))
    np.testing.assert_array_equal(twin(texts.astype(object)), model(texts))
    bags = layers.TextVectorization(output_mode="multi_hot")
    bags.adapt(["good film", "bad film"])
    source = Input((), dtype="string")
    classifier = minidl.Model(source, layers.Dense(1, activation="sigmoid")(bags(source)))
    classifier.compile(minidl.optimizers.Adam(0.1), "binary_crossentropy")
    x, y = np.array(["good film", "bad film"] * 8), np.array([1.0, 0.0] * 8)
    history = classifier.fit(x, y, epochs=30, verbose=0).history["loss"]
    assert history[-1] < 0.5 * history[0]
    with pytest.raises(TypeError, match="expected strings"):
        model.predict(np.ones((2, 1)), verbose=0)
    with pytest.raises(RuntimeError, match="Adapt before"):
        bags.adapt(["four words and more"])


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: layers.TextVectorization(standardize="lowr"), "Did you mean 'lower'"),
        (lambda: layers.TextVectorization(split="words"), "split='words'"),
        (lambda: layers.TextVectorization(ngrams=0), "ngrams=0"),
        (lambda: layers.TextVectorization(ragged=True), "ragged"),
        (lambda: layers.TextVectorization(sparse=True), "sparse"),
        (
            lambda: layers.TextVectorization(output_mode="count", output_sequence_length=3),
            "only sequences",
        ),
        (lambda: layers.TextVectorization(output_sequence_length=0), "output_sequence_length=0"),
        (lambda: layers.TextVectorization()(["a"]), "no vocabulary yet"),
        (lambda: vectorized([["a", "b"]]), r"\(1, 2\)"),
    ],
)
def test_text_vectorization_refuses(call, match):
    with pytest.raises(ValueError, match=match):
        call()


def test_any_text_has_tokens_of_its_vocabulary():
    letters = random.Random(0)
    texts = ["".join(letters.choices("ab .,X\u00e9", k=12)) for _ in range(50)]
    layer = layers.TextVectorization(max_tokens=6)
    layer.adapt(texts)
    assert layer.vocabulary_size() == 6
    assert layer(texts).max() == 5
