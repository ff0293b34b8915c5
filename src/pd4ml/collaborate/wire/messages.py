"""What coordinator and sites say to each other: a line of JSON and, after it, weights. Nothing is pickled.

Connections are mutual TLS, and say from which kit a message comes. What a site is asked to do is signed by the
coordinator besides, since sites could speak through the server to each other; what a site answers counts when it
stands in the ledger, signed by the site.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pd4ml.collaborate.ledger import Signer, is_signed
from pd4ml.errors import DataError, one_line
from pd4ml.storage.small import parse_json

__all__ = ["Message", "as_number", "pack", "request", "unpack", "verified"]

_HEAD = 2**24  # bytes of a head: entries of a whole ledger
_MOST_NUMBER = 1e300


@dataclass(frozen=True)
class Message:
    """A head of plain JSON, and bytes."""

    head: Mapping[str, Any]
    blob: bytes = b""

    def number(self, key: str) -> float:
        """A number of the head; DataError if it is none, or not finite."""
        return as_number(self.head.get(key), key)


def as_number(value: object, what: str) -> float:
    """A number that somebody else said; DataError if it is none, not finite, or of more digits than any here."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= _MOST_NUMBER:
        raise DataError(one_line(f"an answer has no number {what}: {value!r}", 200))
    return value


def pack(head: Mapping[str, Any], blob: bytes = b"") -> bytes:
    """The message as bytes."""
    return _canonical(head) + b"\n" + blob


def unpack(content: bytes) -> Message:
    """Read what `pack` made; DataError for anything else."""
    end = content.find(b"\n", 0, _HEAD)
    try:
        head = parse_json(content[: max(end, 0)])
    except ValueError as error:
        raise DataError(one_line(f"this is no message: {error}", 200)) from error
    if not isinstance(head, dict):
        raise DataError("this is no message: its head is no JSON object")
    return Message(head, content[end + 1 :])


def request(signer: Signer, head: Mapping[str, Any], blob: bytes = b"") -> bytes:
    """What the coordinator asks: signed, with the digest of ``blob``."""
    head = {**head, "sha256": hashlib.sha256(blob).hexdigest()}
    return pack({**head, "signature": signer.sign(_canonical(head))}, blob)


def verified(content: bytes, name: str, public: str, after: int) -> Message:
    """A request to the site ``name``, signed with the key ``public``, whose number is above ``after``.

    Raises
    ------
    DataError
        For one that is somebody else's, to somebody else, changed, or sent again.
    """
    message = unpack(content)
    head = {key: value for key, value in message.head.items() if key != "signature"}
    if not is_signed(_canonical(head), str(message.head.get("signature")), public):
        raise DataError("a request is not signed by the coordinator")
    if head.get("to") != name or head.get("sha256") != hashlib.sha256(message.blob).hexdigest():
        raise DataError("a request is to somebody else, or its weights were changed")
    if not isinstance(head.get("call"), int) or head["call"] <= after:
        raise DataError("a request was sent again")
    return message


def _canonical(values: Mapping[str, Any]) -> bytes:
    return json.dumps(values, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()
