"""What can be varied in the simulation of Belle."""

from __future__ import annotations

import math
from dataclasses import dataclass

from pd4ml.errors import DataError

__all__ = ["B_MASS", "Config"]

B_MASS = 5.27958  # GeV, that of Pythia 8's particle table
_B_STAR_MASS = 5.32471  # GeV (PDG): above this threshold not only pairs of B mesons are made


@dataclass(frozen=True)
class Config:
    """The settings; the defaults are Belle II's.

    Beams: ``electron_energy`` and ``positron_energy`` in GeV, ``crossing_angle`` in rad (SuperKEKB's design).

    Detector: polar angles from ``theta_min`` to ``theta_max`` in degrees; ``tracking_efficiency`` above about
    0.3 GeV and ``photon_efficiency`` (fractions); ``track_resolution`` and ``photon_resolution``, factors on the
    nominal resolutions of the modules ``detector``; ``kaon_efficiency``, the fraction of kaons identified as such,
    and ``kaon_fake_rate``, the fraction of pions taken for kaons.

    Selection: ``min_tracks``, ``min_photons`` and ``min_visible_energy`` (GeV, centre of mass) of the event; half
    widths of the windows of invariant mass in GeV, ``pi0_window``, ``k_short_window``, ``d_window`` (doubled
    for modes with a pi0) and ``d_star_window`` (of the mass difference to the D); the beam-constrained mass above
    ``m_bc_min`` and the energy difference within +-``delta_e_max``, both in GeV.
    """

    electron_energy: float = 7.007
    positron_energy: float = 4.0
    crossing_angle: float = 0.083
    theta_min: float = 17.0
    theta_max: float = 150.0
    tracking_efficiency: float = 0.95
    track_resolution: float = 1.0
    photon_efficiency: float = 0.95
    photon_resolution: float = 1.0
    kaon_efficiency: float = 0.90
    kaon_fake_rate: float = 0.05
    min_tracks: int = 4
    min_photons: int = 3
    min_visible_energy: float = 4.0
    pi0_window: float = 0.015
    k_short_window: float = 0.010
    d_window: float = 0.015
    d_star_window: float = 0.002
    m_bc_min: float = 5.24
    delta_e_max: float = 0.2

    def __post_init__(self) -> None:
        for name in ("electron_energy", "positron_energy"):
            _check(name, getattr(self, name), 0.5, 50.0, "an energy in GeV")
        _check("crossing_angle", self.crossing_angle, 0.0, 0.5, "an angle in rad")
        for name in ("tracking_efficiency", "photon_efficiency", "kaon_efficiency", "kaon_fake_rate"):
            _check(name, getattr(self, name), 0.0, 1.0, "a fraction")
        for name in ("track_resolution", "photon_resolution"):
            _check(name, getattr(self, name), 0.0, 100.0, "a factor")
        for name in ("pi0_window", "k_short_window", "d_window", "d_star_window"):
            _check(name, getattr(self, name), 1e-4, 0.1, "a half width in GeV")
        for name in ("min_tracks", "min_photons"):
            _check(name, getattr(self, name), 0, 30, "a number")
        _check("min_visible_energy", self.min_visible_energy, 0.0, 10.0, "an energy in GeV")
        _check("theta_max", self.theta_max, 0.0, 180.0, "an angle in degrees")
        _check("theta_min", self.theta_min, 0.0, self.theta_max, "an angle in degrees below theta_max")
        _check("m_bc_min", self.m_bc_min, 5.0, 5.28, "a mass in GeV")
        _check("delta_e_max", self.delta_e_max, 0.01, 1.0, "an energy in GeV")
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


def _check(name: str, value: float, low: float, high: float, what: str) -> None:
    if not low <= value <= high:  # false for NaN, too
        msg = f"{name} must be {what} from {low:g} to {high:g}, not {value}"
        raise DataError(msg)
