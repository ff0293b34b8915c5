"""Which quantities of a jet are known before and after the detector.

They are of all particles of the jet at both levels, and defined alike, but for tau21: after the detector its axes
are those of the leading 80 constituents.
"""

from pd4ml.card import Level

__all__ = ["LEVELS"]

LEVELS = {
    "mass": Level("particle_mass", "mass", "GeV", 0, 300, 20),
    "multiplicity": Level("particle_multiplicity", "constituents", "1", 9.5, 149.5, 14, whole=True),
    "width": Level("particle_width", "width", "1", 0, 0.4, 16),
    "tau21": Level("particle_tau21", "tau21", "1", 0.1, 1.2, 11),
    "pt": Level("particle_pt", "pt", "GeV", 500, 700, 20),
}
