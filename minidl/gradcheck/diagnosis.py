"""The likely cause of a wrong gradient: known slips are tried on it until one explains it.

Most slips leave a trace that one array shows: the sign, a factor, a transpose, a lost mask. The
others show in the Jacobian J, of which the right gradient is Jᵀ dy: a softmax that knows its
diagonal only gives diag(J) dy, and a bias that forgets to sum over the batch Jᵀ dy of one sample.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from minidl._typing import Array
from minidl.gradcheck.compare import Problem, jacobian, numeric_gradient

MAX_JACOBIAN = 250_000  # outputs times entries
MAX_ENTRIES = 2_000

Slip = tuple[str, Array]
"""A sentence, and the gradient that the slip would have given."""


class Clues(NamedTuple):
    """What the search for a cause may look at.

    Attributes:
        gradient: what backward gave.
        problem: the function, for numeric derivatives.
        outputs: the cotangent of each output, in its shape.
        factors: arrays that a derivative may have to be multiplied with, by name.
        inputs: the input in which missing terms may be found again, None for a parameter.
    """

    gradient: Array
    problem: Problem
    outputs: list[Array]
    factors: dict[str, Array]
    inputs: Array | None


def likely_cause(clues: Clues) -> str:
    """Return a sentence that says what is probably wrong, or where to look."""
    gradient, problem = clues.gradient, clues.problem
    if not np.isfinite(gradient).all():
        return "it has NaN or infinity in it."
    if not gradient.any():
        return "it is zero everywhere: backward gives no gradient here."
    if gradient.size > MAX_ENTRIES:
        return f"not searched for among {gradient.size} entries; check a smaller input."
    with np.errstate(all="ignore"):
        if problem.cotangent.size * gradient.size <= MAX_JACOBIAN:
            J = jacobian(problem)
            right = (J.T @ problem.cotangent).reshape(gradient.shape)
        else:
            J, right = None, numeric_gradient(problem)
        for sentence, slip in _slips(clues, J, right):
            if _alike(slip, gradient):
                return sentence
        return _from_difference(clues, right)


def _slips(clues: Clues, J: Array | None, right: Array) -> Iterator[Slip]:
    gradient, dy = clues.gradient, clues.problem.cotangent
    if J is not None and dy.size > 1:
        alike = np.ptp(dy) == 0
        if not alike:
            sentence = "dy is not used: this is the gradient for a dy of ones."
            yield sentence, J.sum(axis=0).reshape(gradient.shape)
    yield from _constant_factors(clues, right)
    yield from _transposes(right)
    if J is not None:
        if J.shape[0] == J.shape[1]:
            yield (
                "only the diagonal of the Jacobian is used (as if softmax were y' = y (1 − y)): "
                "each output depends on other entries too.",
                (np.diag(J) * dy).reshape(gradient.shape),
            )
            yield (
                "a transpose is missing: dy is multiplied by the Jacobian, or the kernel, itself "
                "and not by its transpose (dx = dy Wᵀ).",
                (J @ dy).reshape(gradient.shape),
            )
            yield (
                "the mask is the wrong way round: the gradient passes where it must not.",
                (dy * (1 - np.diag(J))).reshape(gradient.shape),
            )
        if dy.size == sum(output.size for output in clues.outputs):  # not so behind a reduction
            yield from _lost_samples(clues, J)
    yield from _named_factors(clues, right)
    if np.count_nonzero(right) > 2:  # a single number is some multiple of any other
        factor = float(np.vdot(gradient, right) / np.vdot(right, right))
        yield f"it is {factor:.6g} times what it should be, in every entry.", factor * right


def _constant_factors(clues: Clues, right: Array) -> Iterator[Slip]:
    """The right gradient times a number that means something."""
    yield "it has the opposite sign.", -right
    sizes = _sizes(clues)
    for size, what in sizes.items():
        if size > 2:
            number = f"{size}, {what}"
            yield f"it is divided by {number}: a mean stands where the sum belongs.", right / size
            yield (
                f"it is multiplied by {number}: a sum stands where the mean belongs.",
                right * size,
            )
    hint = f" Or a mean and a sum are confused: 2 is also {sizes[2]}." if 2 in sizes else ""
    yield f"it is twice what it should be: a factor 1/2 is missing.{hint}", 2 * right
    yield f"it is half of what it should be: a factor 2 is missing.{hint}", right / 2


def _sizes(clues: Clues) -> dict[int, str]:
    """Return the sizes that a mean could be over, and what they are the size of."""
    names: dict[int, list[str]] = {}
    shape = clues.outputs[0].shape if clues.outputs else ()
    for axis, size in enumerate(shape):
        names.setdefault(size, []).append(f"axis {axis} of dy" if axis else "the batch size")
    for axis, size in enumerate(clues.gradient.shape):
        if axis == 0 and clues.inputs is not None and shape:
            continue  # that is the batch again
        names.setdefault(size, []).append(f"axis {axis} of the gradient")
    names.setdefault(clues.gradient.size, []).append("the number of its entries")
    names.setdefault(clues.problem.cotangent.size, []).append("the number of outputs")
    return {size: " or ".join(what[:2]) for size, what in names.items()}


def _transposes(right: Array) -> Iterator[Slip]:
    for a in range(right.ndim):
        for b in range(a + 1, right.ndim):
            if right.shape[a] == right.shape[b] > 1:
                swapped = f"its axes {a} and {b} are swapped."
                sentence = "it is transposed." if right.ndim == 2 else swapped
                yield sentence, np.swapaxes(right, a, b)


def _lost_samples(clues: Clues, J: Array) -> Iterator[Slip]:
    """Gradients to which only one sample, step or output contributes, or all but one."""
    dy, shape = clues.problem.cotangent, clues.gradient.shape
    start = 0
    for number, output in enumerate(clues.outputs):
        here = np.zeros_like(dy)
        here[start : start + output.size] = 1
        if len(clues.outputs) > 1:
            for mask, text in ((here, "only"), (1 - here, "all but")):
                sentence = f"{text} output {number} contributes: the parts of all outputs add up."
                yield sentence, (J.T @ (dy * mask)).reshape(shape)
        for axis in range(min(output.ndim, 2)):
            name = "sample" if axis == 0 else "index on axis 1 of dy"
            over = "the batch" if axis == 0 else "axis 1 of dy"
            for k in range(min(output.shape[axis], 64) if output.shape[axis] > 1 else 0):
                one = np.zeros(output.shape)
                one[(slice(None),) * axis + (k,)] = 1
                mask = np.zeros_like(dy)
                mask[start : start + output.size] = one.ravel()
                yield (
                    f"only {name} {k} contributes: the sum over {over} is missing.",
                    (J.T @ (dy * mask)).reshape(shape),
                )
                sentence = f"{name} {k} does not contribute: the sum over {over} leaves it out."
                yield sentence, (J.T @ (dy * (1 - mask))).reshape(shape)
        start += output.size


def _named_factors(clues: Clues, right: Array) -> Iterator[Slip]:
    """The right gradient without a factor, or with one too many."""
    for name, factor in clues.factors.items():
        try:
            if np.broadcast_shapes(factor.shape, right.shape) != right.shape:
                continue
        except ValueError:
            continue
        if np.mean(factor == 0) > 0.5 or not right.any():
            continue
        yield f"it lacks the factor {name}.", np.where(factor != 0, right / factor, clues.gradient)
        yield f"it has the factor {name} once too often.", right * factor


def _from_difference(clues: Clues, right: Array) -> str:
    """Return what the entries tell that are wrong, where no slip explains all of them."""
    gradient = clues.gradient
    size = np.abs(right).max(initial=0.0)
    if size == 0:
        return "it should be zero: no output depends on it."
    error = gradient - right
    wrong = np.abs(error) > 1e-6 * size
    zero = np.abs(right) <= 1e-9 * size
    if (wrong & zero).any() and not (wrong & ~zero).any():
        return (
            f"a mask is missing: {int(wrong.sum())} entries have a gradient where forward lets "
            "nothing pass."
        )
    if wrong.any() and not gradient[wrong].any():
        return (
            f"{int(wrong.sum())} entries have no gradient: a mask or an index leaves out too much."
        )
    if np.abs(error).max() <= 1e-3 * size:
        digits = int(-np.log10(np.abs(error).max() / size))
        return (
            f"it is right to {digits} digits only: float32 takes part, or an approximation, or an "
            "epsilon stands elsewhere than in forward."
        )
    single = [(axis,) for axis in range(gradient.ndim)]
    joint = [tuple(range(1, gradient.ndim)), tuple(range(gradient.ndim - 1))]
    for axes in single + [axes for axes in joint if len(axes) > 1]:
        if sentence := _statistics_missing(clues, error, axes):
            return sentence
    dy = clues.problem.cotangent
    if dy.size == gradient.size and _alike(dy, gradient.ravel()):
        return "dy is handed on unchanged: the derivative, or the mask, of forward is missing."
    for axis in range(gradient.ndim):
        others = tuple(a for a in range(gradient.ndim) if a != axis)
        bad = np.flatnonzero(wrong.any(axis=others))
        if 0 < bad.size < gradient.shape[axis]:
            return (
                f"only the entries with index {_ranges(bad)} on axis {axis} are wrong: look at how "
                "that axis is split or indexed."
            )
    return "none of the usual slips; compare backward with the derivation, at this entry first."


def _statistics_missing(clues: Clues, error: Array, axes: tuple[int, ...]) -> str | None:
    """Tell errors that a forgotten mean or variance along axes would make: α, or α + β x."""
    rows = _rows(error, axes)
    size, count = np.abs(rows).max(), rows.shape[-1]
    if count < 2:
        return None
    where = f"axis {axes[0]}" if len(axes) == 1 else f"axes {axes}"
    if np.abs(rows - rows.mean(axis=-1, keepdims=True)).max() <= 1e-5 * size:
        return (
            f"a term is missing that is the same all along {where}: a mean over it depends on x "
            "as well."
        )
    x = clues.inputs
    if x is None or x.shape != error.shape or count < 4:
        return None
    for row, values in zip(rows, _rows(x, axes), strict=True):
        basis = np.stack([np.ones_like(values), values], axis=-1)
        fitted = basis @ np.linalg.lstsq(basis, row, rcond=None)[0]
        if np.abs(row - fitted).max() > 1e-5 * size:
            return None
    return (
        f"terms of the form α + β x along {where} are missing: the mean and the variance over it "
        "depend on x as well."
    )


def _rows(array: Array, axes: tuple[int, ...]) -> Array:
    """Return the array as rows that run along `axes`."""
    last = tuple(range(-len(axes), 0))
    count = int(np.prod([array.shape[axis] for axis in axes]))
    return np.moveaxis(array, axes, last).reshape(-1, count)


def _ranges(indices: Array) -> str:
    first, last = int(indices[0]), int(indices[-1])
    if first == last:
        return str(first)
    if last - first + 1 == indices.size:
        return f"{first} to {last}"
    return ", ".join(map(str, indices[:8])) + (", ..." if indices.size > 8 else "")


def _alike(a: Array, b: Array) -> bool:
    """Return whether two arrays agree to five digits, but for a few entries that lie on kinks."""
    size = np.abs(b).max(initial=0.0)
    return bool(size > 0 and np.mean(np.abs(a - b) <= 1e-5 * size) >= 0.95)
