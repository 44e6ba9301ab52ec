"""A `.keras` file as a zip archive: the few members that count, read by exact name and within size.

    metadata.json      who wrote it
    config.json        the model's configuration
    model.weights.h5   its variables
    assets/...         vocabularies of lookup layers

Nothing is extracted to a folder, so no name in the archive is ever taken for a path.
"""

from __future__ import annotations

import io
import json
import zipfile
import zlib
from typing import Any, BinaryIO

from minidl.saving.errors import ModelFileError

CONFIG, METADATA, WEIGHTS, ASSETS = "config.json", "metadata.json", "model.weights.h5", "assets/"

MAX_MEMBERS = 10_000
MAX_EXPANSION = 100  # times; deflated weights rarely become a tenth smaller
MAX_CONFIG = 64 * 2**20  # bytes
MAX_NESTING = 200
SMALL = 2**20  # bytes; a member that is not larger may expand as it likes


class Archive:
    """A zip archive that has been looked through.

    Arguments:
        file: the archive, opened for reading.
        source: what it is called in messages.

    Raises:
        ModelFileError: if it is no zip archive, is damaged, or has members that no model has:
            two of one name, names that leave the archive, encrypted ones, far too large ones.
    """

    def __init__(self, file: BinaryIO, source: str) -> None:
        self.source = source
        try:
            self._zip = zipfile.ZipFile(file)
            members = self._zip.infolist()
        except (zipfile.BadZipFile, NotImplementedError, ValueError, EOFError) as error:
            raise ModelFileError(
                f"{source} is no .keras file, or it is damaged: {error}. A .keras file is a zip "
                "archive."
            ) from error
        file.seek(0, io.SEEK_END)
        self._size = file.tell()
        self._members = {member.filename: member for member in members}
        if len(members) > MAX_MEMBERS or len(self._members) < len(members):
            raise self._refusal(f"has {len(members):,} members, some of one name or too many")
        for member in members:
            self._look_at(member)

    def _look_at(self, member: zipfile.ZipInfo) -> None:
        name = member.filename
        steps = name.replace("\\", "/").split("/")
        if name.startswith(("/", "\\")) or ".." in steps or ":" in name or "\x00" in name:
            raise self._refusal(f"has a member {name!r}, whose name leads out of the archive")
        if member.flag_bits & 0x1:
            raise self._refusal(f"has an encrypted member {name!r}")
        if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise self._refusal(f"has a member {name!r} that is neither stored nor deflated")
        if member.compress_size > self._size or (
            member.file_size > SMALL and member.file_size > MAX_EXPANSION * member.compress_size
        ):
            raise self._refusal(
                f"claims {member.file_size:,} bytes for {name!r}, of which "
                f"{member.compress_size:,} are there"
            )

    def names(self) -> list[str]:
        """Return the names of all members."""
        return list(self._members)

    def read(self, name: str, limit: int | None = None) -> bytes:
        """Return the bytes of a member.

        Arguments:
            name: its exact name.
            limit: the most bytes that it may have.

        Raises:
            ModelFileError: if it is not there, is too large or is damaged.
        """
        member = self._members.get(name)
        if member is None:
            raise ModelFileError(
                f"{self.source} has no member {name!r}; it has {sorted(self._members)[:10]}. A "
                ".keras file needs config.json and model.weights.h5."
            )
        if limit is not None and member.file_size > limit:
            raise self._refusal(f"has {member.file_size:,} bytes of {name!r}, more than {limit:,}")
        try:
            with self._zip.open(member) as opened:
                content = opened.read(member.file_size + 1)
        except (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError,
                NotImplementedError, RuntimeError) as error:  # fmt: skip
            raise ModelFileError(f"{self.source}: {name!r} is damaged: {error}") from error
        if len(content) != member.file_size:
            raise ModelFileError(
                f"{self.source}: {name!r} is damaged: {len(content):,} of {member.file_size:,} "
                "bytes are there."
            )
        return content

    def read_json(self, name: str) -> dict[str, Any]:
        """Return the object that a member of JSON holds.

        Raises:
            ModelFileError: if it holds something else, or is nested too deep.
        """
        return parsed(self.read(name, MAX_CONFIG), f"{self.source}: {name}")

    def _refusal(self, what: str) -> ModelFileError:
        return ModelFileError(f"{self.source} is refused: it {what}.")


def parsed(text: bytes | str, source: str) -> dict[str, Any]:
    """Return the object that JSON holds.

    Raises:
        ModelFileError: if it holds something else, or is nested too deep.
    """
    try:
        plain = text.decode("utf-8") if isinstance(text, bytes) else text
        value = json.loads(plain)
    except RecursionError as error:
        raise ModelFileError(f"{source} is refused: it is nested too deep.") from error
    except ValueError as error:
        raise ModelFileError(f"{source} is no JSON, or it is damaged: {error}") from error
    if not isinstance(value, dict):
        raise ModelFileError(f"{source} holds a {type(value).__name__}, expected an object.")
    if _depth(value) > MAX_NESTING:
        raise ModelFileError(f"{source} is refused: it is nested more than {MAX_NESTING} deep.")
    return value


def _depth(value: Any) -> int:
    """Return how deep lists and dicts are nested."""
    depth, level = 0, [value]
    while level:
        depth += 1
        level = [
            inner
            for item in level
            for inner in (item.values() if isinstance(item, dict) else item)
            if isinstance(inner, dict | list)
        ]
    return depth


def written(members: dict[str, bytes]) -> bytes:
    """Return a zip archive of members, stored as they are; the same bytes for the same."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name), content)  # dated 1980, as no clock was asked
    return buffer.getvalue()
