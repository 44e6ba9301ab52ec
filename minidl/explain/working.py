"""Single entries worked through: sums, products and means with the numbers in them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from minidl._typing import Array
from minidl.explain.content import Worked
from minidl.explain.numbers import entry, factor, number

TERMS = 5  # a sum of more is abbreviated


def largest(array: Array) -> tuple[int, ...]:
    """Return the index of the entry of the first sample that has the most to say."""
    array = np.asarray(array)
    if array.ndim == 0 or array.size == 0:
        return ()
    first = np.abs(array[0].astype(np.float64)) if array.dtype.kind in "fiub" else array[:1] * 0
    return (0, *map(int, np.unravel_index(int(np.argmax(first)), np.shape(array[0]))))


def value(
    symbol: str, array: Any, index: tuple[int, ...], letters: str, numbers: str, computed: Any
) -> Worked:
    """Return an entry whose formula was worked out by the caller."""
    result = float(np.asarray(array)[index])
    return Worked(entry(symbol, index), letters, numbers, result, float(computed))


def sum_of_products(
    symbol: str,
    array: Any,
    index: tuple[int, ...],
    letters: str,
    terms: Iterable[Sequence[Any]],
    plus: Sequence[Any] = (),
    times: float | None = None,
) -> Worked:
    """Return an entry that is Σ of products.

    Arguments:
        symbol, array, index: which entry of what.
        letters: the formula.
        terms: the factors of each product.
        plus: numbers added to the sum, such as a bias.
        times: what the whole is multiplied by, if anything.
    """
    products = [tuple(float(f) for f in term) for term in terms] + [(float(p),) for p in plus]
    total = float(sum(np.prod(term) for term in products))
    numbers = _sum(products, len(plus))
    if times is not None:
        several = len(products) > 1
        numbers = f"{number(times)} · ({numbers})" if several else f"{number(times)}·({numbers})"
        total *= times
    return value(symbol, array, index, letters, numbers, total)


def added(values: Iterable[Any]) -> str:
    """Return a sum as text.

    >>> added([0.5, -0.25, 1])
    '0.5 - 0.25 + 1'
    """
    return _sum([(float(v),) for v in values], 0)


def _sum(products: list[tuple[float, ...]], kept: int) -> str:
    """Return a sum as text; of a long one the beginning, and the `kept` addends at its end.

    In a long sum the terms that are 0 are only counted.
    """
    if not products:
        return "0"
    terms, end = products[: len(products) - kept], products[len(products) - kept :]
    left_out = ""
    if len(terms) > TERMS:
        alive = [term for term in terms if np.prod(term)]
        if len(alive) < len(terms):
            count = len(terms) - len(alive)
            left_out = f" + [{count} term{'s' * (count > 1)} that {'are' if count > 1 else 'is'} 0]"
        terms = alive
    texts = [_product(term) for term in terms]
    if len(terms) > TERMS:
        rest = terms[TERMS - 1 :]
        total = float(sum(np.prod(term) for term in rest))
        texts = [*texts[: TERMS - 1], f"[{len(rest)} more terms: {number(total)}]"]
    texts += [_product(term) for term in end]
    joined = texts[0] if texts else ""
    for text in texts[1:]:
        joined += f" - {text[1:]}" if text.startswith("-") else f" + {text}"
    return (joined + left_out).removeprefix(" + ")


def _product(term: tuple[float, ...]) -> str:
    return "·".join([number(term[0]), *map(factor, term[1:])])
