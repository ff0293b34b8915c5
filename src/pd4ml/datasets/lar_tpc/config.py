"""What can be varied in the simulation of liquid argon: a group's beam, its generator, its detector."""

from __future__ import annotations

from dataclasses import dataclass

from pd4ml.generation.settings import Stage, check_settings, choice, whole, within

__all__ = ["Config"]

_DETECTOR: Stage = "response"


@dataclass(frozen=True)
class Config:
    """The settings. Where the defaults come from is said in the room's README."""

    flux_peak: float = within(0.8, 0.3, 4.0, "GeV", "commonest energy of the neutrinos")
    flux_width: float = within(0.4, 0.05, 0.8, what="spread of the energy's logarithm")
    axial_mass: float = within(1.0, 0.7, 1.5, "GeV", "axial mass of the dipole form factor")
    absorption: float = within(0.25, 0.0, 0.8, what="chance that the nucleus absorbs a pion")
    exchange: float = within(0.08, 0.0, 0.2, what="chance that a pion's charge is exchanged in the nucleus")
    knocked_out: float = within(1.0, 0.0, 5.0, what="mean number of protons knocked out of the nucleus")
    visible: float = within(
        0.25, 0.0, 1.0, "GeV", "least kinetic energy of all but neutrons; the trigger drops what has less"
    )
    cosmics: float = within(0.0, 0.0, 10.0, what="mean number of cosmic muons that cross the image")
    transport: str = choice("fast", ("fast", "geant4"), "what follows particles through the argon")
    tables: str = choice("geant4", ("geant4", "stand-in"), "Geant4's data: its own, or textbook formulae")
    field: float = within(0.5, 0.1, 1.0, "kV/cm", "drift field", stage=_DETECTOR)
    recombination: str = choice("box", ("box", "birks"), "modified box model or Birks's law", stage=_DETECTOR)
    lifetime: float = within(10.0, 0.2, 100.0, "ms", "lifetime of drifting electrons", stage=_DETECTOR)
    diffusion_along: float = within(4.0, 0.0, 20.0, "cm2/s", "diffusion along the drift", stage=_DETECTOR)
    diffusion_across: float = within(8.8, 0.0, 40.0, "cm2/s", "diffusion across the drift", stage=_DETECTOR)
    gain: float = within(1.0, 0.5, 2.0, what="factor on all charges", stage=_DETECTOR)
    noise: float = within(1.2, 0.0, 10.0, "1000 electrons", "noise of a pixel", stage=_DETECTOR)
    threshold: float = within(5.0, 0.5, 50.0, "1000 electrons", "pixels below are left out", stage=_DETECTOR)
    dead: float = within(0.0, 0.0, 0.5, what="share of dead wires", stage=_DETECTOR)
    side: int = whole(128, 32, 128, "pixels", "the image is cut to its middle", stage=_DETECTOR)

    def __post_init__(self) -> None:
        check_settings(self)
