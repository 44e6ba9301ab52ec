"""Models: graphs of layers that compile, fit, evaluate and predict."""

from minidl.layers.input_layer import Input
from minidl.models.model import Model
from minidl.models.sequential import Sequential
from minidl.models.steps import NonFiniteError

__all__ = ["Input", "Model", "NonFiniteError", "Sequential"]
