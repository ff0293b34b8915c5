"""What can be varied in the simulation of Belle."""

from __future__ import annotations

import math
from dataclasses import dataclass

from pd4ml.errors import DataError
from pd4ml.generation.settings import Stage, check_settings, whole, within

__all__ = ["B_MASS", "Config"]

B_MASS = 5.27958  # GeV, that of Pythia 8's particle table
_B_STAR_MASS = 5.32471  # GeV (PDG): above this threshold not only pairs of B mesons are made
_SEEN: Stage = "response"


@dataclass(frozen=True)
class Config:
    """The settings; the defaults are Belle II's, the beams those of SuperKEKB's design.

    The resolutions are factors on those of the module ``detector``.
    """

    electron_energy: float = within(7.007, 0.5, 50.0, "GeV", "energy of the electrons")
    positron_energy: float = within(4.0, 0.5, 50.0, "GeV", "energy of the positrons")
    crossing_angle: float = within(0.083, 0.0, 0.5, "rad", "angle between the beams")
    theta_min: float = within(17.0, 0.0, 180.0, "deg", "smallest polar angle of the detector", stage=_SEEN)
    theta_max: float = within(150.0, 0.0, 180.0, "deg", "largest polar angle of the detector", stage=_SEEN)
    tracking_efficiency: float = within(0.95, 0.0, 1.0, what="of tracks above about 0.3 GeV", stage=_SEEN)
    track_resolution: float = within(1.0, 0.0, 100.0, what="factor on the tracks' resolutions", stage=_SEEN)
    photon_efficiency: float = within(0.95, 0.0, 1.0, what="of photons above threshold", stage=_SEEN)
    photon_resolution: float = within(1.0, 0.0, 100.0, what="factor on the photons' resolutions", stage=_SEEN)
    identification: float = within(3.0, 0.0, 20.0, what="kaons from pions, in standard deviations", stage=_SEEN)
    background_photons: float = within(2.0, 0.0, 20.0, what="mean number, above 50 MeV, of the beams", stage=_SEEN)
    background_tracks: float = within(0.3, 0.0, 20.0, what="mean number of tracks of the beams", stage=_SEEN)
    min_tracks: int = whole(4, 0, 30, what="least number of tracks", stage=_SEEN)
    min_good_tracks: int = whole(3, 0, 30, what="least number of tracks from near the beams", stage=_SEEN)
    min_clusters: int = whole(2, 0, 30, what="least number of photons above 0.2 GeV", stage=_SEEN)
    min_visible_energy: float = within(4.0, 0.0, 10.0, "GeV", "least visible energy, centre of mass", stage=_SEEN)
    max_r2: float = within(0.4, 0.0, 1.01, what="largest R2 of the event's shape (Fox-Wolfram)", stage=_SEEN)
    min_probability: float = within(0.001, 0.0, 1.0, what="least signal probability of a candidate", stage=_SEEN)
    m_bc_min: float = within(5.24, 5.0, 5.28, "GeV", "least beam-constrained mass of a candidate", stage=_SEEN)
    delta_e_max: float = within(
        0.2, 0.01, 1.0, "GeV", "largest absolute energy difference of a candidate", stage=_SEEN
    )

    def __post_init__(self) -> None:
        check_settings(self, ("theta_min", "theta_max"))
        threshold, too_much = 2 * B_MASS + 0.01, B_MASS + _B_STAR_MASS
        if not threshold < self.cm_energy < too_much:
            msg = (
                f"electron_energy and positron_energy make {self.cm_energy:.4f} GeV in the centre of mass; "
                f"expected {threshold:.4f} to {too_much:.4f}, where pairs of B mesons come alone"
            )
            raise DataError(msg)

    @property
    def beams(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """(E, px, py, pz) of the electrons and positrons, massless, in GeV; z is the detector's axis."""
        x, z = math.sin(self.crossing_angle / 2), math.cos(self.crossing_angle / 2)
        e, p = self.electron_energy, self.positron_energy
        return (e, e * x, 0.0, e * z), (p, p * x, 0.0, -p * z)

    @property
    def cm_energy(self) -> float:
        """Energy in the centre of mass, GeV."""
        return 2 * math.cos(self.crossing_angle / 2) * math.sqrt(self.electron_energy * self.positron_energy)
