"""What was proposed, voted and decided, in a file that each learner keeps and nobody can change unseen.

A ledger is a file of JSON lines that only grows. Every entry holds the SHA-256 of the one before and is signed by
its author (Ed25519, RFC 8032); the public keys are in the first entry. So whoever changes, leaves out or reorders
an entry must forge a signature; an end that was cut off, and two stories told to two learners, show when ledgers
are compared.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pd4ml.collaborate.stories import COORDINATOR, Story, story_of
from pd4ml.errors import DataError, Pd4mlError, missing_extra, one_line
from pd4ml.storage.atomic import write_bytes
from pd4ml.storage.disk import open_plain
from pd4ml.storage.small import parse_json, read_bytes

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

__all__ = [
    "COORDINATOR",
    "Entry",
    "Ledger",
    "Signer",
    "compare_ledgers",
    "entry_of",
    "is_signed",
    "read_ledger",
    "verify_ledger",
]

_FIRST = "0" * 64  # what the first entry has for the one before
_MOST = 1_000_000  # bytes of a line
_KEY_BYTES = 32


@dataclass(frozen=True)
class Entry:
    """One line of a ledger. ``previous`` is the hash of the entry before; ``body`` is plain JSON.

    The first is a ``start``, whose body says by whom and by what rules (`pd4ml.collaborate.stories`) it is.
    """

    number: int
    previous: str
    time: str
    author: str
    kind: str
    body: Mapping[str, Any]
    signature: str = ""

    @property
    def signed(self) -> bytes:
        """What the signature is of."""
        return _canonical({**asdict(self), "signature": ""})

    @property
    def line(self) -> bytes:
        """The entry as it stands in the file, without the end of the line."""
        return _canonical(asdict(self))

    @property
    def sha256(self) -> str:
        """Hash of the whole entry, signature included."""
        return hashlib.sha256(self.line).hexdigest()


def _canonical(values: Mapping[str, Any]) -> bytes:
    return json.dumps(values, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()


class Signer:
    """An author with a private key, made anew or read from ``file``, where only its owner may read it."""

    def __init__(self, name: str, file: Path | None = None) -> None:
        private, serialization = _cryptography()
        self.name = name
        if file is not None and file.exists():
            try:
                self._key: Ed25519PrivateKey = private.from_private_bytes(read_bytes(file, _KEY_BYTES))
            except ValueError as error:
                raise DataError(f"{file} holds no Ed25519 key: {error}") from error
        else:
            self._key = private.generate()
            if file is not None:
                raw, plain = serialization.Encoding.Raw, serialization.PrivateFormat.Raw
                write_bytes(file, self._key.private_bytes(raw, plain, serialization.NoEncryption()), 0o600)
        self.public = self._key.public_key().public_bytes_raw().hex()

    def __repr__(self) -> str:
        return f"<key of {self.name}: public {self.public[:16]}>"

    def sign(self, content: bytes) -> str:
        """The signature of ``content``."""
        return self._key.sign(content).hex()

    def entry(self, last: Entry | None, kind: str, body: Mapping[str, Any]) -> Entry:
        """The entry after ``last``, signed."""
        number, previous = (0, _FIRST) if last is None else (last.number + 1, last.sha256)
        time = datetime.now(UTC).isoformat(timespec="seconds")
        entry = Entry(number, previous, time, self.name, kind, dict(body))
        return Entry(**{**asdict(entry), "signature": self.sign(entry.signed)})


class Ledger:
    """A ledger that grows; what is in ``file`` is verified when it is opened."""

    def __init__(self, file: Path) -> None:
        self.file = file
        if file.exists():
            _drop_torn_line(file)
        self.entries = read_ledger(file) if file.exists() else []
        self._chain = _Chain()
        for entry in self.entries:
            self._chain.take(entry)

    @property
    def last(self) -> Entry | None:
        """The newest entry."""
        return self.entries[-1] if self.entries else None

    def append(self, entry: Entry) -> None:
        """Check that ``entry`` comes next and is signed by its author, and write it to the disk.

        Raises
        ------
        DataError
            For an entry that does not; nothing is written.
        """
        self._chain.take(entry)
        with self.file.open("ab") as stream:
            stream.write(entry.line + b"\n")
            stream.flush()
            os.fsync(stream.fileno())
        self.entries.append(entry)


def _drop_torn_line(file: Path) -> None:
    """A line that was being written when the process was killed has no end, and nobody has seen it."""
    content = file.read_bytes()
    whole = content[: content.rfind(b"\n") + 1]
    if whole != content:
        write_bytes(file, whole)


def read_ledger(file: str | Path) -> list[Entry]:
    """The entries of a ledger, as they stand in the file.

    Raises
    ------
    DataError
        For a line that is no entry, or a last one that is cut off.
    """
    file, entries = Path(file), list[Entry]()
    try:
        with open_plain(file) as stream:
            while line := stream.readline(_MOST):
                if not line.endswith(b"\n"):
                    raise DataError(f"{file}: entry {len(entries)} is cut off, or longer than {_MOST:,} bytes")
                entries.append(entry_of(line[:-1], f"{file}: entry {len(entries)}"))
    except OSError as error:
        raise DataError(f"{file} cannot be read: {error}") from error
    return entries


def entry_of(line: bytes, where: str) -> Entry:
    """The entry that a line is; DataError, which begins with ``where``, for anything else."""
    try:
        entry = Entry(**parse_json(line))
        as_written = entry.line == line
    except (ValueError, TypeError, RecursionError) as error:
        raise DataError(one_line(f"{where} is no entry of a ledger: {error}", 200)) from error
    texts = (entry.previous, entry.time, entry.author, entry.kind, entry.signature)
    if type(entry.number) is not int or not isinstance(entry.body, dict):
        raise DataError(f"{where} has a number or a body that is none")
    if not all(isinstance(text, str) for text in texts) or not as_written:
        raise DataError(f"{where} is not written as entries are: it was changed")
    return entry


def verify_ledger(file: str | Path, keys: Mapping[str, str] | None = None) -> list[Entry]:
    """The entries of a ledger that was not changed.

    Parameters
    ----------
    file : str or Path
        The ledger.
    keys : Mapping[str, str], optional
        Public keys by author, from elsewhere than the ledger; without them those of its first entry are believed.

    Returns
    -------
    list[Entry]
        All of them.

    Raises
    ------
    DataError
        Which entry is wrong first, and how: changed, left out, reordered, not signed by its author, told twice, or
        a decision that the votes do not give.
    """
    entries, chain = read_ledger(file), _Chain(keys)
    if not entries:
        raise DataError(f"{file} has no entries")
    for entry in entries:
        try:
            chain.take(entry)
        except Pd4mlError as error:  # a strategy that nobody knows, too
            raise DataError(f"{file}: {error}") from error
    return entries


def compare_ledgers(first: str | Path, second: str | Path) -> int:
    """The number of entries of two verified ledgers that tell the same story as far as both go.

    Parameters
    ----------
    first : str or Path
        A ledger.
    second : str or Path
        Another learner's of the same collaboration.

    Returns
    -------
    int
        Entries that both have.

    Raises
    ------
    DataError
        Where they part, or if one ends before the other.
    """
    a, b = verify_ledger(first), verify_ledger(second)
    for one, other in zip(a, b, strict=False):
        if one.line != other.line:
            raise DataError(
                f"entry {one.number} differs: {first} has a {one.kind} of {one.author}, {second} a {other.kind} "
                f"of {other.author}; learners were told two stories from there on"
            )
    if len(a) != len(b):
        shorter = first if len(a) < len(b) else second
        raise DataError(
            f"{shorter} ends after entry {min(len(a), len(b)) - 1}; the other has {max(len(a), len(b))}"
        )
    return len(a)


class _Chain:
    """What entries must be, one after the other."""

    def __init__(self, keys: Mapping[str, str] | None = None) -> None:
        self.pinned, self.keys = keys, dict[str, str]()
        self.last: Entry | None = None
        self.story: Story | None = None

    def take(self, entry: Entry) -> None:
        """Check the next entry; DataError if it is not the one that can come next."""
        where = f"entry {entry.number}"
        number, previous = (0, _FIRST) if self.last is None else (self.last.number + 1, self.last.sha256)
        if entry.number != number:
            raise DataError(f"{where} stands where entry {number} is expected: one is missing, or out of order")
        if entry.previous != previous:
            raise DataError(f"{where} does not follow the entry before it: one of the two was changed")
        if (entry.kind == "start") != (number == 0):
            raise DataError(one_line(f"{where} is a {entry.kind}, which cannot be here", 200))
        if number == 0:
            self._start(entry)
        if entry.author not in self.keys:
            raise DataError(one_line(f"{where} is by {entry.author}, who takes no part", 200))
        if not is_signed(entry.signed, entry.signature, self.keys[entry.author]):
            raise DataError(f"{where} is not signed by {entry.author}")
        if number and self.story is not None:
            self.story.take(entry, where)
        self.last = entry

    def _start(self, entry: Entry) -> None:
        try:
            self.keys = {str(name): str(key) for name, key in entry.body["authors"].items()}
            self.story = story_of(entry.body)
        except Pd4mlError:
            raise
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise DataError(one_line(f"entry 0 does not say who takes part and how: {error!r}", 200)) from error
        if self.pinned is not None and self.keys != dict(self.pinned):
            raise DataError("entry 0 names other keys than those that were given")


def is_signed(content: bytes, signature: str, public: str) -> bool:
    """Whether ``signature`` is that of ``content`` by the owner of the key ``public``."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    try:
        Ed25519PublicKey.from_public_bytes(bytes.fromhex(public)).verify(bytes.fromhex(signature), content)
    except (InvalidSignature, ValueError):
        return False
    return True


def _cryptography() -> tuple[Any, Any]:
    try:
        from cryptography.hazmat.primitives import serialization
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    except ImportError as error:
        raise missing_extra("a signed ledger", "collaborate", error) from error
    return Ed25519PrivateKey, serialization
