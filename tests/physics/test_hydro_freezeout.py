"""Freeze-out surfaces, pion spectra and initial states: laws, exact integrals, and a surface of another code."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import special

from pd4ml.errors import DataError
from pd4ml.physics.hydro.cooper_frye import PION_MASS, bessel_table, pion_density, pion_spectrum
from pd4ml.physics.hydro.equation_of_state import eosq, s95p
from pd4ml.physics.hydro.freezeout import Surface, cube_elements, freeze_out
from pd4ml.physics.hydro.glauber import SYSTEMS, collide, eccentricity, entropy_density, impact_parameter
from pd4ml.physics.hydro.solver import Fluid

Floats = NDArray[np.float64]
REAL = Path(__file__).parents[3] / "shared" / "realdata" / "hydro_freezeout_surface.dat"
PT, PHI = (np.arange(48) + 0.5) / 16, (np.arange(24) + 0.5) * np.pi / 12
AREA = (PT[1] - PT[0]) * (PHI[1] - PHI[0])


def smooth(squeeze: float, n: int = 60, cell: float = 0.35, highest: float = 25.0) -> Fluid:
    x, y = np.meshgrid(*(2 * [cell * (np.arange(n) - (n - 1) / 2)]), indexing="ij")
    density = highest * np.exp(-(x**2 * squeeze + y**2 / squeeze) / 12)
    return Fluid(density, 0.6, cell, s95p())


def v2(spectrum: Floats) -> float:
    return float(abs((spectrum * np.exp(2j * PHI)).sum()) / spectrum.sum())


def ball(n: int, radius: float) -> tuple[Floats, ...]:
    """Elements of a sphere in (tau, x, y), slice by slice."""
    cell = 2.6 * radius / n
    t = cell * (np.arange(n) - (n - 1) / 2)
    parts = []
    x, y = np.meshgrid(t, t, indexing="ij")
    for a, b in pairwise(t):
        fields = np.stack([radius + 1 - np.sqrt(s**2 + x**2 + y**2) for s in (a, b)])
        velocities = np.stack([np.stack([0.1 * x, 0.1 * y])] * 2)
        parts.append(cube_elements(fields, velocities, np.array([a, b]), cell, 1.0))
    position, normal, velocity = (np.concatenate(p) for p in zip(*parts, strict=True))
    position[:, 1:] += t[0]
    return position, normal, velocity


def test_a_sphere_has_its_surface_and_volume() -> None:
    errors = []
    for n in (16, 32):
        position, normal, velocity = ball(n, 2.0)
        np.testing.assert_allclose(normal.sum(axis=0), 0, atol=1e-12)  # Gauss: no holes
        volume = (position * normal).sum() / 3
        area = np.linalg.norm(normal, axis=1).sum()
        errors.append([abs(volume / (4 / 3 * np.pi * 8) - 1), abs(area / (4 * np.pi * 4) - 1)])
        assert ((position * normal).sum(axis=1) > 0).all()  # outwards: to lower fields
        np.testing.assert_allclose(velocity, 0.1 * position[:, 1:], atol=1e-6)
    assert max(errors[1]) < 0.02
    assert errors[0][0] / errors[1][0] > 3  # second order


def test_entropy_flows_through_the_surface() -> None:
    fluid = smooth(1.2)
    inside = fluid.tau * np.interp(fluid.energy, fluid.eos.energy, fluid.eos.entropy) * fluid.cell**2
    hot = fluid.energy > fluid.eos.energy_of_temperature(0.14)
    (surface,) = freeze_out(fluid, [0.14])
    entropy = np.interp(fluid.eos.energy_of_temperature(0.14), fluid.eos.energy, fluid.eos.entropy)
    through = entropy * (surface.normal * surface.four_velocity).sum()
    assert through == pytest.approx(inside[hot].sum(), rel=0.02)


def test_several_temperatures_are_those_found_one_by_one() -> None:
    both = freeze_out(smooth(1.0), [0.15, 0.135])
    for surface, temperature in zip(both, (0.15, 0.135), strict=True):
        (alone,) = freeze_out(smooth(1.0), [temperature])
        assert len(surface) == len(alone) > 100
        np.testing.assert_array_equal(surface.normal, alone.normal)


def test_a_fluid_that_reaches_the_edge_is_an_error() -> None:
    with pytest.raises(DataError, match=r"not frozen out at .* take a larger grid"):
        freeze_out(smooth(1.0, n=24), [0.13])


def test_bessel_functions() -> None:
    table = bessel_table()
    x = 1 / np.linspace(0, 5, len(table))[1:]
    np.testing.assert_allclose(table[1:, 0], np.sqrt(x) * special.kve(0, x), rtol=1e-9)
    np.testing.assert_allclose(table[1:, 1], np.sqrt(x) * special.kve(1, x), rtol=1e-9)


def element(normal: tuple[float, ...], velocity: tuple[float, ...], temperature: float = 0.15) -> Surface:
    return Surface(np.array([[1.0, 0, 0]]), np.array([normal]), np.array([velocity]), temperature)


@pytest.mark.parametrize("velocity", [(0.0, 0.0), (0.5, 0.3), (-0.2, 0.8)])
@pytest.mark.parametrize("normal", [(100.0, 0.0, 0.0), (20.0, 30.0, -60.0)])
def test_the_number_of_pions_is_density_times_volume(
    normal: tuple[float, ...], velocity: tuple[float, ...]
) -> None:
    surface = element(normal, velocity)
    pt, phi = (np.arange(800) + 0.5) / 100, (np.arange(64) + 0.5) * np.pi / 32
    n_terms = 60
    number = pion_spectrum(surface, pt, phi, n_terms=n_terms).sum() * 0.01 * np.pi / 32
    expected = pion_density(0.15) * float((surface.normal * surface.four_velocity).sum())
    assert number == pytest.approx(expected, rel=2e-3)
    short = pion_spectrum(surface, pt, phi)
    np.testing.assert_allclose(short, pion_spectrum(surface, pt, phi, n_terms=n_terms), rtol=2e-3, atol=1e-4)


def test_the_spectrum_is_the_integral_over_rapidity() -> None:
    surface = element((20.0, 30.0, -60.0), (0.4, -0.3))
    eta = np.linspace(-7, 7, 20_001)
    u, (d0, d1, d2) = surface.four_velocity[0], surface.normal[0]
    for pt, phi in ((0.05, 0.3), (0.6, 2.0), (1.9, 5.0)):
        px, py, mt = pt * np.cos(phi), pt * np.sin(phi), np.hypot(pt, PION_MASS)
        energy = mt * np.cosh(eta)
        bose = 1 / np.expm1(np.minimum((u[0] * energy - u[1] * px - u[2] * py) / 0.15, 600))
        expected = (
            3 / (2 * np.pi * 0.1973269804) ** 3 * pt * np.trapezoid((energy * d0 + px * d1 + py * d2) * bose, eta)
        )
        found = pion_spectrum(surface, np.array([pt]), np.array([phi]), n_terms=30)[0, 0]
        assert found == pytest.approx(expected, rel=1e-5)


def test_particles_that_enter_count_as_negative() -> None:
    surface = element((0.0, 50.0, 0.0), (0.0, 0.0))
    spectrum = pion_spectrum(surface, PT, PHI)
    assert (spectrum[:, np.cos(PHI) < 0] < 0).all()
    assert spectrum.sum() == pytest.approx(0, abs=1e-9)


@pytest.mark.skipif(not REAL.exists(), reason="the freeze-out surface of another code is not there")
def test_pions_of_a_surface_of_another_code() -> None:
    """A viscous hydro run, T = 144.2 MeV; its viscous corrections are left out here.

    Entropy through the surface is s times the sum of tau u.dsigma, 8,300 per unit of rapidity. At 7 to 8 units for
    each charged particle this is dN_ch/dy of about 1,100, between central Au+Au at 200 GeV and Pb+Pb at 2.76 TeV;
    all pions are about 1.3 times that, and a quarter to a half of them come from the surface and not from decays.
    """
    cells = np.loadtxt(REAL)
    tau = cells[:, :1]
    surface = Surface(cells[:, :3], tau * cells[:, 3:6], cells[:, 6:8], 0.1441997743)
    volume = (surface.normal * surface.four_velocity).sum()
    number = pion_spectrum(surface, PT, PHI).sum() * AREA
    assert number == pytest.approx(pion_density(surface.temperature) * volume, rel=0.02)
    assert 350 < number < 800
    assert 7000 < 1.56552759 * volume < 9500
    e = s95p().energy_of_temperature(surface.temperature)
    assert e == pytest.approx(0.193688, rel=0.1)  # the file's header, for its own equation of state


def test_v2_grows_with_eccentricity_and_is_zero_without() -> None:
    found = []
    for squeeze in (1.0, 1.15, 1.35, 1.6):
        (surface,) = freeze_out(smooth(squeeze), [0.14])
        found.append(v2(pion_spectrum(surface, PT, PHI)))
    assert found[0] < 1e-3
    assert (np.diff(found) > 0.01).all()


def test_nuclei_collide_as_measured() -> None:
    rng = np.random.default_rng(5)
    # N_part of Au+Au at 200 GeV, 0-5 % and 20-30 %, and of Pb+Pb at 2.76 TeV, 0-5 %:
    # nucl-ex/0701025, arXiv:1301.4361
    for name, low, high, n_part in (("Au+Au", 0, 5, 351), ("Au+Au", 20, 30, 167), ("Pb+Pb", 0, 5, 383)):
        system = SYSTEMS[name]
        counts = []
        for centrality in rng.uniform(low, high, 60):
            collision = collide(system, impact_parameter(system, centrality), 0.0, rng)
            wounded = collision.entropy > 0.3 * system.entropy  # 0.43 each; binary collisions have 0.14
            counts.append(wounded.sum())
        assert np.mean(counts) == pytest.approx(n_part, rel=0.05)


def test_entropy_is_deposited_where_nucleons_are_hit() -> None:
    rng = np.random.default_rng(6)
    system = SYSTEMS["Pb+Pb"]
    central, peripheral = (collide(system, b, 1.0, rng) for b in (0.0, 9.0))
    for collision in (central, peripheral):
        density = entropy_density(collision, 0.5, 100, 0.3, 0.5)
        centre = np.average(collision.positions, axis=0, weights=collision.entropy)
        along, across = (
            np.exp(-((0.3 * (np.arange(100) - 49.5) - p[:, None]) ** 2) / (2 * 0.5**2))
            for p in (collision.positions - centre).T
        )
        plain = (along * collision.entropy[:, None]).T @ across / (2 * np.pi * 0.5**2 * 0.5)
        np.testing.assert_allclose(density, plain, rtol=1e-5, atol=1e-7 * plain.max())
        assert density.sum() * 0.3**2 * 0.5 == pytest.approx(collision.entropy.sum(), rel=1e-6)
        for k in (0, 1):
            x = 0.3 * (np.indices(density.shape)[k] - 49.5)
            assert abs((x * density).sum() / density.sum()) < 1e-6
    mean = [
        np.mean(
            [
                eccentricity(entropy_density(collide(system, b, 1.0, rng), 0.5, 100, 0.3, 0.5), 0.3)[0]
                for _ in range(20)
            ]
        )
        for b in (0.0, 9.0)
    ]
    assert mean[1] > 2 * mean[0]
    weights = [collide(system, 5.0, 1.0, rng).entropy.sum() for _ in range(40)]
    calm = [collide(system, 5.0, 0.0, rng).entropy.sum() for _ in range(40)]
    assert np.mean(weights) == pytest.approx(np.mean(calm), rel=0.05)


def test_a_softer_equation_of_state_gives_less_flow() -> None:
    spectra = []
    for eos in (s95p(), eosq()):
        x, y = np.meshgrid(*(2 * [0.35 * (np.arange(70) - 34.5)]), indexing="ij")
        entropy = 120 * np.exp(-(x**2 + y**2) / 18)
        (surface,) = freeze_out(Fluid(eos.energy_of_entropy(entropy), 0.6, 0.35, eos), [0.14])
        spectra.append(pion_spectrum(surface, PT, PHI))
    totals = [s.sum() for s in spectra]
    mean_pt = [float((s * PT[:, None]).sum() / s.sum()) for s in spectra]
    assert totals[0] == pytest.approx(totals[1], rel=0.04)  # the same entropy becomes the same number of pions
    assert mean_pt[0] > mean_pt[1] + 0.005
