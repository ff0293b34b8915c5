"""Threads for compiled kernels: events are worked off in blocks that fit into a core's cache.

Kernels that release the interpreter's lock run in ordinary threads instead of numba's own parallel loops: those
may end the process when it forks afterwards (a data loader's workers) or when two threads use them at once.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import numba

__all__ = ["BLOCK", "over_blocks"]

T = TypeVar("T")
BLOCK = 256


def over_blocks(
    function: Callable[[int, int], T], n: int, size: int = BLOCK, *, threads: int | None = None
) -> list[T]:
    """Call ``function(first, last)`` for blocks of at most ``size`` out of ``n`` events; the results in order.

    There are ``numba.get_num_threads()`` threads unless given. Of several blocks that raise, the first one's error
    is seen.
    """
    starts = range(0, n, size)
    stops = [min(start + size, n) for start in starts]
    threads = min(threads or numba.get_num_threads(), len(starts))
    if threads <= 1:
        return list(map(function, starts, stops))
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(function, starts, stops))
