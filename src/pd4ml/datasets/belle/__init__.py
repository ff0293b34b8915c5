"""Belle: which generated decays of the Upsilon(4S) pass a selection of hadronic B0 after the detector."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from pd4ml.dataset import Dataset
from pd4ml.datasets.belle.card import CARD
from pd4ml.generation.simulator import Simulator
from pd4ml.graphs.packed import PackedGraphs
from pd4ml.storage.store import Array, Events

__all__ = ["Belle"]


class Belle(Dataset):
    """Decays of the Upsilon(4S) that pass (label 1) or fail (0) a selection of hadronic B0; see ``Belle.card``."""

    card = CARD
    reference = "belle_graph_net"

    @classmethod
    def simulator(cls) -> Simulator:
        """Pythia 8's decays, a detector of Belle II's size, reconstruction of one hadronic B0."""
        from pd4ml.datasets.belle.simulator import Config, simulate

        packages = ("pythia8mc", "awkward", "numba", "numpy")
        return Simulator(simulate, Config, packages=packages, chunk_events=4000)

    @classmethod
    def fit_features(cls, events: Events) -> dict[str, Any]:
        """Scale, mean and spread of the continuous features; the most frequent particles."""
        from pd4ml.datasets.belle.features import fit

        return fit(events["particles"])

    @classmethod
    def build_graphs(
        cls, arrays: Mapping[str, Array], fitted: Mapping[str, Any] = MappingProxyType({})
    ) -> PackedGraphs:
        """Eight standardised features and a token of each particle; edges between mothers and daughters."""
        from pd4ml.datasets.belle.graph import graphs

        return graphs(arrays["particles"], arrays["mother_index"], fitted)

    @classmethod
    def summary(cls, arrays: Mapping[str, Array]) -> dict[str, Array]:
        """Particles by kind, the decay tree, energies and the event's shape."""
        from pd4ml.datasets.belle.summary import summary

        return summary(arrays)

    @classmethod
    def draw(cls, event: Mapping[str, Array], axes: Any) -> None:
        """A decay tree, from the Upsilon(4S) down."""
        from pd4ml.datasets.belle.draw import draw

        draw(event, axes)

    @classmethod
    def observables(cls, arrays: Mapping[str, Array]) -> dict[str, Array]:
        """Number, momenta and energies of the particles."""
        from pd4ml.datasets.belle.draw import observables

        return observables(arrays)
