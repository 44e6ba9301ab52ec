"""Regularizers: penalties on a parameter or an output that are added to the loss.

Each is a function of an array and the gradient of that function, derived by hand.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from minidl import config
from minidl._typing import Array
from minidl.registry import Configurable, Registry, function_entry
from minidl.registry import serialize as _serialize
from minidl.validation import number


class Regularizer(Configurable):
    """A penalty on an array.

    A subclass writes `__call__(x) -> float` and its derivative `gradient(x)`, an array of the
    shape and dtype of x. Neither may change x. Without `gradient` it is found by
    `minidl.autodiff`; `__call__` then returns np.sum(...) as it comes, without float(...).

    Example:
        >>> class Cubes(Regularizer):
        ...     def __call__(self, x):
        ...         return float(np.sum(np.abs(x) ** 3))
        ...
        ...     def gradient(self, x):
        ...         return 3 * x * np.abs(x)
        >>> Cubes()(np.array([1.0, -2.0])), Cubes().gradient(np.array([1.0, -2.0]))
        (9.0, array([  3., -12.]))
    """

    def __call__(self, x: Array) -> float:
        """Return the penalty."""
        raise NotImplementedError(
            f"{type(self).__name__} has no __call__. Write __call__(self, x) -> float; "
            "gradient(self, x) -> array may stand beside it."
        )

    def gradient(self, x: Array) -> Array:
        """Return the derivative of the penalty with respect to x."""
        from minidl.autodiff import grad

        return grad(self._penalty)(np.asarray(x))

    def _penalty(self, x: Any) -> Any:
        """Return the penalty of a traced array."""
        return self(x)

    def __repr__(self) -> str:
        arguments = ", ".join(f"{key}={value!r}" for key, value in self.get_config().items())
        return f"{type(self).__name__}({arguments})"


class L1(Regularizer):
    """The sum of absolute values, which drives what is of little use to exactly 0.

    Penalty and gradient:

        R = l1 Σ |x|
        dx = l1 sign(x),    0 where x is 0

    Arguments:
        l1: the factor, at least 0; 0.01 by default.

    Raises:
        ValueError: if `l1` is negative or not finite.

    Example:
        >>> L1(0.5)(np.array([3.0, -1.0])), L1(0.5).gradient(np.array([3.0, -1.0]))
        (2.0, array([ 0.5, -0.5]))

    Source: Tibshirani, "Regression shrinkage and selection via the lasso", 1996.
    """

    def __init__(self, l1: float = 0.01) -> None:
        self.l1 = number("l1", l1, "L1", low=0)

    def __call__(self, x: Array) -> float:
        """Return l1 Σ |x|."""
        return self.l1 * _sum_of_absolutes(as_floats(x))

    def gradient(self, x: Array) -> Array:
        """Return l1 sign(x)."""
        dx = np.sign(as_floats(x))
        dx *= self.l1
        return dx


class L2(Regularizer):
    """The sum of squares, which shrinks every number in proportion to itself.

    Penalty and gradient:

        R = l2 Σ x²
        dx = 2 l2 x

    Arguments:
        l2: the factor, at least 0; 0.01 by default.

    Raises:
        ValueError: if `l2` is negative or not finite.

    Example:
        >>> L2(0.5)(np.array([3.0, -1.0])), L2(0.5).gradient(np.array([3.0, -1.0]))
        (5.0, array([ 3., -1.]))

    Source: Hoerl, Kennard, "Ridge regression: biased estimation for nonorthogonal problems", 1970.
    """

    def __init__(self, l2: float = 0.01) -> None:
        self.l2 = number("l2", l2, "L2", low=0)

    def __call__(self, x: Array) -> float:
        """Return l2 Σ x²."""
        return self.l2 * _sum_of_squares(as_floats(x))

    def gradient(self, x: Array) -> Array:
        """Return 2 l2 x."""
        return as_floats(x) * (2 * self.l2)


class L1L2(Regularizer):
    """The sum of absolute values and the sum of squares together.

    Penalty and gradient:

        R = l1 Σ |x| + l2 Σ x²
        dx = l1 sign(x) + 2 l2 x

    The name `"l1_l2"` stands for l1 = l2 = 0.01; the class itself starts from 0.

    Arguments:
        l1, l2: the factors, at least 0; 0 by default.

    Raises:
        ValueError: if a factor is negative or not finite.

    Example:
        >>> L1L2(l1=0.5, l2=0.5)(np.array([3.0, -1.0]))
        7.0

    Source: Zou, Hastie, "Regularization and variable selection via the elastic net", 2005.
    """

    def __init__(self, l1: float = 0.0, l2: float = 0.0) -> None:
        self.l1 = number("l1", l1, "L1L2", low=0)
        self.l2 = number("l2", l2, "L1L2", low=0)

    def __call__(self, x: Array) -> float:
        """Return l1 Σ |x| + l2 Σ x²."""
        x = as_floats(x)
        penalty = self.l1 * _sum_of_absolutes(x) if self.l1 else 0.0
        return penalty + self.l2 * _sum_of_squares(x) if self.l2 else penalty

    def gradient(self, x: Array) -> Array:
        """Return l1 sign(x) + 2 l2 x."""
        x = as_floats(x)
        dx = x * (2 * self.l2)
        if self.l1:
            signs = np.sign(x)
            signs *= self.l1
            dx += signs
        return dx


class OrthogonalRegularizer(Regularizer):
    """A penalty on rows, or columns, of a matrix that are not at right angles to each other.

    With xᵢ the n rows, rᵢ = max(‖xᵢ‖, ε) and ε = `config.epsilon()`:

        uᵢ = xᵢ / rᵢ
        p = n (n − 1) / 2                       pairs
        R = factor / (2 p) Σᵢ≠ⱼ |uᵢ · uⱼ|       the mean of |cos| over the pairs, times factor

    Gradient, in the sum over the pairs each pair counting twice:

        duᵢ = factor / p Σⱼ≠ᵢ sign(uᵢ · uⱼ) uⱼ
        dxᵢ = (duᵢ − (duᵢ · uᵢ) uᵢ) / rᵢ        without the second term where ‖xᵢ‖ < ε

    Shapes:
        x: (rows, columns).

    Arguments:
        factor: the factor, at least 0; 0.01 by default.
        mode: `"rows"` (the default) or `"columns"`.

    Raises:
        ValueError: if an argument is out of range, or x has not two axes.

    Example:
        >>> OrthogonalRegularizer(1.0)(np.array([[1.0, 0.0], [0.0, 5.0]]))
        0.0

    Source: Rodríguez et al., "Regularizing CNNs with locally constrained decorrelations", 2017.
    """

    def __init__(self, factor: float = 0.01, mode: str = "rows") -> None:
        self.factor = number("factor", factor, "OrthogonalRegularizer", low=0)
        if mode not in ("rows", "columns"):
            raise ValueError(
                f"OrthogonalRegularizer: received mode={mode!r}, expected 'rows' or 'columns'."
            )
        self.mode = mode

    def __call__(self, x: Array) -> float:
        """Return factor times the mean of |cos| over the pairs; 0 where there is no pair."""
        u = self._directions(x)[0]
        pairs = len(u) * (len(u) - 1) / 2
        if not pairs:
            return 0.0
        return self.factor / (2 * pairs) * _sum_of_absolutes(_without_diagonal(u @ u.T))

    def gradient(self, x: Array) -> Array:
        """Return dx."""
        u, r, is_long = self._directions(x)
        pairs = max(len(u) * (len(u) - 1) / 2, 1)
        signs = np.sign(_without_diagonal(u @ u.T))
        du = signs @ u
        du *= self.factor / pairs
        along = np.sum(du * u, axis=1, keepdims=True)
        dx = (du - is_long * along * u) / r
        return dx if self.mode == "rows" else dx.T

    def _directions(self, x: Array) -> tuple[Array, Array, Array]:
        """Return the unit vectors as rows, their lengths, and which are longer than ε."""
        x = as_floats(x)
        if x.ndim != 2:
            raise ValueError(
                f"OrthogonalRegularizer: received an array of shape {x.shape}, expected two axes, "
                "(rows, columns)."
            )
        rows = x if self.mode == "rows" else x.T
        length = euclidean_norm(rows, axis=1)
        r = np.maximum(length, config.epsilon())
        return rows / r, r, length > config.epsilon()


class FunctionRegularizer(Regularizer):
    """A plain function as a regularizer; its gradient is found by `minidl.autodiff`.

    Arguments:
        function: takes an array and returns a number.

    Example:
        >>> FunctionRegularizer(np.ptp)(np.array([1.0, 4.0]))
        3.0
    """

    def __init__(self, function: Callable[[Array], Any]) -> None:
        self.function = function

    def __call__(self, x: Array) -> float:
        """Return function(x)."""
        return float(self.function(x))

    def gradient(self, x: Array) -> Array:
        """Return dx, found by `minidl.autodiff`.

        Raises:
            NotDifferentiableError: if the function does something that has no derivative.
        """
        return super().gradient(x)

    def _penalty(self, x: Any) -> Any:
        return self.function(x)

    def serialized_name(self) -> Any:
        """Return the function's entry."""
        return function_entry(self.function)

    def get_config(self) -> dict[str, Any]:
        """Return the function's name: enough to tell it, not to make it again."""
        return {"function": getattr(self.function, "__name__", type(self.function).__name__)}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> FunctionRegularizer:
        """Raise: a name does not say what the function was.

        Raises:
            ValueError: always.
        """
        raise ValueError(
            f"The regularizer {config.get('function')!r} was a plain function, and a config holds "
            "only its name. Make the layer with the function itself, or write a "
            "regularizers.Regularizer subclass and register it: "
            "regularizers.registry.register(cls)."
        )


