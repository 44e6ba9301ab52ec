"""What can go wrong with a data file: it is missing, it is damaged, or it cannot be downloaded.

Each message says what was received, what was expected and how to put it right, with the path.
"""

from __future__ import annotations


class DataFileError(ValueError):
    """A data file does not hold what it should: damaged, incomplete, or of another format.

    Example:
        >>> issubclass(DataFileError, ValueError)
        True
    """


class DataFileMissingError(DataFileError, FileNotFoundError):
    """A data file is not where it was looked for; the message lists what was found there.

    It is a `FileNotFoundError` as well, so either name catches it.

    Example:
        >>> issubclass(DataFileMissingError, FileNotFoundError)
        True
    """


class DownloadError(OSError):
    """A data file could not be downloaded whole; nothing of it was kept.

    Example:
        >>> issubclass(DownloadError, OSError)
        True
    """
