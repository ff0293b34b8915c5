"""Which jets are hadronic top quarks: the matching of arXiv:1902.09914, section 2."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pd4ml.compiled import njit
from pd4ml.physics.kinematics import delta_r, pseudorapidity
from pd4ml.physics.pythia import EventRecord

__all__ = ["MAX_DISTANCE", "match_tops"]

MAX_DISTANCE = 0.8  # of the top and of its quarks from the jet axis, in (eta, phi)


def match_tops(
    record: EventRecord, event: NDArray[np.int64], eta: NDArray[np.float64], phi: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """Whether each jet (J,), in event ``event`` and at ``eta`` and ``phi``, is a hadronic top.

    It is one if a top quark lies within MAX_DISTANCE of it, and all three quarks of that top's decay do too.
    The top is taken where it decays (its last copy, after radiation); the quarks as the top and the W decay
    into them, before they radiate.
    """
    daughters = (record.offsets, record.pdg_id, record.daughter1, record.daughter2)
    return _match(*daughters, record.px, record.py, record.pz, event, eta, phi)


@njit(cache=True)
def _decay(
    i: int, start: int, pdg_id: NDArray[np.int32], first: NDArray[np.int32], last: NDArray[np.int32]
) -> tuple[int, int]:
    """The two decay products of entry ``i``, followed through its copies to the last one.

    A copy that radiated has itself as one of its daughters; a pure copy has the same daughter twice.
    """
    while True:
        a, b = start + first[i], start + last[i]
        if pdg_id[a] == pdg_id[i]:
            i = a
        elif pdg_id[b] == pdg_id[i]:
            i = b
        else:
            return a, b


@njit(cache=True)
def _near(
    i: int,
    px: NDArray[np.float64],
    py: NDArray[np.float64],
    pz: NDArray[np.float64],
    eta: float,
    phi: float,
) -> bool:
    pseudo = pseudorapidity(np.hypot(px[i], py[i]), pz[i])
    return delta_r(pseudo, np.arctan2(py[i], px[i]), eta, phi) < MAX_DISTANCE


@njit(cache=True)
def _match(
    offsets: NDArray[np.int64],
    pdg_id: NDArray[np.int32],
    first: NDArray[np.int32],
    last: NDArray[np.int32],
    px: NDArray[np.float64],
    py: NDArray[np.float64],
    pz: NDArray[np.float64],
    event: NDArray[np.int64],
    eta: NDArray[np.float64],
    phi: NDArray[np.float64],
) -> NDArray[np.bool_]:
    matched = np.zeros(event.size, dtype=np.bool_)
    for jet in range(event.size):
        start = offsets[event[jet]]
        for i in range(start, offsets[event[jet] + 1]):
            if abs(pdg_id[i]) != 6:
                continue
            a, b = start + first[i], start + last[i]
            if pdg_id[a] == pdg_id[i] or pdg_id[b] == pdg_id[i]:
                continue  # not the last copy
            if not _near(i, px, py, pz, eta[jet], phi[jet]):
                continue
            w, quark = (a, b) if abs(pdg_id[a]) == 24 else (b, a)
            up, down = _decay(w, start, pdg_id, first, last)
            hadronic = abs(pdg_id[up]) <= 5 and abs(pdg_id[down]) <= 5
            if hadronic and (
                _near(quark, px, py, pz, eta[jet], phi[jet])
                and _near(up, px, py, pz, eta[jet], phi[jet])
                and _near(down, px, py, pz, eta[jet], phi[jet])
            ):
                matched[jet] = True
    return matched
