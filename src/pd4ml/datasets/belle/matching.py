"""Which candidates are what they are taken for: all decay products of one particle, and nothing else."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pd4ml.datasets.belle.decays import Decays
from pd4ml.datasets.belle.detector import Seen

__all__ = ["is_signal"]

Floats = NDArray[np.float64]
_TOLERANCE = 1e-5  # GeV: of sums of generated momenta


def is_signal(
    decays: Decays, seen: Seen, event: NDArray[np.int64], used: NDArray[np.uint64], code: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """(n,) whether candidates of ``event`` (n,) are particles of the PDG ``code`` (n,).

    ``used`` (n, 2) says by bits which tracks and photons of the event they are made of. What these were generated
    with adds up to the momentum of such a particle; its flavour excludes most wrong hypotheses.
    """
    total = np.zeros((len(event), 4))
    for objects, mask in ((seen.tracks, used[:, 0]), (seen.photons, used[:, 1])):
        for bit in range(int(np.diff(objects.offsets).max())):
            row = np.flatnonzero((mask >> np.uint64(bit)) & np.uint64(1) == 1)
            source = objects.source[objects.offsets[event[row]] + bit]
            total[row] += np.where(source[:, None] < 0, np.nan, decays.p4[source])
    true = np.zeros(len(event), bool)
    for one in np.unique(code):
        here = np.flatnonzero(code == one)
        places = np.flatnonzero(decays.pdg_id == one)
        of = decays.event[places]
        first, last = np.searchsorted(of, event[here]), np.searchsorted(of, event[here], "right")
        for k in range(int((last - first).max(initial=0))):
            some = np.flatnonzero(first + k < last)
            off = np.abs(decays.p4[places[first[some] + k]] - total[here[some]]).max(axis=1)
            true[here[some]] |= off < _TOLERANCE
    return true
