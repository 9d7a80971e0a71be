"""A checkpoint as bytes: the state, and the names of the parts that belong to it.

A magic, the length and the SHA-256 of what follows, then the names and the state as msgpack. A
part's bytes are kept beside it, under a name made from them, for as long as a checkpoint names
it; so nothing is written again that did not change.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

import msgspec

from records.snapshot import part_name

__all__ = [
    "Checkpoint",
    "CheckpointDamagedError",
    "CheckpointFormatError",
    "check_part",
    "read_checkpoint",
    "write_checkpoint",
]

_FAMILY, _MAGIC = b"GCC", b"GCC2"
_HEADER = len(_MAGIC) + 8 + 32
_BODY = msgspec.msgpack.Decoder(tuple[list[str], bytes])


class CheckpointDamagedError(OSError):
    """A checkpoint is cut short or altered; the message says what can be done."""


class CheckpointFormatError(CheckpointDamagedError):
    """A checkpoint is of another release."""

    def __init__(self, where: str) -> None:
        super().__init__(
            f"{where} was written in another format by another release: run that release, delete "
            "it to start again from what the log holds, or use a new namespace"
        )


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What was kept under a name.

    Parameters
    ----------
    data
        The state, as `records.snapshot.pack` made it.
    parts
        Bytes of the parts it names, by name.
    previous
        Whether this is a generation before the last, because the last one is damaged.
    problem
        What is wrong with the last one, for a person; empty when nothing is.
    """

    data: bytes
    parts: Mapping[str, bytes] = field(default_factory=dict)
    previous: bool = False
    problem: str = ""


def write_checkpoint(data: bytes, parts: Collection[str]) -> bytes:
    """Bytes of a checkpoint.

    >>> read_checkpoint(write_checkpoint(b"state", ["a"]), "here")
    (b'state', ['a'])
    """
    body = msgspec.msgpack.encode((sorted(parts), data))
    return _MAGIC + len(body).to_bytes(8, "little") + hashlib.sha256(body).digest() + body


def read_checkpoint(content: bytes, where: str) -> tuple[bytes, list[str]]:
    """Read the state and the names of its parts.

    Parameters
    ----------
    content
        The bytes.
    where
        Where they were found, for messages.

    Raises
    ------
    CheckpointDamagedError
        When they are not those of a whole checkpoint.
    CheckpointFormatError
        When they are of another release.
    """
    if content[:4] != _MAGIC and content[:3] == _FAMILY and len(content) >= _HEADER:
        raise CheckpointFormatError(where)
    if content[:4] != _MAGIC or len(content) < _HEADER:
        raise CheckpointDamagedError(f"{where} is not a checkpoint")
    body = content[_HEADER:]
    length = int.from_bytes(content[4:12], "little")
    if len(body) != length:
        raise CheckpointDamagedError(f"{where} holds {len(body)} bytes of {length}")
    if hashlib.sha256(body).digest() != content[12:_HEADER]:
        raise CheckpointDamagedError(f"{where} does not match its checksum")
    names, data = _BODY.decode(body)
    return data, names


def check_part(name: str, body: bytes | None, where: str) -> bytes:
    """Return a part's bytes, or raise `CheckpointDamagedError` where they are not its own."""
    if body is None:
        raise CheckpointDamagedError(f"part {name} of {where} is missing")
    if part_name(body) != name:
        raise CheckpointDamagedError(f"part {name} of {where} does not match its name")
    return body
