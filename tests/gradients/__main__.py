"""Check every gradient and write the table of what was checked.

python -m tests.gradients              prints the table
python -m tests.gradients FILE         writes it to a file, in Markdown
"""

from __future__ import annotations

import contextlib
import sys
import tempfile
from pathlib import Path

import pytest


def main(arguments: list[str]) -> int:
    """Run the suite; print or write the table; return pytest's exit status."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(arguments[0] if arguments else Path(folder) / "gradients.md")
        suite = str(Path(__file__).parent / "test_gradients.py")
        with contextlib.redirect_stdout(sys.stderr):
            status = pytest.main(["-q", suite, f"--gradient-table={path}"])
        if not arguments:
            print(path.read_text(encoding="utf-8"))
    return int(status)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
