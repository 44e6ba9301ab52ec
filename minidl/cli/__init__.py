"""The command `minidl`: the two networks that the project began with, and `.keras` files."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

import minidl
from minidl.cli import models


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status: 0, or 2 for an error in what was asked.

    Arguments:
        arguments: the words after `minidl`; those of the process by default.
    """
    options = _parser().parse_args(arguments)
    try:
        return int(options.run(options))
    except (ValueError, OSError, ImportError, ArithmeticError) as error:
        print(f"minidl: {type(error).__name__}: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("minidl: interrupted", file=sys.stderr)
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="minidl", description="Keras's API, trained by NumPy alone."
    )
    parser.add_argument("--version", action="version", version=f"minidl {minidl.__version__}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")

    reproduce = commands.add_parser(
        "reproduce",
        help="train the two networks of the notebook and compare with its figures",
        description="Train the two networks of the notebook and compare with its figures.",
    )
    reproduce.add_argument(
        "network",
        nargs="?",
        choices=["both", "binary", "digits"],
        default="both",
        help="which network to train (default: both)",
    )
    reproduce.add_argument(
        "--dataset",
        choices=["digits", "mnist", "emnist"],
        default="digits",
        help="digits: 5,000 images that come with minidl; mnist: 60,000; emnist: 240,000",
    )
    reproduce.add_argument(
        "--data",
        metavar="DIR",
        help="the folder of the MNIST or EMNIST files, instead of a download",
    )
    reproduce.add_argument("--epochs", type=int, metavar="N", help="passes through the digits")
    reproduce.add_argument("--batch-size", type=int, default=32, metavar="N", help="default: 32")
    reproduce.add_argument("--learning-rate", type=float, metavar="RATE", help="of plain SGD")
    reproduce.add_argument("--seed", type=int, default=1, metavar="N", help="default: 1")
    reproduce.add_argument(
        "--output",
        default="minidl-output",
        metavar="DIR",
        help="where pictures go (default: minidl-output)",
    )
    reproduce.add_argument("--no-pictures", action="store_true", help="write no pictures")
    reproduce.set_defaults(run=_reproduce)
    models.add_commands(commands)
    return parser


def _reproduce(options: argparse.Namespace) -> int:
    from minidl.cli import reproduce

    return reproduce.run(options)
