"""What goes wrong with a file: one exception for everything that is the file's fault."""

from __future__ import annotations


class ModelFileError(ValueError):
    """A file of a model or of weights that cannot be read: damaged, of another kind, or unsafe.

    Nothing in memory has been changed by it.
    """


class NotSavableError(ValueError):
    """A model that could be written, but not read again; the message says how to mend it."""
