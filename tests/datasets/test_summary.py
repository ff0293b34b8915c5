"""Summary features: of every dataset what all must be, and each room's against known events."""

from __future__ import annotations

import numpy as np
import pytest

import pd4ml
from helpers.jets import random_jets
from pd4ml.dataset import Dataset
from pd4ml.datasets.airshower.summary import summary as shower_summary
from pd4ml.datasets.belle.tokens import pdg_tokens
from pd4ml.datasets.eosl.summary import summary as spectrum_summary
from pd4ml.datasets.spinodal.summary import summary as image_summary
from pd4ml.datasets.top_tagging.summary import summary as jet_summary
from pd4ml.storage.ragged import ragged
from pd4ml.storage.store import Array

DATASETS = [d for d in pd4ml.Dataset.datasets_register if d.__module__.startswith("pd4ml.")]


def random_events(dataset: type[Dataset], n: int) -> dict[str, Array]:
    """Events of the card's shapes without much physics; the last of them is empty."""
    rng = np.random.default_rng(1)
    if dataset.name == "TopTagging":
        events = dict(random_jets(n))
    elif dataset.name == "Belle":
        events = {
            "particles": np.abs(rng.normal(size=(n, 100, 9))),
            "mother_index": np.full((n, 100), -1, np.int16),
        }
        events["particles"][..., 8] = rng.integers(1, 50, (n, 100))
        events["mother_index"][:, 1:] = np.arange(99) // 3
    elif dataset.card.inputs[0].ragged:
        offsets = np.append(np.arange(n) * 7, 7 * (n - 1))  # the last has none
        rows = np.abs(rng.normal(size=(offsets[-1], 5)) * 100).astype(np.float32)
        return {dataset.card.inputs[0].name: ragged(rows, offsets)}
    else:
        events = {s.name: rng.poisson(1.0, (n, *s.shape) if s.per_event else s.shape) for s in dataset.card.inputs}
    events = {name: np.asarray(values, dataset.card.array(name).dtype) for name, values in events.items()}
    for spec in dataset.card.inputs:
        if spec.per_event:
            events[spec.name][-1] = 0 if spec.padding is None else spec.padding
    return events


@pytest.mark.parametrize("dataset", DATASETS, ids=lambda d: d.name)
def test_numbers_of_each_event_for_itself(dataset: type[Dataset]) -> None:
    events = random_events(dataset, 12)
    names, values = dataset.summary_features(events)
    assert values.shape == (12, len(names))
    assert 10 <= len(set(names)) == len(names) <= 60
    assert values.dtype == np.float32
    assert np.isfinite(values).all()
    per_event = {spec.name for spec in dataset.card.inputs if spec.per_event}
    part = {name: array[3:7] if name in per_event else array for name, array in events.items()}
    np.testing.assert_allclose(dataset.summary_features(part)[1], values[3:7], rtol=1e-5, atol=1e-5)


def massless(pt: float, eta: float, phi: float) -> list[float]:
    return [pt * np.cosh(eta), pt * np.cos(phi), pt * np.sin(phi), pt * np.sinh(eta)]


def test_a_jet_of_two_and_one_of_three_prongs() -> None:
    jets = np.zeros((2, 200, 4), np.float32)
    jets[0, :2] = [massless(300, 0.0, -0.2), massless(300, 0.0, 0.2)]
    jets[1, :3] = [massless(300, 0.2, 0.0), massless(200, -0.2, -0.2), massless(100, -0.2, 0.2)]
    found = jet_summary({"constituents": jets})
    # m^2 = 2 pT1 pT2 (cosh d_eta - cos d_phi)
    assert found["mass"][0] == pytest.approx(np.sqrt(2 * 300 * 300 * (1 - np.cos(0.4))), rel=1e-4)
    assert found["sqrt_d12"][0] == pytest.approx(300 * 0.4, rel=1e-4)
    assert found["tau1"][0] == pytest.approx(0.2 / 0.8, rel=1e-4)
    assert found["width"][0] == pytest.approx(0.2, rel=1e-4)
    assert found["ptd"][0] == pytest.approx(np.sqrt(0.5), rel=1e-4)
    assert found["e2"][0] == pytest.approx(0.25 * 0.4, rel=1e-4)
    assert found["tau21"][0] == found["tau32"][1] == pytest.approx(0, abs=1e-4)
    assert found["tau21"][1] > 0.1
    assert found["subjet_mass_min"][1] == pytest.approx(np.sqrt(2 * 200 * 100 * (1 - np.cos(0.4))), rel=1e-4)
    assert found["subjet_pt_share"][1] == pytest.approx(1 / 6, rel=1e-3)
    r = [np.hypot(0.4, 0.2), np.hypot(0.4, 0.2), 0.4]
    e2 = (300 * 200 * r[0] + 300 * 100 * r[1] + 200 * 100 * r[2]) / 600**2
    e3 = 300 * 200 * 100 * np.prod(r) / 600**3
    assert found["D2"][1] == pytest.approx(e3 / e2**3, rel=1e-3)


