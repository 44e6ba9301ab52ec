"""Models as ONNX files, which run without minidl, Keras or NumPy: `model.export("model.onnx")`.

graph          operators, constants and names
proto          the finished graph as a file's bytes, by the `onnx` package
convert        the walk over a model's plan
table          converters by class, and `register_onnx_converter`
activations dense convolution pooling normalization reshaping images merging attention wrappers
categorical                what layers become
recurrent cells    sequences: ONNX's own operators, or a loop over cells
masks          which steps of a sequence count
refused        what has no place in a file, and why
"""

from minidl.export.onnx.table import register_onnx_converter
from minidl.export.onnx.write import write

__all__ = ["register_onnx_converter", "write"]
