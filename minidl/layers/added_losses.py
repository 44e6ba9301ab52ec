"""What a layer adds to the loss besides what its output does: a term of its own, or a penalty.

    class Sparse(Layer):
        def call(self, x):
            y = relu(x @ self.kernel)
            self.add_loss(0.01 * np.mean(np.abs(y)))      its gradient is found with that of y
            return y

Nothing is kept on the layer. The term goes to whoever runs the layer: a model's step of training or
evaluation, or a `GradientTape`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from minidl import tracing
from minidl._typing import Residuals
from minidl.layers.ownership import ParameterOwner


class LossAdder(ParameterOwner):
    """The part of a layer that adds to the loss."""

    @property
    def writes_call_alone(self) -> bool:
        """Whether `call` is all there is, so that the gradient is found by `minidl.autodiff`."""
        raise NotImplementedError

    def add_loss(self, loss: Any) -> None:
        """Add a number to the loss of the model that the layer stands in: to be called in `call`.

        It may be computed from inputs, outputs and parameters, and its gradient is exact. In a
        call that nobody trains or evaluates it has no effect.

        Arguments:
            loss: one number, or a list of such.

        Raises:
            ValueError: if it is an array of several numbers.
            TypeError: in a layer that writes `forward` and `backward`, where no one would
                differentiate it.
        """
        if not self.writes_call_alone:
            raise TypeError(
                f"Layer {self.name!r} ({type(self).__name__}): add_loss was called in a layer that "
                "writes forward and backward, where its gradient would be lost. Write the layer "
                "with call(self, x) alone."
            )
        terms = list(loss) if isinstance(loss, list | tuple) else [loss]
        for term in terms:
            if np.shape(term) != ():
                raise ValueError(
                    f"Layer {self.name!r} ({type(self).__name__}): add_loss received an array of "
                    f"shape {np.shape(term)}, expected one number. Take its sum or its mean."
                )
        listener = tracing.current()
        if listener is not None:
            listener.losses.extend((self, term) for term in terms)

    def added_loss(self, residuals: Residuals) -> float:
        """Return what a run of `forward` added to the loss; `backward` gives its gradient too.

        A layer with a pair of its own that runs others within returns the sum of theirs.
        """
        return residuals.added if self.writes_call_alone else 0.0

    @property
    def losses(self) -> list[Any]:
        """The penalties on the weights, and within a `GradientTape` what its last call added.

        That is: terms of `add_loss`, and penalties on activities, of this layer and all within.
        """
        found = [_penalty(p) for p in self.trainable_weights if p.regularizer is not None]
        listener = tracing.current()
        if listener is not None and listener.losses:
            own = {id(layer) for layer in self.with_sublayers()}
            found += [term for layer, term in listener.losses if id(layer) in own]
        return found


def _penalty(parameter: Any) -> Any:
    value = parameter.value
    if not isinstance(value, tracing.Traced):
        return parameter.regularizer(value)
    from minidl.autodiff import pairs

    return pairs.through_regularizer(parameter.regularizer, value)
