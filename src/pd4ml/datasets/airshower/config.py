"""What can be varied in the simulation of air showers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from pd4ml.datasets.airshower.xmax import MASS_NUMBERS
from pd4ml.generation.settings import check_settings, choice, weights, within

__all__ = ["Config"]

_EQUAL = {"p": 1.0, "He": 1.0, "O": 1.0, "Fe": 1.0}


@dataclass(frozen=True)
class Config:
    """The settings; the defaults are as published, none is tuned. The layout is inferred (README)."""

    primaries: Mapping[str, float] = weights(_EQUAL, MASS_NUMBERS, "weights of the primary nuclei")
    lg_energy_min: float = within(18.5, 17.0, 21.0, what="lowest lg(E/eV), uniform from there")
    lg_energy_max: float = within(20.0, 17.0, 21.0, what="highest lg(E/eV)")
    zenith_max: float = within(60.0, 0.0, 80.0, "deg", "largest zenith angle")
    spacing: float = within(1500.0, 100.0, 5000.0, "m", "distance of neighbouring stations", shared=True)
    layout: Literal["cartesian", "offset"] = choice(
        "cartesian",
        ("cartesian", "offset"),
        "of the array; in offset, rows are moved by half a spacing and sin(60 deg) of it apart",
        stage="response",
        shared=True,
    )
    core_radius: float = within(750.0, 0.0, 20_000.0, "m", "of the disc around the array's middle that is hit")
    signal_scale: float = within(1.0, 0.1, 10.0, what="factor on all expected signals", stage="response")
    noise: float = within(1.2, 0.0, 100.0, "VEM", "mean noise of a bin of 25 ns", stage="response")
    trigger: float = within(
        1.2,
        0.0,
        1e4,
        what="a station is silent if its trace sums up to less than this many times the mean noise of 80 bins",
        stage="response",
    )

    def __post_init__(self) -> None:
        check_settings(self, ("lg_energy_min", "lg_energy_max"))
