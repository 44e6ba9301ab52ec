"""One tensor, a list or a dict: how a model's inputs and outputs are given, and as a flat list."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from minidl import config
from minidl._typing import Array, Shape
from minidl.layers.symbolic import SymbolicTensor
from minidl.utils.display import format_shape


class Structure:
    """The shape of a set of tensors: single, list or dict, with their names.

    Attributes:
        tensors: the symbolic tensors as a list.
        names: their names, in the same order.
        kind: `"single"`, `"list"`, `"dict"`, or `"unknown"` for a model without a graph.
    """

    def __init__(self, kind: str, tensors: list[SymbolicTensor], names: list[str]) -> None:
        self.kind = kind
        self.tensors = tensors
        self.names = names
        self._warned = False

    @classmethod
    def unknown(cls) -> Structure:
        """Return the structure of a model that has no graph."""
        return cls("unknown", [], [])

    @classmethod
    def of(cls, value: Any, role: str) -> Structure:
        """Return the structure of symbolic tensors.

        Raises:
            TypeError: if something else is among them.
        """
        if isinstance(value, dict):
            kind, tensors, names = "dict", list(value.values()), list(value)
        elif isinstance(value, list | tuple):
            kind, tensors, names = "list", list(value), []
        else:
            kind, tensors, names = "single", [value], []
        for tensor in tensors:
            if not isinstance(tensor, SymbolicTensor):
                raise TypeError(
                    f"Received {type(tensor).__name__} among the model's {role}, expected what "
                    "Input(...) or a layer called on it returns."
                )
        if not tensors:
            raise ValueError(f"A model needs at least one tensor among its {role}.")
        return cls(kind, tensors, names or [tensor.node.layer.name for tensor in tensors])

    def packed(self, items: list[Any]) -> Any:
        """Return a flat list in the form in which the tensors were given."""
        if self.kind == "dict":
            return dict(zip(self.names, items, strict=True))
        if self.kind == "list":
            return items
        return items[0] if len(items) == 1 else items

    def flatten(self, value: Any, owner: str, lenient: bool = False) -> list[Any]:
        """Return one item a tensor from a single item, a list, or a dict or frame by name.

        Arguments:
            owner: as messages call it.
            lenient: whether a dict's further entries are warned of rather than refused.

        Raises:
            ValueError: if there are too many or too few, or a name is missing or unknown.
        """
        if isinstance(value, dict):
            return self._from_dict(value, owner, lenient)
        if self.kind == "unknown":
            return list(value) if isinstance(value, list | tuple) else [value]
        if len(self.tensors) == 1:
            # A list of one tensor is that tensor; any other list may be the data itself.
            wrapped = isinstance(value, list | tuple) and len(value) == 1
            if wrapped and (hasattr(value[0], "ndim") or isinstance(value[0], SymbolicTensor)):
                expected = len(self.tensors[0].shape)
                return [value[0]] if value[0].ndim >= expected - 1 else [value]
            return [value]
        columns = getattr(value, "columns", None)  # of a pandas frame
        if columns is not None and all(name in columns for name in self.names):
            return [value[name] for name in self.names]
        items = list(value) if isinstance(value, list | tuple) else [value]
        if len(items) != len(self.tensors):
            raise ValueError(
                f"{owner} received {len(items)} arrays, expected {len(self.tensors)}: "
                f"{self.names}. Pass a list in this order, or a dict by these names."
            )
        return items

    def _from_dict(self, value: dict[str, Any], owner: str, lenient: bool) -> list[Any]:
        names = self.names
        if not names:
            return list(value.values())
        missing = [name for name in names if name not in value]
        extra = [key for key in value if key not in names]
        if missing or (extra and not lenient):
            what = f"lacks {missing}" if missing else f"has unknown names {extra}"
            raise ValueError(f"{owner} received a dict that {what}; expected the keys {names}.")
        if extra and not self._warned:
            self._warned = True
            warnings.warn(
                f"{owner} received a dict with the keys {extra}, which are no inputs and are not "
                f"used; its inputs are {names}.",
                stacklevel=2,
            )
        return [value[name] for name in names]

    def arrays(self, value: Any, owner: str) -> list[Array]:
        """Return arrays of the tensors' dtypes and ranks, with their shapes compared."""
        items = [np.asarray(item) for item in self.flatten(value, owner, lenient=True)]
        items = [self.with_rank(i, item) for i, item in enumerate(items)]
        self.check_shapes([item.shape for item in items], owner)
        return [self.cast(i, item) for i, item in enumerate(items)]

    def with_rank(self, index: int, array: Array) -> Array:
        """Return `array` with a last axis of size 1 added or dropped where only that differs."""
        if self.kind == "unknown":
            return array
        shape = self.tensors[index].shape
        if array.ndim == len(shape) - 1 and shape[-1] == 1:
            return array[..., np.newaxis]
        if array.ndim == len(shape) + 1 and array.shape[-1] == 1 and shape[-1] != 1:
            return array[..., 0]
        return array

    def cast(self, index: int, array: Array) -> Array:
        """Return `array` in the dtype of the tensor it is for."""
        if self.kind == "unknown":
            return array.astype(config.floatx(), copy=False) if array.dtype.kind == "f" else array
        dtype = "object" if self.is_text(index) else self.tensors[index].dtype
        return array.astype(dtype, copy=False)

    def is_text(self, index: int) -> bool:
        """Return whether a tensor is one of strings."""
        return self.kind != "unknown" and self.tensors[index].dtype == "string"

    def check_shapes(self, shapes: list[Shape], owner: str) -> None:
        """Compare shapes with those of the tensors; None agrees with everything.

        Raises:
            ValueError: naming the first that does not agree.
        """
        for tensor, name, shape in zip(self.tensors, self.names, shapes, strict=False):
            same_rank = len(shape) == len(tensor.shape)
            if not same_rank or any(
                a is not None and b is not None and a != b
                for a, b in zip(shape, tensor.shape, strict=True)
            ):
                raise ValueError(
                    f"{owner}, input {name!r}: received an array of shape {tuple(shape)}, expected "
                    f"{format_shape(tensor.shape)}. Reshape the data, or change the shape of Input."
                )
