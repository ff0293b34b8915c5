"""EOSL: two equations of state of QCD matter, told apart by the pions of heavy-ion collisions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pd4ml.dataset import Dataset
from pd4ml.datasets.eosl.card import CARD
from pd4ml.generation.simulator import Simulator
from pd4ml.graphs.packed import PackedGraphs
from pd4ml.storage.store import Array, Events

__all__ = ["EOSL"]


class EOSL(Dataset):
    """Cross-over or first-order transition, from pion spectra in (pT, phi); see ``EOSL.card``."""

    card = CARD
    reference = "eosl_cnn"

    @classmethod
    def simulator(cls) -> Simulator:
        """Hydrodynamics from Glauber initial states to pions."""
        from pd4ml.datasets.eosl.simulator import CHUNK_SPECTRA, Config, simulate

        return Simulator(simulate, Config, packages=("numba", "numpy"), chunk_events=CHUNK_SPECTRA)

    @classmethod
    def fit_features(cls, events: Events) -> dict[str, Any]:
        """Mean and standard deviation of every bin."""
        from pd4ml.datasets.eosl.features import fit_bins

        mean, spread = fit_bins(events["pion_spectrum"])
        return {"mean": mean.tolist(), "spread": spread.tolist()}

    @classmethod
    def build_graphs(cls, arrays: Mapping[str, Array], fitted: Mapping[str, Any]) -> PackedGraphs:
        """The standardised counts of all 24 x 24 bins; neighbours, diagonals included."""
        from pd4ml.datasets.eosl.graph import graphs

        return graphs(arrays["pion_spectrum"], fitted["mean"], fitted["spread"])

    @classmethod
    def summary(cls, arrays: Mapping[str, Array]) -> dict[str, Array]:
        """Yield, spectrum and anisotropic flow."""
        from pd4ml.datasets.eosl.summary import summary

        return summary(arrays)

    @classmethod
    def draw(cls, event: Mapping[str, Array], axes: Any) -> None:
        """A pion spectrum in transverse momentum and azimuth."""
        from pd4ml.datasets.eosl.draw import draw

        draw(event, axes)

    @classmethod
    def observables(cls, arrays: Mapping[str, Array]) -> dict[str, Array]:
        """Number, mean transverse momentum and elliptic flow of the pions."""
        from pd4ml.datasets.eosl.draw import observables

        return observables(arrays)
