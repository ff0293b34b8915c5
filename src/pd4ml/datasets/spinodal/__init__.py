"""Spinodal: whether a phase transition went through the spinodal region."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pd4ml.dataset import Dataset
from pd4ml.datasets.spinodal.card import CARD
from pd4ml.generation.simulator import Simulator
from pd4ml.graphs.packed import PackedGraphs
from pd4ml.storage.store import Array, Events

__all__ = ["Spinodal"]


class Spinodal(Dataset):
    """Images of baryon density after a phase transition, spinodal or after Maxwell; see ``Spinodal.card``."""

    card = CARD
    reference = "spinodal_cnn"

    @classmethod
    def simulator(cls) -> Simulator:
        """An expanding fireball whose density follows model B."""
        from pd4ml.datasets.spinodal.simulator import Config, simulate

        return Simulator(simulate, Config, packages=("numba", "numpy"), chunk_events=500)

    @classmethod
    def fit_features(cls, events: Events) -> dict[str, Any]:
        """The scale of the densities, from the first 20,000 events."""
        from pd4ml.datasets.spinodal.features import fit_scale

        return {"scale": fit_scale(events["density"])}

    @classmethod
    def build_graphs(cls, arrays: Mapping[str, Array], fitted: Mapping[str, Any]) -> PackedGraphs:
        """One feature of all 400 pixels; neighbours in the image, diagonals included."""
        from pd4ml.datasets.spinodal.graph import graphs

        return graphs(arrays["density"], fitted["scale"])

    @classmethod
    def summary(cls, arrays: Mapping[str, Array]) -> dict[str, Array]:
        """Contrast, extent, lumps and power at each scale."""
        from pd4ml.datasets.spinodal.summary import summary

        return summary(arrays)

    @classmethod
    def draw(cls, event: Mapping[str, Array], axes: Any) -> None:
        """An image of baryon density."""
        from pd4ml.datasets.spinodal.draw import draw

        draw(event, axes)

    @classmethod
    def observables(cls, arrays: Mapping[str, Array]) -> dict[str, Array]:
        """Total, contrast and extent of the densities."""
        from pd4ml.datasets.spinodal.draw import observables

        return observables(arrays)
