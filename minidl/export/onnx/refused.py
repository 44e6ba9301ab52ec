"""The layers that have no place in an ONNX file, and why."""

from __future__ import annotations

from minidl import layers
from minidl.export.onnx.table import refuse

refuse(
    "It works on strings, or looks them up, before there is arithmetic to be exported. Export the "
    "model behind it, and prepare its input with this layer.",
    layers.StringLookup,
    layers.TextVectorization,
)
refuse(
    "It holds a function of Python's, which no file can. Put a layer in its place "
    "(layers.Rescaling, layers.Activation, ...), or write a class for it and "
    "@minidl.export.register_onnx_converter(YourClass).",
    layers.Lambda,
)
refuse(
    "A cell is one step, and no layer of a model by itself. Put it into layers.RNN(cell).",
    layers.GRUCell,
    layers.LSTMCell,
    layers.SimpleRNNCell,
    layers.StackedRNNCells,
)
