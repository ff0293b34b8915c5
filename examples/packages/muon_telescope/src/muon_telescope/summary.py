"""What a physicist would cut on: whether hits lie on a line, how steep it is, how even the deposits are."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from pd4ml.storage.store import Array

__all__ = ["summary"]


def summary(arrays: Mapping[str, Array]) -> dict[str, Array]:
    """Numbers (N,) of each event; lengths in strips, slopes in strips per plane, deposits in vertical muons."""
    deposits = np.asarray(arrays["deposits"], np.float64)
    strip, energy = deposits.argmax(axis=2), deposits.max(axis=2)
    columns = {"energy": energy.mean(axis=1), "unevenness": energy.std(axis=1) / energy.mean(axis=1)}
    for view, name in enumerate("xy"):
        first, middle, last = strip[:, view::2].T
        columns[f"off_line_{name}"] = np.abs(middle - (first + last) / 2)
        columns[f"slope_{name}"] = (last - first) / 4
    return columns