def test_a_plane_front_from_known_direction() -> None:
    y, x = np.divmod(np.arange(81), 9)
    stations = np.stack([1500.0 * x - 6000, 1500.0 * y - 6000, np.full(81, 1400.0)], axis=1).astype(np.float32)
    sin_zenith, azimuth = 0.5, 0.7
    along = stations[:, 0] * np.cos(azimuth) + stations[:, 1] * np.sin(azimuth)
    distance = np.hypot(stations[:, 0], stations[:, 1]) / 1e3
    traces = np.ones((1, 81, 80), np.float32) * 10 ** (3 - 3 * np.log10(distance + 0.1))[:, None] / 80
    traces[0, :5], arrival = -1, along * sin_zenith / 3e8
    arrival[:5] = -1
    found = shower_summary(
        {
            "traces": traces.reshape(1, 9, 9, 80).astype(np.float32),
            "arrival_time": arrival.reshape(1, 9, 9, 1).astype(np.float32),
            "stations": stations,
        }
    )
    assert found["stations"][0] == 76
    assert found["sin_zenith"][0] == pytest.approx(0.5, rel=1e-2)
    assert found["curvature"][0] == pytest.approx(0, abs=1e-2)
    assert found["lateral_slope"][0] == pytest.approx(-3, rel=2e-2)
    assert found["half_mean"][0] - found["rise_mean"][0] == pytest.approx(8, abs=1)  # 10 % of 80 like bins


def test_flow_and_slope_of_a_known_spectrum() -> None:
    pt, phi = np.arange(24) + 0.5, (np.arange(24) + 0.5) * 2 * np.pi / 24
    density = 1e6 * pt[:, None] * np.exp(-0.5 * pt[:, None]) * (1 + 2 * 0.07 * np.cos(2 * phi))
    found = spectrum_summary({"pion_spectrum": density[None].astype(np.float32)})
    assert found["v2"][0] == pytest.approx(0.07, rel=1e-3)
    assert found["v3"][0] == pytest.approx(0, abs=1e-4)
    assert found["slope_pt"][0] == pytest.approx(-0.5, rel=1e-2)


def test_lumps_and_waves_of_an_image() -> None:
    image = np.ones((1, 20, 20), np.float32)
    image += 0.5 * np.cos(2 * np.pi * 4 * np.arange(20) / 20)[:, None].astype(np.float32)
    image[0, 5, 5], image[0, 12, 9] = 9, 6
    found = image_summary({"density": image})
    assert found["second_maximum"][0] == pytest.approx(6 / 9, rel=1e-6)
    assert found["max_over_mean"][0] == pytest.approx(9 / image.mean(), rel=1e-6)
    assert max(range(1, 7), key=lambda k: found[f"power_{k}"][0]) == 4


def test_a_decay_of_two_back_to_back() -> None:
    particles, mother = np.zeros((1, 100, 9), np.float32), np.full((1, 100), -1, np.int16)
    moving = 1.5 / np.sqrt(1 - 0.3**2)
    energy, pz = (moving * np.array([1, 1]), moving * 0.3 * np.array([1, 1]))
    p = np.sqrt(1.5**2 - 0.14**2)
    for place, (code, px) in enumerate([(300553, 0.0), (211, p), (-211, -p)]):
        total = place == 0
        particles[0, place, [1, 5, 7]] = [energy.sum() if total else energy[0], px, pz.sum() if total else pz[0]]
        particles[0, place, 8] = pdg_tokens([code])[0]
    mother[0, 1:3] = 0
    names, values = pd4ml.Belle.summary_features({"particles": particles, "mother_index": mother})
    found = dict(zip(names, values[0], strict=True))
    assert found["R2"] == found["R4"] == pytest.approx(1, rel=1e-4)  # a line in the centre of mass
    assert found["R3"] == found["sphericity"] == pytest.approx(0, abs=1e-3)
    assert (found["n_pi_plus"], found["n_pi_minus"], found["tracks"], found["depth"]) == (1, 1, 2, 1)
    assert found["visible_energy"] == pytest.approx(energy.sum(), rel=1e-5)
