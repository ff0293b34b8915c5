"""What can be varied in the simulation of spinodal clumping."""

from __future__ import annotations

from dataclasses import dataclass

from pd4ml.generation.settings import Stage, check_settings, within

__all__ = ["Config"]

# Both classes begin with the same fireballs; what the medium makes of them is the response here.
_MEDIUM: Stage = "response"


@dataclass(frozen=True)
class Config:
    """The settings. How the defaults were chosen is said in the room's README.

    ``mobility`` and ``temperature_max`` set the difficulty: how much lumps grow, and how many events hardly become
    unstable.
    """

    density: float = within(2.0, 0.1, 5.0, what="density in the middle at first, over the critical density")
    density_spread: float = within(0.12, 0.0, 0.3, what="relative spread of the density from event to event")
    radius: float = within(2.75, 1.0, 5.0, "fm", "width of the Gaussian profile at first")
    radius_spread: float = within(0.03, 0.0, 0.3, what="relative spread of the radius from event to event")
    noise: float = within(0.65, 0.0, 1.0, what="relative spread of the lumps at first")
    noise_length: float = within(0.85, 0.5, 5.0, "fm", "correlation length of the lumps at first")
    temperature_min: float = within(0.4, 0.0, 3.0, what="lowest temperature at first, over the critical one")
    temperature_max: float = within(1.25, 0.0, 3.0, what="highest temperature at first; uniform in between")
    transverse_flow: float = within(0.075, 0.0, 0.3, "1/fm", "transverse expansion rate")
    longitudinal_flow: float = within(0.22, 0.0, 2.0, "1/fm", "longitudinal expansion rate")
    flow_spread: float = within(0.1, 0.0, 0.3, what="relative spread of the rates from event to event")
    duration: float = within(3.8, 0.0, 20.0, "fm/c", "time until freeze-out", stage=_MEDIUM)
    freeze_out: float = within(
        0.009, 0.0, 1.0, what="density over the critical one below which a pixel is 0", stage=_MEDIUM
    )
    mobility: float = within(0.7, 0.01, 10.0, "fm", "how fast waves grow", stage=_MEDIUM)
    surface: float = within(0.33, 0.05, 2.0, "fm", "length in the gradient term", stage=_MEDIUM)
    well: float = within(
        1.1,
        0.3,
        3.0,
        what="half the distance of the two phases' densities at T = 0, over the critical one",
        stage=_MEDIUM,
    )
    critical_density: float = within(0.8, 0.01, 10.0, "1/fm3", "the critical density", stage=_MEDIUM)

    def __post_init__(self) -> None:
        check_settings(self, ("temperature_min", "temperature_max"))
