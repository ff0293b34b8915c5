"""What can be varied in the simulation of spinodal clumping."""

from __future__ import annotations

from dataclasses import dataclass

from pd4ml.datasets.spinodal.equation_of_state import coexistence
from pd4ml.generation.settings import Stage, check_settings, within

__all__ = ["Config"]

# Both classes begin with the same fireballs; what the medium makes of them is the response here.
_MEDIUM: Stage = "response"


@dataclass(frozen=True)
class Config:
    """The settings. How the defaults were chosen is said in the room's README.

    ``unstable`` sets the difficulty: how fast waves grow in one of the classes.
    """

    density: float = within(1.1, 0.1, 5.0, what="density in the middle at first, over the critical density")
    density_spread: float = within(0.08, 0.0, 0.3, what="relative spread of the density from event to event")
    nucleons: float = within(
        110.0, 10.0, 2000.0, what="mean number of nucleons of a head-on collision: few are lumpy"
    )
    smearing: float = within(0.9, 0.5, 3.0, "fm", "width of each nucleon's Gaussian")
    impact_max: float = within(5.5, 0.0, 8.0, "fm", "largest impact parameter")
    longitudinal_flow: float = within(
        0.12, 0.0, 2.0, "1/fm", "longitudinal expansion rate at first", stage=_MEDIUM
    )
    duration: float = within(8.0, 0.0, 12.0, "fm/c", "time until freeze-out", stage=_MEDIUM)
    dense: float = within(1 / 3, 0.1, 0.6, what="square of the speed of sound in dense matter", stage=_MEDIUM)
    unstable: float = within(
        -0.08, -0.2, 0.3, what="the same at the critical density: below 0, waves grow", stage=_MEDIUM
    )
    width: float = within(
        0.32, 0.05, 0.6, what="width of the soft region in the logarithm of the density", stage=_MEDIUM
    )
    surface: float = within(0.1, 0.0, 0.25, "fm", "length in the gradient term", stage=_MEDIUM)
    critical_density: float = within(0.8, 0.01, 10.0, "1/fm3", "the critical density", stage=_MEDIUM)

    def __post_init__(self) -> None:
        check_settings(self)
        coexistence(self.dense, self.unstable, self.width)
