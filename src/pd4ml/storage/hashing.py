"""Hashes of files, in one pass with large buffers."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from pd4ml.progress import Progress
from pd4ml.storage.disk import open_plain

__all__ = ["file_hashes", "sha256_of"]

# Larger buffers are no faster: the hashes are the limit.
_BUFFER_BYTES = 1 << 20


def _digests(path: Path, hashes: tuple[Any, ...], bar: Progress | None) -> list[str]:
    buffer = memoryview(bytearray(_BUFFER_BYTES))
    with open_plain(path) as file:
        while n_bytes := file.readinto(buffer):  # type: ignore[attr-defined]
            for each in hashes:
                each.update(buffer[:n_bytes])
            if bar is not None:
                bar.advance(n_bytes)
    return [each.hexdigest() for each in hashes]


def file_hashes(path: Path, bar: Progress | None = None) -> dict[str, str]:
    """MD5 and SHA-256 of a file, as ``{"md5": ..., "sha256": ...}`` in lower-case hexadecimal.

    MD5 is what most records of published files quote; it guards against damage, not against malice.
    """
    md5, sha256 = _digests(path, (hashlib.md5(usedforsecurity=False), hashlib.sha256()), bar)
    return {"md5": md5, "sha256": sha256}


def sha256_of(path: Path, bar: Progress | None = None) -> str:
    """SHA-256 of a file in lower-case hexadecimal."""
    return _digests(path, (hashlib.sha256(),), bar)[0]
