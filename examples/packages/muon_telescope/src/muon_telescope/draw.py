"""An event for the eye, and what one plots of events."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from pd4ml.storage.store import Array

__all__ = ["draw", "observables"]


def draw(event: Mapping[str, Array], axes: Any) -> None:
    """The hits of both views, the top plane at the top."""
    plane, strip = np.nonzero(np.asarray(event["deposits"]))
    for view, marker in enumerate("os"):
        here = plane % 2 == view
        axes.plot(strip[here], -plane[here], marker, label=f"{'xy'[view]} strips")
    axes.set(xlabel="strip", ylabel="plane", xlim=(-0.5, 7.5), yticks=range(0, -6, -1), yticklabels=range(6))
    axes.legend()


def observables(arrays: Mapping[str, Array]) -> dict[str, Array]:
    """Deposits, and the sum of an event's."""
    deposits = np.asarray(arrays["deposits"], np.float64)
    return {
        "deposit [vertical muons]": deposits[deposits > 0],
        "total deposit [vertical muons]": deposits.sum(axis=(1, 2)),
        "strip that is hit": np.nonzero(deposits)[2].astype(np.float64),
    }
