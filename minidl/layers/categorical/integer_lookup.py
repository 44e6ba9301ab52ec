"""Integers that are names, not numbers, to indices by a vocabulary, and back."""

from __future__ import annotations

from typing import Any

import numpy as np

from minidl._typing import Array
from minidl.layers.categorical.hashing import fingerprint64, siphash64
from minidl.layers.categorical.index_lookup import IndexLookup
from minidl.registry import nearest


class IntegerLookup(IndexLookup):
    """Looks integers up in a vocabulary that is given or found with `adapt`.

    Forward: y is the index of each integer, the vectors that `CategoryEncoding` makes of the
    indices, or, with `invert`, the integer at each index. Index 0 is the mask's, if there is one
    and the output mode is "int"; then come `num_oov_indices` for unknown ones, then the vocabulary.
    There is no backward: these integers have no gradient.

    Shapes:
        x: any; y: x's shape, or as in `CategoryEncoding`.

    Arguments:
        max_tokens: the greatest size of the vocabulary, special tokens included; None for any.
        num_oov_indices: how many indices unknown integers share; with 0 they are an error.
        mask_token: an integer that counts as nothing; None for none.
        oov_token: what `invert` gives for unknown ones; -1 by default.
        vocabulary: the integers, or the path of a text file with one on each line.
        vocabulary_dtype: Keras's; only "int64".
        idf_weights: what each integer of the vocabulary counts, with "tf_idf".
        invert: whether to go from indices to integers.
        output_mode: "int" (default), "one_hot", "multi_hot", "count" or "tf_idf".
        sparse: Keras's; only False.
        pad_to_max_tokens: whether vectors have the length `max_tokens` in any case.
        oov_method: which of several indices an unknown integer gets: "floormod", itself modulo
            their number, or "farmhash", the fingerprint of its digits modulo their number.
        salt: one integer or two, for another hash; with "farmhash".

    Raises:
        ValueError: if an argument is not as above, an integer is in the vocabulary twice, or the
            layer is called before it has one.

    Example:
        >>> layer = IntegerLookup(vocabulary=[12, 36, 1138, 42])
        >>> layer([[12, 1138], [42, 7]])
        array([[1, 3],
               [4, 0]])
    """

    def __init__(
        self,
        max_tokens: int | None = None,
        num_oov_indices: int = 1,
        mask_token: int | None = None,
        oov_token: int | None = -1,
        vocabulary: Any = None,
        vocabulary_dtype: str = "int64",
        idf_weights: Any = None,
        invert: bool = False,
        output_mode: str = "int",
        sparse: bool = False,
        pad_to_max_tokens: bool = False,
        oov_method: str = "floormod",
        salt: Any = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
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
        if oov_method not in ("floormod", "farmhash"):
            raise ValueError(
                f"{self.name}: received oov_method={oov_method!r}. "
                f"{nearest(str(oov_method), ['farmhash', 'floormod'])}"
            )
        if salt is not None and oov_method != "farmhash":
            raise ValueError(f"{self.name}: a salt needs oov_method='farmhash'.")
        if vocabulary_dtype != "int64":
            raise ValueError(
                f"{self.name}: received vocabulary_dtype={vocabulary_dtype!r}, expected 'int64'."
            )
        self.vocabulary_dtype = vocabulary_dtype
        self.oov_method = oov_method

    def _tokens_of(self, value: Any) -> Array:
        array = np.asarray(value)
        if array.dtype.kind not in "iub" and not (array.dtype.kind == "f" and array.size == 0):
            raise TypeError(
                f"Layer {self.name!r} (IntegerLookup) received values of dtype {array.dtype}, "
                "expected integers. For strings there is StringLookup, for fractions "
                "Discretization."
            )
        return array.astype(np.int64, copy=False)

    def _read(self, line: str) -> int:
        return int(line)

    def _bucket(self, token: int) -> int:
        if self.oov_method == "floormod":
            return token % self.num_oov_indices
        data = str(token).encode()
        if self.salt is not None:
            return siphash64(data, (self.salt[0], self.salt[1])) % self.num_oov_indices
        return fingerprint64(data) % self.num_oov_indices

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments with the vocabulary, given or found."""
        own = {"vocabulary_dtype": self.vocabulary_dtype, "oov_method": self.oov_method}
        return {**super().get_config(), **own}
