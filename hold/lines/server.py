"""A published file on a loopback server, for lines that download."""

from __future__ import annotations

import functools
import hashlib
import http.server
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["SERVER", "served"]

SERVER = "PD4ML_HOLD_SERVER"
"""In the environment: the address of the file and its hash, with a blank between."""
N_EVENTS = {"train": 1200, "test": 600}


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@contextmanager
def served(folder: Path) -> Iterator[None]:
    """Serve ``points.npz`` from ``folder`` in a process of its own until the block ends."""
    folder.mkdir()
    rng, arrays = np.random.default_rng(1), dict[str, Any]()
    for split, n in N_EVENTS.items():
        arrays |= {f"X_{split}_0": rng.normal(size=(n, 4, 2)).astype(np.float32)}
        arrays |= {f"y_{split}": rng.integers(0, 2, n, dtype=np.uint8)}
    file = folder / "points.npz"
    np.savez(file, **arrays)
    handler = functools.partial(_Quiet, directory=str(folder))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    child = os.fork()
    if not child:
        try:
            server.serve_forever()
        finally:
            os._exit(0)
    server.server_close()
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    os.environ[SERVER] = f"http://127.0.0.1:{server.server_address[1]}/{file.name} {digest}"
    try:
        yield
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
