"""Stand-ins for Geant4's data sets: tables from textbook formulae, in the formats that Geant4 reads.

They let FTFP_BERT run where its evaluated data cannot be had. Electrons, photons and hadrons of more than about
20 MeV behave as they should, since most of that physics needs no file; X rays, slow neutrons, gamma rays of nuclei
and resonances are approximate. What each stands for is in ``bremsstrahlung``, ``photons`` and ``neutrons``; what
Geant4 reads was found in its source (11.4): nothing else is needed for the elements of ``atoms``.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pd4ml.physics.geant4 import neutrons, photons
from pd4ml.physics.geant4.atoms import ELEMENTS, Element
from pd4ml.physics.geant4.bremsstrahlung import photon_spectrum

__all__ = ["write_tables"]

Floats = NDArray[np.float64]

_MM2 = 1e-22  # a barn, in Geant4's unit of area
_HIGHEST = 1e5  # MeV, of photons
_Z_MAX = 94  # the constructors of the cross sections read all elements
# Shares of kinetic energy that a photon takes, dense where the spectrum bends; as many as Seltzer and Berger have.
_FRACTION = np.array(
    [
        *(1e-12, 1e-3, 0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6, 0.65),
        *(0.7, 0.75, 0.8, 0.85, 0.9, 0.925, 0.95, 0.97, 0.99, 0.995, 0.999, 0.9995, 0.9999, 1.0),
    ]
)
_KINETIC = np.geomspace(1e-3, 1e4, 57)


def write_tables(folder: Path) -> dict[str, Path]:
    """Write all tables below ``folder``; the folder of each of Geant4's variables that has any."""
    folders = {name: folder / name for name in ("G4LEDATA", "G4PARTICLEXSDATA", "G4ENSDFSTATEDATA")}
    for variable, files in zip(folders, (_electromagnetic, _cross_sections, _nuclides), strict=True):
        for name, text in files():
            file = folders[variable] / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
    return folders


def _numbers(values: NDArray[np.float64]) -> str:
    return " ".join(f"{value:.7g}" for value in values)


def _vector(x: Floats, y: Floats) -> str:
    """A physics vector: its range and length, then pairs."""
    pairs = "\n".join(f"{a:.9g} {b:.7g}" for a, b in zip(x, y, strict=True))
    return f"{x[0]:.9g} {x[-1]:.9g} {len(x)}\n{len(x)}\n{pairs}\n"


def _electromagnetic() -> Iterator[tuple[str, str]]:
    for z, element in ELEMENTS.items():
        yield f"brem_SB/br{z}", _bremsstrahlung(z)
        yield from _photoelectric(element)
        energy = np.geomspace(1e-5, 1e3, 97)
        # Above the last energy Geant4 goes on as 1/E^2, as the formula does.
        rayleigh = _vector(energy, energy**2 * photons.coherent(z, energy) * _MM2)
        yield f"epics2017/rayl/re-cs-{z}.dat", rayleigh


def _bremsstrahlung(z: int) -> str:
    """A table over shares and logarithms of energies, rows by energy."""
    fraction, kinetic = np.meshgrid(_FRACTION, _KINETIC)
    rows = photon_spectrum(z, kinetic, fraction)
    head = f"2 {len(_FRACTION)} {len(_KINETIC)}"
    return "\n".join([head, _numbers(_FRACTION), _numbers(np.log(_KINETIC)), *map(_numbers, rows)]) + "\n"


def _photoelectric(element: Element) -> Iterator[tuple[str, str]]:
    """E^3 sigma above and below the K edge, and the K shell's share, all else being one shell.

    The two files of parameters would begin above the highest energy, so that tables hold everywhere.
    """
    z, edge = element.z, element.k_edge
    outer = edge / 10
    above, below = np.geomspace(edge, _HIGHEST, 241), np.geomspace(min(outer, 1e-5), edge, 41)
    name = f"epics2017/phot/pe-{{}}-{z}.dat".format
    yield name("cs"), _vector(above, above**3 * photons.photoelectric(z, above))
    yield name("le-cs"), _vector(below, below**3 * photons.photoelectric(z, below * (1 - 1e-9)))
    shells = f"{edge:.7g} 0 0 0 0 0 0\n{outer:.7g} 0 0 0 0 0 0\n"
    for kind in ("high", "low"):
        yield name(kind), f"2 2 {10 * _HIGHEST:g}\n{shells}"
    share, total = 1 / photons.k_jump(z), above**3 * photons.photoelectric(z, above)
    yield (
        name("ss-cs"),
        "".join(
            f"{above[0]:.9g} {above[-1]:.9g} {len(above)} {shell}\n"
            + "".join(f"{a:.9g} {b:.7g}\n" for a, b in zip(above, part * total, strict=True))
            for shell, part in enumerate((1 - share, share))
        ),
    )


def _cross_sections() -> Iterator[tuple[str, str]]:
    energy, photon = np.geomspace(1e-9, 20, 301), np.linspace(0, 130, 131)
    for z in range(1, _Z_MAX + 1):
        yield f"neutron/inel{z}", _vector(energy, np.maximum(neutrons.inelastic(z, energy), 1e-9) * _MM2)
        yield f"gamma/inel{z}", _vector(photon, np.maximum(photons.giant_resonance(z, photon), 1e-9) * _MM2)
    for z in ELEMENTS:
        yield f"neutron/el{z}", _vector(energy, neutrons.elastic(z, energy) * _MM2)
        yield f"neutron/cap{z}", _vector(energy, neutrons.capture(z, energy) * _MM2)


def _nuclides() -> Iterator[tuple[str, str]]:
    """Ground states of the stable isotopes: Z, A, energy, floating level, life time (-1: stable), spin, moment."""
    states = (f"{e.z} {a} 0 - -1 0 0\n" for e in ELEMENTS.values() for a in e.isotopes)
    yield "ENSDFSTATE.dat", "".join(states) + "2 3 0 - -1 0 0\n2 4 0 - -1 0 0\n"
