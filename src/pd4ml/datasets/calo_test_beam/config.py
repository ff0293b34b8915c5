"""What can be varied in the simulation of the calorimeter in its test beam."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from pd4ml.datasets.calo_test_beam.stack import BIRKS, N_LAYERS, TIME_CUT
from pd4ml.generation.settings import check_settings, choice, switch, weights, whole, within

__all__ = ["PARTICLES", "Config", "ParticleConfig"]

# Names of beam particles and their PDG numbers.
PARTICLES = {"pi-": -211, "pi+": 211, "e-": 11, "e+": -11, "mu-": 13, "mu+": -13}


@dataclass(frozen=True)
class Config:
    """The settings; the README says which are published, recalled or chosen here."""

    simulator: Literal["parametrised", "geant4"] = choice(
        "parametrised", ("parametrised", "geant4"), "what makes the showers", shared=True
    )
    tables: Literal["geant4", "stand-in"] = choice(
        "geant4", ("geant4", "stand-in"), "what Geant4 reads: its own data sets, or textbook formulae", shared=True
    )
    particles: Mapping[str, float] = weights({"pi-": 1.0}, PARTICLES, "weights of the beam's particles")
    energy_min: float = within(10.0, 1.0, 200.0, "GeV", "lowest beam energy")
    energy_max: float = within(80.0, 1.0, 200.0, "GeV", "highest beam energy, uniform from the lowest")
    steps: bool = switch(False, "only energies that are multiples of 10 GeV, as in a test beam", shared=True)
    spread: float = within(0.01, 0.0, 0.1, what="relative spread of the beam's energy")
    spot: float = within(25.0, 0.0, 200.0, "mm", "rms of the beam's spot along x and along y")
    latest_start: int = whole(
        6, 0, N_LAYERS, what="of hadrons, those showers are kept that begin within so many layers; 0: all"
    )
    birks: float = within(BIRKS, 0.0, 0.5, "mm/MeV", "kB of the tiles; parametrised: of hadrons only")
    time_gate: float = within(TIME_CUT, 5.0, TIME_CUT, "ns", "what comes later is not seen")
    photoelectrons: float = within(13.0, 1.0, 1e3, "1/MIP", "mean number in a tile", stage="response")
    pixels: int = whole(2668, 100, 1_000_000, what="of a SiPM, which saturates", stage="response")
    noise: float = within(0.06, 0.0, 1.0, "MIP", "of the electronics, in each hit", stage="response")
    noise_hits: float = within(2.0, 0.0, 1e3, what="mean number of an event above threshold", stage="response")
    calibration_spread: float = within(
        0.03, 0.0, 0.5, what="relative error of the tiles' calibration, the same in all events", stage="response"
    )
    dead: float = within(0.005, 0.0, 0.5, what="share of tiles that see nothing", stage="response")
    detector: int = whole(
        1,
        1,
        1_000_000,
        what="number of the detector: its calibration and dead tiles",
        stage="response",
        shared=True,
    )
    scale: float = within(1.0, 0.5, 2.0, what="factor on all measured energies", stage="response")
    threshold: float = within(0.5, 0.0, 10.0, "MIP", "above which a tile is a hit", stage="response")
    time_resolution: float = within(1.0, 0.0, 50.0, "ns", "of a hit", stage="response")

    def __post_init__(self) -> None:
        check_settings(self, ("energy_min", "energy_max"))


@dataclass(frozen=True)
class ParticleConfig(Config):
    """The same for telling particles apart: electrons, muons and pions in equal parts, wherever showers begin."""

    particles: Mapping[str, float] = weights(
        {"e-": 1.0, "mu-": 1.0, "pi-": 1.0}, PARTICLES, "weights of the beam's particles"
    )
    latest_start: int = whole(
        0, 0, N_LAYERS, what="of hadrons, those showers are kept that begin within so many layers; 0: all"
    )
