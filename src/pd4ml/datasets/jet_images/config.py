"""What can be varied in the simulation of jet images."""

from __future__ import annotations

from dataclasses import dataclass

from pd4ml.generation.settings import check_settings, choice, switch, within
from pd4ml.physics.pythia import TUNES

__all__ = ["Config"]


@dataclass(frozen=True)
class Config:
    """The settings. The README says which are the paper's and which are not known."""

    w_prime_mass: float = within(600.0, 400.0, 4000.0, "GeV", "mass of the W', which sets the W's pT")
    pthat_min: float = within(230.0, 50.0, 2000.0, "GeV", "least pT of the partons that make QCD jets")
    pthat_max: float = within(340.0, 50.0, 4000.0, "GeV", "largest pT of the partons that make QCD jets")
    pt_min: float = within(250.0, 100.0, 2000.0, "GeV", "least pT of the jets, trimmed")
    pt_max: float = within(300.0, 100.0, 4000.0, "GeV", "largest pT of the jets, trimmed")
    mass_min: float = within(65.0, 10.0, 500.0, "GeV", "least mass of the jets, trimmed")
    mass_max: float = within(95.0, 10.0, 1000.0, "GeV", "largest mass of the jets, trimmed")
    mpi: bool = switch(True, "multiple parton interactions")
    tune: int = choice(
        14, TUNES, "Pythia's Tune:pp (14 Monash, 21 ATLAS A14); 11, 16, 17 and 22 are left out, they need LHAPDF"
    )
    match_pt: bool = switch(True, "whether QCD jets are taken so that their pT is distributed like the W jets'")
    rotate: bool = switch(
        True,
        "whether the second subjet is turned below the first, and the third mirrored to the right",
        stage="response",
    )
    normalise: bool = switch(
        False, "whether the squares of an image's pixels add up to 1, which hides the mass", stage="response"
    )
    pixel: float = within(0.1, 0.02, 0.4, what="width of the 25 x 25 pixels in the plane", stage="response")

    def __post_init__(self) -> None:
        check_settings(self, ("pthat_min", "pthat_max"), ("pt_min", "pt_max"), ("mass_min", "mass_max"))
