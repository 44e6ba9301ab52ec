"""Every activation: its arguments, and inputs off its kinks."""

from __future__ import annotations

from hypothesis import strategies as st

from minidl import activations
from minidl.testing import arrays, shapes

from .trial import Trials, fitted, trials

anywhere = arrays(shapes(), avoid=())
wide = arrays(shapes(), low=-12.0, high=12.0)
off_zero = arrays(shapes())


def axes(ndim: int) -> st.SearchStrategy[int]:
    """An axis beside the batch, counted from either end."""
    return st.sampled_from([-1, *range(1, ndim), *range(1 - ndim, 0)])


def axis_or_axes(ndim: int) -> st.SearchStrategy[int | tuple[int, ...]]:
    several = st.permutations(range(1, ndim)).map(lambda order: tuple(order[:2]))
    return st.one_of(axes(ndim), several) if ndim > 2 else axes(ndim)


@st.composite
def relu(draw: st.DrawFn, make: object = activations.Relu) -> object:
    """A Relu, or the layer with the same arguments; its kinks are among RELU_KINKS."""
    if draw(st.booleans()):  # the plain one has a way of its own
        return make()  # type: ignore[operator]
    return make(  # type: ignore[operator]
        negative_slope=draw(st.sampled_from([0.0, 0.1, 1.5])),
        max_value=draw(st.sampled_from([None, 1.5, 2.5])),
        threshold=draw(st.sampled_from([0.0, 0.5, 1.0])),
    )


RELU_KINKS = (0.0, 0.5, 1.0, 1.5, 2.5)

alphas = st.floats(0.1, 2.0)

ACTIVATIONS: dict[type, Trials] = {
    activations.Celu: trials(st.builds(activations.Celu, alpha=alphas), off_zero),
    activations.Elu: trials(st.builds(activations.Elu, alpha=alphas), off_zero),
    activations.Exponential: trials(st.builds(activations.Exponential), anywhere),
    activations.Gelu: trials(st.builds(activations.Gelu, approximate=st.booleans()), wide),
    activations.Glu: fitted(
        arrays(shapes(min_rank=2).map(lambda s: tuple(2 * n for n in s)), avoid=()),
        lambda z: st.builds(activations.Glu, axis=axes(z.ndim)),
    ),
    activations.HardSigmoid: trials(
        st.builds(activations.HardSigmoid),
        arrays(shapes(), -5.0, 5.0, avoid=(-3.0, 3.0)),
    ),
    activations.HardSilu: trials(
        st.builds(activations.HardSilu),
        arrays(shapes(), -5.0, 5.0, avoid=(-3.0, 3.0)),
    ),
    activations.LeakyRelu: trials(
        st.builds(activations.LeakyRelu, negative_slope=st.floats(0.0, 2.0)), off_zero
    ),
    activations.Linear: trials(st.builds(activations.Linear), anywhere),
    activations.LogSigmoid: trials(st.builds(activations.LogSigmoid), wide),
    activations.LogSoftmax: fitted(
        arrays(shapes(min_rank=2), avoid=()),
        lambda z: st.builds(activations.LogSoftmax, axis=axis_or_axes(z.ndim)),
    ),
    activations.Mish: trials(st.builds(activations.Mish), wide),
    activations.Relu: trials(relu(), arrays(shapes(), avoid=RELU_KINKS)),
    activations.Relu6: trials(
        st.builds(activations.Relu6), arrays(shapes(), -8.0, 8.0, avoid=(0.0, 6.0))
    ),
    activations.Selu: trials(st.builds(activations.Selu), off_zero),
    activations.Sigmoid: trials(st.builds(activations.Sigmoid), wide),
    activations.Silu: trials(st.builds(activations.Silu), wide),
    activations.Softmax: fitted(
        arrays(shapes(min_rank=2), avoid=()),
        lambda z: st.builds(activations.Softmax, axis=axis_or_axes(z.ndim)),
    ),
    activations.Softplus: trials(st.builds(activations.Softplus), wide),
    activations.Softsign: trials(st.builds(activations.Softsign), off_zero),
    activations.Tanh: trials(st.builds(activations.Tanh), anywhere),
}
