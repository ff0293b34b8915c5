"""A file that is still arriving: its bytes so far, and where they come from, so that the rest can be asked for."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from pd4ml.storage.atomic import write_text
from pd4ml.storage.small import read_json

__all__ = ["Origin", "Partial"]


@dataclass(frozen=True)
class Origin:
    """Where the bytes come from: the mirror, its ETag or Last-Modified date, and the length it promised."""

    url: str
    validator: str | None
    total: int | None


class Partial:
    """The bytes ``<name>.part`` of a file and their Origin in ``<name>.part.json``."""

    def __init__(self, target: Path) -> None:
        self.path = target.with_name(target.name + ".part")
        self._origin_path = target.with_name(target.name + ".part.json")

    @property
    def size(self) -> int:
        """Bytes that are here."""
        return self.path.stat().st_size if self.path.is_file() else 0

    def origin(self) -> Origin | None:
        """Where the bytes that are here come from; None if there are none or nobody knows."""
        try:
            found = Origin(**read_json(self._origin_path))
        except (OSError, ValueError, TypeError):
            return None
        texts = isinstance(found.url, str) and isinstance(found.validator, str | None)
        most = self.size if found.total is None else found.total
        return found if texts and type(most) is int and 0 < self.size <= most else None

    def begin(self, origin: Origin) -> None:
        """Start from zero with bytes from ``origin``."""
        # In this order: bytes must never be taken for those of another origin, whenever the process dies.
        self.discard()
        write_text(self._origin_path, json.dumps(asdict(origin)))

    def discard(self) -> None:
        """Forget all that is here."""
        self.path.unlink(missing_ok=True)
        self._origin_path.unlink(missing_ok=True)

    def finish(self, target: Path) -> None:
        """Sync the bytes and give them their name at once."""
        with self.path.open("rb+") as file:
            os.fsync(file.fileno())
        self._origin_path.unlink(missing_ok=True)  # first: after the other nobody would
        self.path.replace(target)
