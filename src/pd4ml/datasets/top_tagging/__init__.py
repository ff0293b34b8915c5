"""TopTagging: hadronic top-quark jets against QCD jets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pd4ml.dataset import Dataset
from pd4ml.datasets.top_tagging.card import CARD
from pd4ml.generation.simulator import Simulator
from pd4ml.graphs.packed import PackedGraphs
from pd4ml.storage.store import Array

__all__ = ["TopTagging"]


class TopTagging(Dataset):
    """Hadronic top-quark jets (label 1) against QCD jets (label 0) at 14 TeV; see ``TopTagging.card``."""

    card = CARD
    reference = "particle_net"

    @classmethod
    def simulator(cls) -> Simulator:
        """Pythia 8, detector response and FastJet."""
        from pd4ml.datasets.top_tagging.simulator import Config, simulate

        return Simulator(simulate, Config, packages=("pythia8mc", "fastjet", "awkward", "numba", "numpy"))

    @classmethod
    def build_graphs(cls, arrays: Mapping[str, Array], fitted: Mapping[str, Any]) -> PackedGraphs:
        """Seven features of the leading 100 constituents; 7 nearest neighbours in (delta_eta, delta_phi)."""
        from pd4ml.datasets.top_tagging.graph import graphs

        return graphs(arrays["constituents"])

    @classmethod
    def summary(cls, arrays: Mapping[str, Array]) -> dict[str, Array]:
        """Masses, N-subjettiness, energy correlations and subjets."""
        from pd4ml.datasets.top_tagging.summary import summary

        return summary(arrays)

    @classmethod
    def draw(cls, event: Mapping[str, Array], axes: Any) -> None:
        """A jet in the plane of eta and phi."""
        from pd4ml.datasets.top_tagging.draw import draw

        draw(event, axes)

    @classmethod
    def observables(cls, arrays: Mapping[str, Array]) -> dict[str, Array]:
        """Momentum, mass, constituents and width of the jets."""
        from pd4ml.datasets.top_tagging.draw import observables

        return observables(arrays)
