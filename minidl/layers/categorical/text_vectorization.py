"""Texts to integers or vectors: standardised, split, joined into n-grams, and looked up."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Self

import numpy as np

from minidl._typing import Array, Residuals
from minidl.layers.categorical.encoding import one_array
from minidl.layers.categorical.index_lookup import batches, refuse_path
from minidl.layers.categorical.string_lookup import StringLookup
from minidl.layers.categorical.strings import as_strings
from minidl.layers.categorical.text_steps import check_choice, ngrams, split, standardized
from minidl.layers.layer import Layer
from minidl.validation import positive_integer

STANDARDIZE = ("lower_and_strip_punctuation", "lower", "strip_punctuation")
SPLIT = ("whitespace", "character")


class TextVectorization(Layer):
    """Turns texts into sequences of integers, or into one vector each.

    Forward: each text is standardised, split into tokens, these are joined into n-grams if asked
    for, and looked up as by `StringLookup`, with the mask token '' and one index for what is not
    known. With output mode "int" the sequences are filled up with 0. There is no backward: texts
    have no gradient.

    Shapes:
        x: (batch,) or (batch, 1) of strings; y: (batch, longest), (batch, output_sequence_length),
        or (batch, vocabulary size) for vectors.

    Arguments:
        max_tokens: the greatest size of the vocabulary, special tokens included; None for any.
        standardize: "lower_and_strip_punctuation" (default), "lower", "strip_punctuation", None,
            or a function from an array of strings to one of the same shape.
        split: "whitespace" (default), "character", None, or a function from an array of strings to
            a list of tokens for each.
        ngrams: n-grams of up to this length, or of the lengths in a tuple.
        output_mode: "int" (default), "multi_hot", "count" or "tf_idf".
        output_sequence_length: with "int", the length to cut or fill sequences to.
        pad_to_max_tokens, vocabulary, idf_weights, encoding: as in `StringLookup`.
        sparse, ragged: Keras's; only False.

    Raises:
        ValueError: if an argument is not as above, the texts have more axes, or the layer is called
            before it has a vocabulary.

    Example:
        >>> layer = TextVectorization(output_sequence_length=4)
        >>> layer.adapt(["foo bar", "bar baz", "baz bada boom"])
        >>> layer.get_vocabulary()
        ['', '[UNK]', 'baz', 'bar', 'foo', 'boom', 'bada']
        >>> layer([["Foo qux bar!"], ["qux baz"]])
        array([[4, 1, 3, 0],
               [1, 2, 0, 0]])
    """

    file_names: ClassVar[dict[str, str]] = {"_lookup": "_lookup_layer"}

    def __init__(
        self,
        max_tokens: int | None = None,
        standardize: Any = "lower_and_strip_punctuation",
        split: Any = "whitespace",
        ngrams: Any = None,
        output_mode: str = "int",
        output_sequence_length: int | None = None,
        pad_to_max_tokens: bool = False,
        vocabulary: Any = None,
        idf_weights: Any = None,
        sparse: bool = False,
        ragged: bool = False,
        encoding: str = "utf-8",
        name: str | None = None,
        vocabulary_size: int | None = None,
        has_input_vocabulary: bool | None = None,
        **kwargs: Any,
    ) -> None:
        # Keras writes down `vocabulary_size`; it follows from the vocabulary where there is one.
        super().__init__(name=name, **kwargs)
        if ragged:
            raise ValueError(
                f"{self.name}: received ragged=True, which minidl does not support. Leave it out: "
                "sequences are filled up with 0, and Embedding(mask_zero=True) leaves that out."
            )
        self.ragged = False
        self.standardize = check_choice("standardize", standardize, STANDARDIZE, self.name)
        self.split = check_choice("split", split, SPLIT, self.name)
        self.ngrams = ngrams
        self._widths = self._checked_widths(ngrams)
        self.encoding = encoding
        self._lookup = StringLookup(
            max_tokens=max_tokens,
            mask_token="",
            vocabulary=vocabulary,
            idf_weights=idf_weights,
            output_mode=output_mode,
            pad_to_max_tokens=pad_to_max_tokens,
            sparse=sparse,
            encoding=encoding,
            name=f"{self.name}_lookup",
            vocabulary_size=vocabulary_size,
            dtype=self.dtype,
        )
        self._lookup.nodes = self.nodes  # it stands wherever this layer stands
        if output_sequence_length is not None:
            if self._lookup.output_mode != "int":
                raise ValueError(
                    f"{self.name}: received output_sequence_length={output_sequence_length} with "
                    f"output_mode={output_mode!r}; only sequences, of 'int', have a length."
                )
            positive_integer("output_sequence_length", output_sequence_length, self.name)
        self.output_sequence_length = output_sequence_length

    def _checked_widths(self, ngrams: Any) -> tuple[int, ...] | None:
        if ngrams is None:
            return None
        several = isinstance(ngrams, tuple | list)
        widths = ngrams if several else (ngrams,)
        checked = tuple(positive_integer("ngrams", width, self.name) for width in widths)
        return checked if several else tuple(range(1, checked[0] + 1))

    def get_vocabulary(self, include_special_tokens: bool = True) -> list[str]:
        """Return the tokens; with the special ones in front, each stands at its index."""
        return self._lookup.get_vocabulary(include_special_tokens)

    def vocabulary_size(self) -> int:
        """Return how many indices there are, the special ones included."""
        return self._lookup.vocabulary_size()

    def set_vocabulary(self, vocabulary: Any, idf_weights: Any = None) -> None:
        """Replace the vocabulary, as in `StringLookup`."""
        self._lookup.set_vocabulary(vocabulary, idf_weights)

    def adapt(self, data: Any, batch_size: int | None = None, steps: int | None = None) -> None:
        """Find the vocabulary: the tokens of the texts, the most frequent first.

        Arguments:
            data: a list or an array of texts, or another iterable of such batches.
            batch_size: Keras's; it has no effect.
            steps: of an iterable, how many batches to read; all by default.

        Raises:
            ValueError: if the layer was made with a vocabulary, or there are no tokens.
        """
        rows = (row for batch, _ in batches(data, steps) for row in self._rows(batch)[0])
        self._lookup._adapt_to(rows)

    def pack_inputs(
        self, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[Any, dict[str, Any]]:
        """Return the one input, which may be a list, and further options."""
        inputs, options = super().pack_inputs(args, kwargs)
        return one_array(self, inputs), options

    def forward(self, x: Any, training: bool = False) -> tuple[Array, Residuals]:
        """Return the sequences or vectors."""
        rows, lead = self._rows(x)
        lookup = self._lookup
        length = max(map(len, rows), default=0)
        if lookup.output_mode == "int" and self.output_sequence_length is not None:
            length = self.output_sequence_length
        tokens = np.full((len(rows), length), "", object)  # '' is the mask: 0, or left out
        for i, row in enumerate(rows):
            tokens[i, : min(len(row), length)] = row[:length]
        y = lookup.encoded(lookup.indices_of(tokens))
        return y.reshape(*lead, *y.shape[1:]), None

    def backward(self, residuals: Residuals, dy: Any) -> None:
        """Return None: texts have no gradient."""
        return None

    def _rows(self, texts: Any) -> tuple[list[list[str]], tuple[int, ...]]:
        """Return the tokens of each text, and the texts' shape."""
        owner = f"Layer {self.name!r} (TextVectorization)"
        strings = as_strings(texts, self.encoding, owner)
        if callable(self.standardize):
            shape = strings.shape
            strings = as_strings(self.standardize(strings.astype(np.str_)), self.encoding, owner)
            if strings.shape != shape:
                raise ValueError(
                    f"{owner}: standardize returned an array of shape {strings.shape} for one of "
                    f"shape {shape}, expected the same shape."
                )
        lead = strings.shape
        if strings.ndim > 1:
            lead = strings.shape[:-1]
            if self.split is not None and strings.shape[-1] != 1:
                raise ValueError(
                    f"{owner} received texts of shape {strings.shape}, expected (batch,) or "
                    "(batch, 1). Texts that are split already need split=None."
                )
        how = None if callable(self.standardize) else self.standardize
        flat = [standardized(text, how) for text in strings.reshape(-1)]
        if callable(self.split):
            rows = [
                as_strings(list(row), self.encoding, owner).tolist()
                for row in self.split(np.array(flat, np.str_))
            ]
            if len(rows) != len(flat):
                raise ValueError(
                    f"{owner}: split returned {len(rows)} lists of tokens for {len(flat)} texts."
                )
        else:
            rows = [split(text, self.split) for text in flat]
            if self.split is None and strings.ndim > 1:
                width = strings.shape[-1]
                whole = [row[0] for row in rows]
                count = len(whole) // width if width else 0
                rows = [whole[i * width : (i + 1) * width] for i in range(count)]
        return [ngrams(row, self._widths) for row in rows], lead

    def _to_array(self, value: Any) -> Array:
        return as_strings(value, self.encoding, f"Layer {self.name!r} (TextVectorization)")

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return (batch, steps), or (batch, vocabulary size)."""
        lead = input_shape[:-1] if len(input_shape) > 1 else input_shape
        if self._lookup.output_mode == "int":
            return (*lead, self.output_sequence_length)
        return self._lookup.compute_output_shape((*lead, None))

    def output_dtype(self, input_dtype: str) -> str:
        """Return int64 for sequences, the layer's own dtype for vectors."""
        return self._lookup.output_dtype(input_dtype)

    def save_own_variables(self, store: dict[str, Any]) -> None:
        """Put the weights of tf_idf into `store`; in Keras's files they stand here too."""
        self._lookup.save_own_variables(store)

    def load_own_variables(self, store: Mapping[str, Any]) -> None:
        """Take the weights of tf_idf from `store`."""
        self._lookup.load_own_variables(store)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments with the vocabulary, given or found."""
        inner = self._lookup.get_config()
        shared = (
            *("max_tokens", "output_mode", "pad_to_max_tokens", "sparse", "vocabulary"),
            *("idf_weights", "vocabulary_size", "has_input_vocabulary", "encoding"),
        )
        own = (
            *("name", "trainable", "dtype", "standardize", "split", "ngrams"),
            *("output_sequence_length", "ragged"),
        )
        return {
            **{name: getattr(self, name) for name in own},
            **{name: inner[name] for name in shared},
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """Make a layer from a config; a vocabulary by the name of a file is refused."""
        refuse_path(config, cls.__name__)
        layer = cls(**config)
        given = config.get("has_input_vocabulary")
        if given is not None:
            layer._lookup._given = bool(given)
        return layer