def as_floats(x: Any) -> Array:
    """Return `x` as an array of floats; integers become `config.floatx()`."""
    x = np.asarray(x)
    return x if x.dtype.kind == "f" else x.astype(config.floatx())


def euclidean_norm(x: Array, axis: int | tuple[int, ...]) -> Array:
    """Return √Σ x² along an axis, which stays as an axis of size 1; x² itself cannot overflow.

    >>> euclidean_norm(np.array([[3e200, 4e200]]), axis=1)
    array([[5.e+200]])
    """
    largest = np.max(np.abs(x), axis=axis, keepdims=True, initial=0)
    largest += largest == 0
    return largest * np.sqrt(np.sum(np.square(x / largest), axis=axis, keepdims=True))


def _sum_of_absolutes(x: Array) -> float:
    return float(np.sum(np.abs(x), dtype=np.float64))


def _sum_of_squares(x: Array) -> float:
    total = float(np.vdot(x, x))
    if math.isinf(total):  # beyond float32, but perhaps not beyond float64
        wide = x.astype(np.float64)
        total = float(np.vdot(wide, wide))
    return total


def _without_diagonal(square: Array) -> Array:
    np.fill_diagonal(square, 0)
    return square


def _l1_l2(l1: float = 0.01, l2: float = 0.01) -> L1L2:
    return L1L2(l1, l2)


