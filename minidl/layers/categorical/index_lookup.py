"""Tokens to indices by a vocabulary, and back: what strings and integers have in common.

index:    0      1 ... num_oov_indices     then the vocabulary, most frequent first
          mask   unknown tokens

The mask has an index only in output mode "int"; in the others its tokens are left out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Self

import numpy as np

from minidl._typing import Array, Residuals
from minidl.layers.categorical.encoding import (
    check_output_mode,
    encode,
    encoded_shape,
    known_depth,
    one_array,
    refuse_sparse,
)
from minidl.layers.layer import Layer
from minidl.validation import positive_integer

MODES = ("int", "one_hot", "multi_hot", "count", "tf_idf")


class IndexLookup(Layer):
    """Looks tokens up in a vocabulary. Subclasses say what a token is.

    With tf_idf, a token that occurs c times in a sample, and in d of the N samples that `adapt`
    has seen, counts c log(1 + N / (1 + d)); an unknown one the mean of all these logarithms.
    """

    def __init__(
        self,
        *,
        max_tokens: int | None,
        num_oov_indices: int,
        mask_token: Any,
        oov_token: Any,
        vocabulary: Any,
        idf_weights: Any,
        invert: bool,
        output_mode: str,
        sparse: bool,
        pad_to_max_tokens: bool,
        salt: Any,
        name: str | None,
        vocabulary_size: int | None = None,
        has_input_vocabulary: bool | None = None,
        **kwargs: Any,
    ) -> None:
        # Keras writes down the last two arguments; here they follow from the vocabulary, but for
        # one that stands in a file of its own, beside the configuration.
        super().__init__(name=name, **kwargs)
        owner = self.name
        if max_tokens is not None and positive_integer("max_tokens", max_tokens, owner) == 1:
            raise ValueError(f"{owner}: received max_tokens=1, expected 2 or more.")
        if pad_to_max_tokens and max_tokens is None:
            raise ValueError(f"{owner}: pad_to_max_tokens=True needs max_tokens, and got none.")
        if isinstance(num_oov_indices, bool) or not isinstance(num_oov_indices, int | np.integer):
            raise ValueError(f"{owner}: received num_oov_indices={num_oov_indices!r}, no integer.")
        if num_oov_indices < 0:
            raise ValueError(f"{owner}: received num_oov_indices={num_oov_indices}, below 0.")
        self.output_mode = check_output_mode(output_mode, MODES, owner)
        if invert and self.output_mode != "int":
            raise ValueError(
                f"{owner}: received invert=True with output_mode={output_mode!r}; indices become "
                "tokens only with output_mode='int'."
            )
        self.max_tokens = max_tokens
        self.num_oov_indices = int(num_oov_indices)
        self.mask_token = mask_token
        self.oov_token = oov_token
        self.invert = invert
        self.sparse = refuse_sparse(sparse, owner)
        self.pad_to_max_tokens = pad_to_max_tokens
        self.salt = _check_salt(salt, owner)
        self.idf_weights: Array | None = None
        self._tokens: list[Any] = []
        self._expected_size = vocabulary_size  # while the vocabulary is not there yet
        self._index: dict[Any, int] = {}
        self._given = vocabulary is not None
        if vocabulary is None and idf_weights is not None:
            raise ValueError(f"{owner}: received idf_weights without a vocabulary.")
        if vocabulary is not None:
            self.set_vocabulary(vocabulary, idf_weights)

    # What a subclass writes

    def _tokens_of(self, value: Any) -> Array:
        """Return an array of tokens, as they stand in the vocabulary."""
        raise NotImplementedError

    def _read(self, line: str) -> Any:
        """Return the token that a line of a vocabulary file stands for."""
        raise NotImplementedError

    def _bucket(self, token: Any) -> int:
        """Return which of several indices an unknown token gets, from 0."""
        raise NotImplementedError

    def _sort_key(self, token: Any) -> Any:
        """Return what tokens of the same frequency are ordered by, the greatest first."""
        return token

    # The vocabulary

    @property
    def _oov_start(self) -> int:
        return 1 if self.mask_token is not None and self.output_mode == "int" else 0

    @property
    def _token_start(self) -> int:
        return self._oov_start + self.num_oov_indices

    def _special_tokens(self) -> list[Any]:
        return [self.mask_token] * self._oov_start + [self.oov_token] * self.num_oov_indices

    def get_vocabulary(self, include_special_tokens: bool = True) -> list[Any]:
        """Return the tokens; with the special ones in front, each stands at its index."""
        return (self._special_tokens() if include_special_tokens else []) + list(self._tokens)

    def vocabulary_size(self) -> int:
        """Return how many indices there are, the special ones included."""
        return self._token_start + len(self._tokens)

    def set_vocabulary(self, vocabulary: Any, idf_weights: Any = None) -> None:
        """Replace the vocabulary.

        Arguments:
            vocabulary: the tokens, with or without the special ones in front; or the path of a
                text file with a token on each line.
            idf_weights: what each of them counts; with output mode "tf_idf", and only then.

        Raises:
            ValueError: if a token is there twice or is a special one, there are more than
                `max_tokens`, or the weights do not fit.
            FileNotFoundError: if there is no such file.
        """
        owner = f"Layer {self.name!r} ({type(self).__name__})"
        if (self.output_mode == "tf_idf") != (idf_weights is not None):
            raise ValueError(
                f"{owner}: received idf_weights={idf_weights!r} for output_mode="
                f"{self.output_mode!r}; 'tf_idf' needs one for each token of the vocabulary, and "
                "other modes take none."
            )
        if isinstance(vocabulary, str | Path):
            lines = Path(vocabulary).read_text(encoding="utf-8").splitlines()
            vocabulary = [self._read(line) for line in lines]
        given = self._tokens_of(vocabulary).tolist()
        if not given:
            raise ValueError(f"{owner}: received an empty vocabulary, expected at least one token.")
        start = self._token_start
        has_special = start > 0 and given[:start] == self._special_tokens()
        tokens = given[start:] if has_special else given
        self._check_tokens(tokens, owner)
        weights = None
        if idf_weights is not None:
            weights = np.asarray(idf_weights, self.dtype)
            if weights.shape != (len(given),):
                raise ValueError(
                    f"{owner}: received idf_weights of shape {weights.shape} for a vocabulary of "
                    f"{len(given)} tokens, expected one for each."
                )
            if not has_special:
                weights = self._with_unknown(weights)
        self._keep(tokens, weights)

    def _check_tokens(self, tokens: list[Any], owner: str) -> None:
        repeated = [token for token, count in Counter(tokens).items() if count > 1]
        if repeated:
            raise ValueError(f"{owner}: the vocabulary has tokens more than once: {repeated[:10]}.")
        reserved = [self.mask_token] + ([self.oov_token] if self.invert else [])
        for token in reserved:
            if token is not None and token in tokens:
                raise ValueError(
                    f"{owner}: the vocabulary has the special token {token!r} at index "
                    f"{tokens.index(token)}. Leave special tokens out, or put them in front, just "
                    f"so: {self._special_tokens()}."
                )
        size = self._token_start + len(tokens)
        if self.max_tokens is not None and size > self.max_tokens:
            raise ValueError(
                f"{owner}: the vocabulary has {size} tokens, the special ones included, and "
                f"max_tokens is {self.max_tokens}."
            )

    def _keep(self, tokens: list[Any], weights: Array | None) -> None:
        size = self._token_start + len(tokens)
        fixed = self.output_mode != "int" and not self.pad_to_max_tokens
        expected = self.vocabulary_size() if self._tokens else self._expected_size
        if fixed and self.nodes and size != expected:
            raise RuntimeError(
                f"Layer {self.name!r} ({type(self).__name__}): a model has been described with "
                f"{expected} tokens, and the new vocabulary has {size}. Adapt before "
                "the model is described, or set max_tokens and pad_to_max_tokens=True."
            )
        self._tokens = tokens
        self._index = {token: i for i, token in enumerate(tokens, start=self._token_start)}
        if weights is not None and self.pad_to_max_tokens:
            weights = np.pad(weights, (0, (self.max_tokens or 0) - len(weights)))
        self.idf_weights = weights

    def _with_unknown(self, weights: Array) -> Array:
        """Return the weights with their mean in front, for what is not in the vocabulary."""
        mean = weights.mean() if weights.size else 0
        return np.concatenate([np.full(self._token_start, mean, weights.dtype), weights])

    # Adapting

    def adapt(self, data: Any, steps: int | None = None) -> None:
        """Find the vocabulary: the tokens of the data, the most frequent first.

        Ties go to the greater token. What an earlier call found is forgotten.

        Arguments:
            data: a list or an array, whose rows are samples; or another iterable of such batches.
            steps: of an iterable, how many batches to read; all by default.

        Raises:
            ValueError: if the layer was made with a vocabulary, or there are no tokens.
        """
        self._adapt_to(self._samples(data, steps))

    def _samples(self, data: Any, steps: int | None) -> Iterable[list[Any]]:
        """Yield the tokens of each sample."""
        for batch, whole in batches(data, steps):
            tokens = self._tokens_of(batch)
            if tokens.ndim < 2:  # Keras: a batch of one axis is one sample, but for the data itself
                tokens = tokens.reshape((-1, 1) if whole else (1, -1))
            yield from tokens.reshape(len(tokens), -1).tolist()

    def _adapt_to(self, samples: Iterable[list[Any]]) -> None:
        owner = f"Layer {self.name!r} ({type(self).__name__})"
        if self._given:
            raise ValueError(
                f"{owner} was made with a vocabulary, so there is nothing to adapt. Make it "
                "without one, or use set_vocabulary."
            )
        counts: Counter[Any] = Counter()
        documents: Counter[Any] = Counter()
        number = 0
        for sample in samples:
            number += 1
            counts.update(sample)
            if self.output_mode == "tf_idf":
                documents.update(set(sample))
        if not counts:
            raise ValueError(
                f"{owner}: adapt received no tokens. A generator that was used before is empty."
            )
        for special in (self.mask_token, self.oov_token):
            counts.pop(special, None)
        tokens = sorted(counts, key=lambda t: (counts[t], self._sort_key(t)), reverse=True)
        if self.max_tokens is not None:
            tokens = tokens[: self.max_tokens - self._token_start]
        weights = None
        if self.output_mode == "tf_idf":
            seen = np.array([documents[token] for token in tokens], np.float64)
            weights = self._with_unknown(np.log(1 + number / (1 + seen)).astype(self.dtype))
        self._keep(tokens, weights)

    # Looking up

    def pack_inputs(
        self, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[Any, dict[str, Any]]:
        """Return the one input, which may be a list, and further options."""
        inputs, options = super().pack_inputs(args, kwargs)
        return one_array(self, inputs), options

    def forward(self, x: Any, training: bool = False) -> tuple[Array, Residuals]:
        """Return indices, their vectors, or with `invert` tokens."""
        if self.invert:
            return self._tokens_at(np.asarray(x)), None
        return self.encoded(self.indices_of(self._tokens_of(x))), None

    def backward(self, residuals: Residuals, dy: Any) -> None:
        """Return None: tokens have no gradient."""
        return None

    def indices_of(self, tokens: Array) -> Array:
        """Return the index of each token; −1 for a mask that is to be left out."""
        self._check_vocabulary()
        # Each different token is looked up once.
        found: dict[Any, int] = {}
        flat = tokens.reshape(-1).tolist()
        for token in set(flat):
            found[token] = self._index_of(token)
        return np.array([found[token] for token in flat], np.int64).reshape(tokens.shape)

    def _index_of(self, token: Any) -> int:
        if self.mask_token is not None and token == self.mask_token:
            return 0 if self.output_mode == "int" else -1
        index = self._index.get(token)
        if index is not None:
            return index
        if self.num_oov_indices == 0:
            raise ValueError(
                f"Layer {self.name!r} ({type(self).__name__}) received {token!r}, which is not in "
                f"its vocabulary of {len(self._tokens)} tokens, and has no index for unknown "
                "ones. Set num_oov_indices=1, or adapt to data that have it."
            )
        bucket = 0 if self.num_oov_indices == 1 else self._bucket(token)
        return self._oov_start + bucket

    def encoded(self, indices: Array) -> Array:
        """Return indices as the output mode wants them."""
        if self.output_mode == "int":
            return indices
        mode = "count" if self.output_mode == "tf_idf" else self.output_mode
        vectors = encode(indices, mode, self._depth(), self.dtype)
        return vectors * self.idf_weights if self.output_mode == "tf_idf" else vectors

    def _tokens_at(self, indices: Array) -> Array:
        self._check_vocabulary()
        vocabulary = self.get_vocabulary()
        flat = [
            vocabulary[i] if 0 <= i < len(vocabulary) else self.oov_token
            for i in indices.reshape(-1).tolist()
        ]
        return self._tokens_of(flat).reshape(indices.shape)

    def _check_vocabulary(self) -> None:
        if not self._tokens:
            raise ValueError(
                f"Layer {self.name!r} ({type(self).__name__}) has no vocabulary yet. Call "
                "layer.adapt(data) first, or make it with vocabulary=[...]."
            )

    def _depth(self) -> int:
        return self.max_tokens if self.pad_to_max_tokens else self.vocabulary_size()  # type: ignore[return-value]

    def _to_array(self, value: Any) -> Array:
        return np.asarray(value) if self.invert else self._tokens_of(value)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the input's shape, or that of the encoding."""
        known = self._tokens or self.pad_to_max_tokens
        depth = self._depth() if known else self._expected_size
        shape = encoded_shape(input_shape, self.output_mode, depth)
        if self.output_mode != "int":
            known_depth(shape, f"Layer {self.name!r} ({type(self).__name__})")
        return shape

    def output_dtype(self, input_dtype: str) -> str:
        """Return int64 for indices, the layer's own dtype for vectors."""
        return "int64" if self.output_mode == "int" else self.dtype

    # Files

    def save_own_variables(self, store: dict[str, Any]) -> None:
        """Put the weights of tf_idf into `store`, as Keras does; the rest is configuration."""
        if self.idf_weights is not None:
            store["idf_weights"] = self.idf_weights

    def load_own_variables(self, store: Mapping[str, Any]) -> None:
        """Take the weights of tf_idf from `store`."""
        if self.output_mode == "tf_idf" and "idf_weights" in store:
            self.idf_weights = np.asarray(store["idf_weights"], self.dtype)

    def load_vocabulary_asset(self, text: str) -> None:
        """Take the vocabulary that Keras keeps beside the configuration, a token on each line.

        Keras does so for a vocabulary that `adapt` found; one that was given is configuration.

        Raises:
            ValueError: if it is no vocabulary for this layer.
        """
        if self._given:
            return
        lines = text.splitlines()
        while lines and not lines[-1]:
            lines.pop()
        weights = self.idf_weights
        start = self._token_start
        if lines[self._oov_start : start] != [str(self.oov_token)] * self.num_oov_indices:
            raise ValueError(
                f"Layer {self.name!r} ({type(self).__name__}): the file's vocabulary begins with "
                f"{lines[:start]}, expected the special tokens {self._special_tokens()}."
            )
        tokens = self._tokens_of([self._read(line) for line in lines[start:]]).tolist()
        self._check_tokens(tokens, f"Layer {self.name!r}")
        self._keep(tokens, None if weights is None else weights[: len(lines)])

    # Configuration

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments with the vocabulary, given or found."""
        config = {
            name: getattr(self, name)
            for name in (
                *("name", "trainable", "dtype", "invert", "max_tokens", "num_oov_indices"),
                *("oov_token", "mask_token", "output_mode", "sparse", "pad_to_max_tokens", "salt"),
            )
        }
        config["vocabulary"] = list(self._tokens) or None
        config["idf_weights"] = None
        if self.idf_weights is not None:
            config["vocabulary"] = self.get_vocabulary()
            config["idf_weights"] = self.idf_weights[: self.vocabulary_size()].tolist()
        config["vocabulary_size"] = self.vocabulary_size() if self._tokens else None
        config["has_input_vocabulary"] = self._given
        return config

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """Make a layer from a config. A vocabulary by the name of a file is refused: configs come
        from files, and a file must not say which other files are read.
        """
        refuse_path(config, cls.__name__)
        given = config.get("has_input_vocabulary")
        layer = cls(**config)
        if given is not None:
            layer._given = bool(given)
        return layer


def refuse_path(config: dict[str, Any], kind: str) -> None:
    """Refuse a vocabulary file that a config names.

    Raises:
        ValueError: if the vocabulary is a path.
    """
    if isinstance(config.get("vocabulary"), str | Path):
        raise ValueError(
            f"The configuration of a {kind} names a file, {str(config['vocabulary'])!r}, as its "
            "vocabulary. No file is read on a configuration's word. Read it yourself: "
            "layer.set_vocabulary(path)."
        )


def batches(data: Any, steps: int | None) -> Iterable[tuple[Any, bool]]:
    """Yield the batches of data, and whether each is all there is."""
    if isinstance(data, list | tuple | str | bytes) or hasattr(data, "__array__"):
        yield data, True
        return
    if not hasattr(data, "__iter__") and hasattr(data, "__getitem__"):  # a PyDataset
        data = (data[i] for i in range(len(data)))
    for i, batch in enumerate(data):
        if steps is not None and i >= steps:
            return
        yield batch, False


def _check_salt(salt: Any, owner: str) -> list[int] | None:
    if salt is None:
        return None
    parts = [salt, salt] if isinstance(salt, int | np.integer) else salt
    if isinstance(parts, list | tuple) and len(parts) == 2:
        return [int(part) for part in parts]
    raise ValueError(f"{owner}: received salt={salt!r}, expected an integer or two of them.")
