"""Models: graphs of layers that compile, fit, evaluate and predict."""

from minidl.layers.input_layer import Input
from minidl.models.cloning import clone_model
from minidl.models.model import Model
from minidl.models.sequential import Sequential
from minidl.models.steps import NonFiniteError
from minidl.saving.keras_file import load_model, model_from_json, save_model

__all__ = [
    "Input",
    "Model",
    "NonFiniteError",
    "Sequential",
    "clone_model",
    "load_model",
    "model_from_json",
    "save_model",
]