l1 = L1
l2 = L2
l1_l2 = L1L2
orthogonal_regularizer = OrthogonalRegularizer

registry: Registry[Regularizer] = Registry("regularizer", Regularizer, FunctionRegularizer)
registry.register(L1)
registry.register(L2)
registry.register(L1L2)
registry.register(OrthogonalRegularizer)
registry.register_factory(_l1_l2, "l1_l2")


def get(identifier: Any) -> Regularizer | None:
    """Return the regularizer for a name, a class, a config, a function or an object.

    `None` gives `None`.

    Raises:
        ValueError: if a name is not known; the message has the nearest one.
        TypeError: if `identifier` is of no such kind.

    >>> get("l2"), get("l1_l2")
    (L2(l2=0.01), L1L2(l1=0.01, l2=0.01))
    """
    if isinstance(identifier, dict) and identifier.get("class_name") == "FunctionRegularizer":
        return FunctionRegularizer.from_config(identifier.get("config") or {})
    return registry.get(identifier)


def serialize(regularizer: Regularizer) -> Any:
    """Return the class and the arguments of a regularizer, as JSON can hold them.

    >>> serialize(L2(0.5))["class_name"], serialize(L2(0.5))["config"]
    ('L2', {'l2': 0.5})
    """
    return _serialize(regularizer)


def deserialize(config: Any) -> Regularizer | None:
    """Return the regularizer for what `serialize` returned.

    >>> deserialize(serialize(L2(0.5)))
    L2(l2=0.5)
    """
    return get(config)
