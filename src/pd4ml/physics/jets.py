"""Jets of many events at once, with FastJet (arXiv:1111.6097): anti-kT (arXiv:0802.1189), kT and trimming.

FastJet is GPL software of its own; it is loaded when jets are made, not with this module.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from pd4ml.compiled import njit
from pd4ml.errors import missing_extra

__all__ = ["Jets", "antikt_jets", "members", "trimmed"]


@dataclass(frozen=True)
class Jets:
    """J jets.

    ``p4`` (J, 4) in GeV; the ``event`` (J,) each is in; ``offsets`` (J + 1,) into ``constituents`` (K,), which
    are rows of the array that was clustered.
    """

    p4: NDArray[np.float64]
    event: NDArray[np.int64]
    offsets: NDArray[np.int64]
    constituents: NDArray[np.int64]

    def take(self, rows: NDArray[np.int64]) -> Jets:
        """Some of the jets, in the order of ``rows``."""
        constituents, offsets = members(rows, self.offsets, self.constituents)
        return Jets(self.p4[rows], self.event[rows], offsets, constituents)


def members(
    groups: NDArray[np.int64], offsets: NDArray[np.int64], rows: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """``rows`` of some ``groups``, group i's at ``offsets[i]`` to ``offsets[i + 1]``, and their own offsets."""
    sizes = np.diff(offsets)[groups]
    ends = np.cumsum(sizes)
    within = np.arange(sizes.sum()) - np.repeat(ends - sizes, sizes)
    return rows[np.repeat(offsets[groups], sizes) + within], np.concatenate([[0], ends]).astype(np.int64)


def antikt_jets(p4: NDArray[np.float64], offsets: NDArray[np.int64], radius: float, pt_min: float) -> Jets:
    """Cluster the objects ``p4`` (M, 4), event i being ``offsets[i]`` to ``offsets[i + 1]``, in the E scheme.

    Gives the jets with pT >= ``pt_min`` GeV, in the order of the events; within an event in FastJet's.
    """
    return _cluster(p4, offsets, "antikt_algorithm", radius, pt_min)


def trimmed(p4: NDArray[np.float64], jets: Jets, radius: float, fraction: float) -> Jets:
    """What trimming (arXiv:0912.1342) leaves of ``jets`` of the objects ``p4``: their hard subjets.

    Those are the inclusive kT jets (arXiv:hep-ph/9305266) of ``radius`` among a jet's constituents that have at
    least ``fraction`` of its pT. ``event`` is the number of the jet; a jet's subjets come by falling pT.
    """
    found = _cluster(p4[jets.constituents], jets.offsets, "kt_algorithm", radius, 0.0)
    pt = np.hypot(found.p4[:, 1], found.p4[:, 2])
    hard = np.flatnonzero(pt >= fraction * np.hypot(jets.p4[:, 1], jets.p4[:, 2])[found.event])
    left = found.take(hard[np.lexsort((-pt[hard], found.event[hard]))])
    return Jets(left.p4, left.event, left.offsets, jets.constituents[left.constituents])


def _cluster(
    p4: NDArray[np.float64],
    offsets: NDArray[np.int64],
    algorithm: Literal["antikt_algorithm", "kt_algorithm"],
    radius: float,
    pt_min: float,
) -> Jets:
    try:
        import awkward as ak
        import fastjet
    except ImportError as error:
        raise missing_extra("clustering jets", "generate", error) from error
    # FastJet prints a banner at its first use, which has no place in the output of a worker process.
    fastjet._swig.ClusterSequence.set_fastjet_banner_stream(None)
    columns = [ak.contents.NumpyArray(np.ascontiguousarray(p4[:, i])) for i in (1, 2, 3, 0)]
    record = ak.contents.RecordArray(columns, ["px", "py", "pz", "E"])
    events = ak.Array(ak.contents.ListOffsetArray(ak.index.Index64(offsets), record))
    definition = fastjet.JetDefinition(getattr(fastjet, algorithm), radius)
    found = fastjet.ClusterSequence(events, definition).constituent_index(min_pt=pt_min).layout
    per_event = np.diff(found.offsets.data)
    event = np.repeat(np.arange(per_event.size), per_event)
    jet_offsets = np.asarray(found.content.offsets.data, dtype=np.int64)
    local = found.content.content.data[: jet_offsets[-1]]
    constituents = local + np.repeat(offsets[:-1][event], np.diff(jet_offsets))
    return Jets(_sum_jets(p4, jet_offsets, constituents), event, jet_offsets, constituents)


@njit(cache=True)
def _sum_jets(
    p4: NDArray[np.float64], offsets: NDArray[np.int64], constituents: NDArray[np.int64]
) -> NDArray[np.float64]:
    jets = np.zeros((offsets.size - 1, 4))
    for jet in range(offsets.size - 1):
        for k in range(offsets[jet], offsets[jet + 1]):
            jets[jet] += p4[constituents[k]]
    return jets
