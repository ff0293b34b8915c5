"""What can be varied in the simulation of EOSL."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pd4ml.errors import DataError
from pd4ml.generation.settings import check_settings, switch, whole, within

__all__ = ["Config"]

_NARROWEST = 24.0  # fm
_SEEN: Literal["response"] = "response"


@dataclass(frozen=True)
class Config:
    """The settings.

    The start of the hydrodynamics and the temperatures of freeze-out are uniform in their ranges. With ``shift``
    the test split has tau0 from 0.2 fm to ``tau0_min`` and freeze-out from ``freeze_out_max`` to 0.16 GeV.
    """

    smooth_share: float = within(0.0, 0.0, 1.0, what="share of events with a smooth initial state")
    coarse_share: float = within(0.25, 0.0, 1.0, what="share of spectra that are means of draws", stage=_SEEN)
    draws: int = whole(30, 1, 1_000_000, what="draws that a mean is taken of", stage=_SEEN)
    rotated: bool = switch(False, "whether each spectrum is rotated at random", stage=_SEEN)
    pb_share: float = within(0.5, 0.0, 1.0, what="share of Pb+Pb (2.76 TeV); the others are Au+Au (200 GeV)")
    centrality_max: float = within(60.0, 0.0, 80.0, "%", "most peripheral centrality")
    tau0_min: float = within(0.4, 0.2, 1.5, "fm", "earliest start of the hydrodynamics")
    tau0_max: float = within(0.6, 0.2, 1.5, "fm", "latest start of the hydrodynamics")
    freeze_out_min: float = within(0.13, 0.12, 0.16, "GeV", "lowest temperature of freeze-out")
    freeze_out_max: float = within(0.145, 0.12, 0.16, "GeV", "highest temperature of freeze-out")
    shift: bool = switch(False, "whether the test split has other starts and temperatures", shared=True)
    fluctuation: float = within(
        1.0,
        0.1,
        1000.0,
        what="shape of the gamma distribution of nucleons' weights; they have a variance of 1 over it",
    )
    pce: bool = switch(False, "whether EOSL's hadrons keep their numbers below 165 MeV (s95p-PCE)", shared=True)
    rapidity: float = within(3.9, 0.1, 100.0, what="units of rapidity that are counted", stage=_SEEN)
    feed_down: bool = switch(True, "whether decays of resonances add their pions", stage=_SEEN)
    spectra_per_event: int = whole(5, 1, 10_000, what="spectra from each hydrodynamic event", shared=True)
    cell: float = within(0.4, 0.05, 0.5, "fm", "width of the grid's cells")
    n_cells: int = whole(100, 1, 1000, what="cells along a side of the grid")

    def __post_init__(self) -> None:
        check_settings(self, ("tau0_min", "tau0_max"), ("freeze_out_min", "freeze_out_max"))
        if self.cell * self.n_cells < _NARROWEST:
            raise DataError(
                f"the grid of {self.n_cells} cells of {self.cell} fm is narrower than {_NARROWEST:g} fm"
            )
