"""Which split an event goes to: by a hash of its group or of itself, so that equal events stay together.

Nothing has to be known of other events, so that files of any size are divided in one pass, and again alike.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pd4ml.errors import DataError

__all__ = ["SPLITS", "Splitting", "event_keys", "group_keys"]

SPLITS = ("train", "valid", "test")


@dataclass(frozen=True)
class Splitting:
    """Shares of the splits, drawn; the rest is ``train``.

    Parameters
    ----------
    test, valid : float
        Shares of the events.
    seed : int
        Another one divides them otherwise.
    """

    test: float = 0.2
    valid: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        shares = (self.test, self.valid)
        if not all(isinstance(s, int | float) and 0 <= s < 1 for s in shares) or sum(shares) >= 1:
            raise DataError(f"test and valid are shares of the events, together below 1, found {shares}")
        if self.test == 0:
            raise DataError("test must be a share above 0: models are judged on it")

    def drawn(self, keys: NDArray[np.uint64]) -> NDArray[np.int8]:
        """(N,) the split of each event, 0 for ``train``, 1 for ``valid``, 2 for ``test``."""
        mixed = keys ^ np.uint64(int.from_bytes(hashlib.blake2b(str(self.seed).encode(), digest_size=8).digest()))
        # The finaliser of splitmix64 (Steele, Lea, Flood, OOPSLA 2014): neighbours are far apart afterwards.
        with np.errstate(over="ignore"):
            for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
                mixed = (mixed ^ (mixed >> np.uint64(shift))) * np.uint64(factor)
        share = (mixed ^ (mixed >> np.uint64(31))) / 2.0**64
        return np.select([share < self.test, share < self.test + self.valid], [2, 1], 0).astype(np.int8)

    @property
    def names(self) -> tuple[str, ...]:
        """Those that get events."""
        return tuple(name for name in SPLITS if name != "valid" or self.valid)


def event_keys(arrays: Mapping[str, tuple[NDArray[Any], NDArray[np.int64]]]) -> NDArray[np.uint64]:
    """(N,) hashes of events.

    ``arrays`` maps a name to the bytes of all events, one behind the other, (n,) uint8, and where those of each
    begin, (N + 1,).
    """
    n_events = len(next(iter(arrays.values()))[1]) - 1
    digests = bytearray()
    for i in range(n_events):
        digest = hashlib.blake2b(digest_size=8)
        for content, offsets in arrays.values():
            digest.update(content[offsets[i] : offsets[i + 1]].data)
        digests += digest.digest()
    return np.frombuffer(bytes(digests), np.uint64)


def group_keys(values: NDArray[Any]) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    """(N,) hashes of groups, equal for equal values, and their numbers as int64.

    Whole numbers are kept as they are; texts become their hash.
    """
    values = np.asarray(values)
    if values.ndim != 1:
        raise DataError(f"group must be one value an event, found {values.shape}")
    if values.dtype.kind in "iub":
        numbers = values.astype(np.int64)
        return numbers.view(np.uint64).copy(), numbers
    distinct, place = np.unique(values.astype(str), return_inverse=True)
    hashes = [hashlib.blake2b(text.encode(), digest_size=8).digest() for text in distinct]
    keys = np.frombuffer(b"".join(hashes), np.uint64)[place] if len(distinct) else np.zeros(0, np.uint64)
    return keys, (keys >> np.uint64(1)).astype(np.int64)
