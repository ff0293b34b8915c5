"""A small published file, its mirrors, and what a refusal of it must look like."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path

import numpy as np
import pytest

from pd4ml.card import PublishedFile
from pd4ml.errors import FetchError
from pd4ml.storage.fetch import fetch


def npz_bytes(n: int = 50_000, seed: int = 0) -> bytes:
    out = io.BytesIO()
    np.savez(out, x=np.random.default_rng(seed).integers(0, 255, n, dtype=np.uint8))
    return out.getvalue()


BODY, OTHER = npz_bytes(), npz_bytes(seed=1)
MD5, SHA256 = hashlib.md5(BODY).hexdigest(), hashlib.sha256(BODY).hexdigest()
PAGE = b"<!DOCTYPE html>\n<html><title>Sorry</title></html>\n"


def published(*mirrors: str, md5: str | None = MD5, sha256: str | None = None) -> PublishedFile:
    return PublishedFile("jets.npz", mirrors, "npz", ("train",), md5=md5, sha256=sha256)


def files_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()} - {"jets.npz.lock"}


def refusal(folder: Path, *mirrors: str, md5: str | None = MD5) -> str:
    """The message of the FetchError, which must be one line; nothing but a lock may stay behind."""
    with pytest.raises(FetchError) as caught:
        fetch(published(*mirrors, md5=md5), folder)
    message = str(caught.value)
    assert "\n" not in message
    assert not (folder / "jets.npz").exists()
    return message
