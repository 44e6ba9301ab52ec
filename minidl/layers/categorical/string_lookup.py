"""Strings to indices by a vocabulary, and back."""

from __future__ import annotations

from typing import Any

from minidl._typing import Array
from minidl.layers.categorical.hashing import fingerprint64, siphash64
from minidl.layers.categorical.index_lookup import IndexLookup
from minidl.layers.categorical.strings import as_strings


class StringLookup(IndexLookup):
    """Looks strings up in a vocabulary that is given or found with `adapt`.

    Forward: y is the index of each string, the vectors that `CategoryEncoding` makes of the
    indices, or, with `invert`, the string at each index. Index 0 is the mask's, if there is one and
    the output mode is "int"; then come `num_oov_indices` for unknown strings, then the vocabulary.
    Among several, FarmHash's 64-bit fingerprint of a string (SipHash, with a salt) modulo their
    number decides, as in Keras. There is no backward: strings have no gradient.

    Shapes:
        x: any; y: x's shape, or as in `CategoryEncoding`.

    Arguments:
        max_tokens: the greatest size of the vocabulary, special tokens included; None for any.
        num_oov_indices: how many indices unknown strings share; with 0 they are an error.
        mask_token: a string that counts as nothing; None for none.
        oov_token: what `invert` gives for unknown strings.
        vocabulary: the strings, or the path of a text file with one on each line.
        idf_weights: what each string of the vocabulary counts, with "tf_idf".
        invert: whether to go from indices to strings.
        output_mode: "int" (default), "one_hot", "multi_hot", "count" or "tf_idf".
        pad_to_max_tokens: whether vectors have the length `max_tokens` in any case.
        sparse: Keras's; only False.
        encoding: of strings that come as bytes.
        salt: one integer or two, for another hash of unknown strings.

    Raises:
        ValueError: if an argument is not as above, a string is in the vocabulary twice, or the
            layer is called before it has one.

    Example:
        >>> layer = StringLookup(vocabulary=["a", "b", "c"])
        >>> layer([["a", "c"], ["z", "b"]])
        array([[1, 3],
               [0, 2]])
        >>> StringLookup(vocabulary=["a", "b", "c"], invert=True)([3, 0])
        array(['c', '[UNK]'], dtype=object)
    """

    def __init__(
        self,
        max_tokens: int | None = None,
        num_oov_indices: int = 1,
        mask_token: str | None = None,
        oov_token: str | None = "[UNK]",
        vocabulary: Any = None,
        idf_weights: Any = None,
        invert: bool = False,
        output_mode: str = "int",
        pad_to_max_tokens: bool = False,
        sparse: bool = False,
        encoding: str = "utf-8",
        name: str | None = None,
        salt: Any = None,
        **kwargs: Any,
    ) -> None:
        self.encoding = encoding
        kwargs.pop("oov_method", None)  # Keras: strings are hashed in any case
        super().__init__(
            max_tokens=max_tokens,
            num_oov_indices=num_oov_indices,
            mask_token=mask_token,
            oov_token=oov_token,
            vocabulary=vocabulary,
            idf_weights=idf_weights,
            invert=invert,
            output_mode=output_mode,
            sparse=sparse,
            pad_to_max_tokens=pad_to_max_tokens,
            salt=salt,
            name=name,
            **kwargs,
        )

    def _tokens_of(self, value: Any) -> Array:
        return as_strings(value, self.encoding, f"Layer {self.name!r} ({type(self).__name__})")

    def _read(self, line: str) -> str:
        return line

    def _sort_key(self, token: str) -> bytes:
        return token.encode()

    def _bucket(self, token: str) -> int:
        data = token.encode(self.encoding)
        if self.salt is not None:
            return siphash64(data, (self.salt[0], self.salt[1])) % self.num_oov_indices
        return fingerprint64(data) % self.num_oov_indices

    def output_dtype(self, input_dtype: str) -> str:
        """Return int64 for indices, "string" for strings, the layer's own dtype for vectors."""
        return "string" if self.invert else super().output_dtype(input_dtype)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments with the vocabulary, given or found."""
        return {**super().get_config(), "encoding": self.encoding, "oov_method": "floormod"}
