"""A model as one readable Python file that needs NumPy alone.

write            the file: the network, then what it uses, then its weights
table            which layer is which expression, or why it is none; sequence_table for sequences
equations        the layers as plain functions; activations, sequences
bundle           functions copied into the file, with all that they refer to
"""

from minidl.export.python.write import source_of, write
from minidl.export.python.writer import NotExportableError

__all__ = ["NotExportableError", "source_of", "write"]
