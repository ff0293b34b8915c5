"""What can be varied in the simulation of top tagging."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pd4ml.errors import DataError
from pd4ml.generation.settings import check_settings, choice, switch, within
from pd4ml.physics.detector_card import DETECTORS
from pd4ml.physics.pythia import TUNES

__all__ = ["PTHAT_RANGE", "Config"]

# The partons' pT is generated in this range, in units of the jets' window: wide enough to shape the jets' spectrum
# by a few per cent at most (README). The natural spectrum needs more of the soft collisions, which are so many.
PTHAT_RANGE = {"reference": (0.7, 1.4), "natural": (0.6, 1.4)}


@dataclass(frozen=True)
class Config:
    """The settings; the defaults are as the published jets look. 'natural' is what the cross sections make."""

    pileup: float = within(
        0.0, 0.0, 1000.0, what="mean number of minimum-bias events in a crossing; none is removed"
    )
    mpi: bool = switch(True, "multiple parton interactions in the hard collision")
    tune: int = choice(
        14, TUNES, "Pythia's Tune:pp (14 Monash, 21 ATLAS A14); 11, 16, 17 and 22 are left out, they need LHAPDF"
    )
    detector: str = choice("atlas_2015", DETECTORS, "which detector: a name in pd4ml.physics.detector_card")
    long_lived: Literal["decay", "stable"] = choice(
        "decay",
        ("decay", "stable"),
        "whether particles with c tau above 10 mm (K0S, Lambda and others) decay, or reach the calorimeter",
    )
    pt_min: float = within(550.0, 200.0, 4000.0, "GeV", "least transverse momentum of the jets")
    pt_max: float = within(650.0, 200.0, 4000.0, "GeV", "largest transverse momentum of the jets")
    energy_scale: float = within(
        1.0,
        0.5,
        2.0,
        what="factor on the momenta of all energy-flow objects, before jets are made",
        stage="response",
    )
    pt_spectrum: Literal["reference", "natural"] = choice(
        "reference", PTHAT_RANGE, "whether hard collisions are favoured, so that jets meet the published spectrum"
    )

    def __post_init__(self) -> None:
        check_settings(self)
        if self.pt_max <= self.pt_min:
            raise DataError(f"pt_max must be above pt_min, {self.pt_min} GeV, not {self.pt_max}")
