"""Airshower: depth of the shower maximum from an array of stations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pd4ml.dataset import Dataset
from pd4ml.datasets.airshower.card import CARD
from pd4ml.generation.simulator import Simulator
from pd4ml.graphs.packed import PackedGraphs
from pd4ml.storage.store import Array, Events

__all__ = ["Airshower"]


class Airshower(Dataset):
    """Depth of the maximum of cosmic-ray air showers, from an array of 9x9 stations; see ``Airshower.card``."""

    card = CARD
    reference = "lstm_residual"

    @classmethod
    def simulator(cls) -> Simulator:
        """A parametrised simulation of showers and stations."""
        from pd4ml.datasets.airshower.simulator import Config, simulate

        return Simulator(simulate, Config, packages=("numba", "numpy"))

    @classmethod
    def fit_features(cls, events: Events) -> dict[str, Any]:
        """The spread of the arrival times, from the first 20,000 events."""
        from pd4ml.datasets.airshower.features import fit_time_spread

        return {"time_spread": fit_time_spread(events["arrival_time"])}

    @classmethod
    def build_graphs(cls, arrays: Mapping[str, Array], fitted: Mapping[str, Any]) -> PackedGraphs:
        """81 features of all 81 stations; neighbours in the array, diagonals included."""
        from pd4ml.datasets.airshower.graph import graphs

        return graphs(arrays["traces"], arrays["arrival_time"], fitted["time_spread"])

    @classmethod
    def summary(cls, arrays: Mapping[str, Array]) -> dict[str, Array]:
        """Size, footprint, direction, curvature and rise times."""
        from pd4ml.datasets.airshower.summary import summary

        return summary(arrays)

    @classmethod
    def draw(cls, event: Mapping[str, Array], axes: Any) -> None:
        """The footprint of a shower on the array of stations."""
        from pd4ml.datasets.airshower.draw import draw

        draw(event, axes)

    @classmethod
    def observables(cls, arrays: Mapping[str, Array]) -> dict[str, Array]:
        """Xmax, triggered stations, signals and arrival times."""
        from pd4ml.datasets.airshower.draw import observables

        return observables(arrays)
