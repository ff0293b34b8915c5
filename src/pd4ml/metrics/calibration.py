"""Whether probabilities mean what they say: the expected calibration error.

ECE = sum over bins b of n_b/N |mean predicted probability in b - share of events in b that are of the class|.
M. P. Naeini, G. F. Cooper, M. Hauskrecht, AAAI 2015; C. Guo et al., arXiv:1706.04599 (15 bins).
The bins hold equal numbers of events, as J. Nixon et al., arXiv:1904.01685, advise; weighted events count as their
weight. Fluctuations do not cancel: of few events the value of a perfectly calibrated model is above zero, of the
order of sqrt(p (1 - p) / n_b).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pd4ml.metrics.measurement import Floats

__all__ = ["CALIBRATION_BINS", "CalibrationBins"]

CALIBRATION_BINS = 15


class CalibrationBins:
    """Bins of equal weight in ``probability`` (N,), which is sorted (rising or falling).

    ``hit`` (N,) is 1 where the event is of the class; ``weight`` (N,), if events have one. Equal probabilities are
    never split between bins.
    """

    def __init__(self, probability: Floats, hit: Floats, weight: Floats | None = None) -> None:
        n = len(probability)
        ends = np.append(np.flatnonzero(np.diff(probability)), n - 1)
        count = np.arange(1.0, n + 1) if weight is None else np.cumsum(weight)
        last = np.searchsorted(count, count[-1] * np.arange(1, CALIBRATION_BINS) / CALIBRATION_BINS)
        after = ends[np.searchsorted(ends, last)] + 1
        self.starts: NDArray[np.int64] = np.unique(np.append(0, after[after < n]))
        self.excess = probability - hit

    def error(self, weights: Floats) -> float:
        """Expected calibration error with ``weights`` (N,); the bins are kept."""
        return float(np.abs(np.add.reduceat(weights * self.excess, self.starts)).sum() / weights.sum())
