"""Simulated pion spectra: the card's arrays, counts that are Poisson, events that are kept apart."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from pd4ml.datasets.eosl import EOSL
from pd4ml.datasets.eosl.card import CARD
from pd4ml.datasets.eosl.simulator import Config, rotate, simulate
from pd4ml.errors import DataError, UnknownNameError
from pd4ml.storage.published import fetch_published
from pd4ml.storage.writer import check_arrays

Arrays = dict[str, NDArray[Any]]
PHI = (np.arange(24) + 0.5) * np.pi / 12


def make(n_events: int = 12, seed: int = 1, split: str = "train", **config: Any) -> Arrays:
    return simulate(n_events, np.random.SeedSequence(seed), Config(**config), split)


@pytest.fixture(scope="module")
def batch() -> Arrays:
    return make(300, spectra_per_event=30)


def test_the_arrays_are_those_of_the_card(batch: Arrays) -> None:
    check_arrays(CARD, batch, 300)
    draws = np.where(batch["kind"] == 1, 30, 1)[:, None, None]
    np.testing.assert_allclose(draws * batch["pion_spectrum"], np.round(draws * batch["pion_spectrum"]), atol=1e-3)
    assert 0.15 < batch["kind"].mean() < 0.35


def test_spectra_look_like_the_published_ones(batch: Arrays) -> None:
    counts = batch["pion_spectrum"][batch["kind"] == 0].astype(np.float64)
    totals = counts.sum(axis=(1, 2))
    assert 300 < np.median(totals) < 3600
    assert 3 <= np.median(counts.max(axis=(1, 2))) < 30
    assert 2 <= np.median(counts.sum(axis=2).argmax(axis=1)) <= 3
    mean, variance = counts.mean(axis=2), counts.var(axis=2, ddof=1)
    assert np.mean((variance / np.maximum(mean, 1e-9))[mean > 0.5]) == pytest.approx(1.05, abs=0.1)
    v2 = np.abs((counts.sum(axis=1) * np.exp(2j * PHI)).sum(axis=1)) / totals
    assert 0.02 < np.median(v2) < 0.12


def test_spectra_of_an_event_share_what_an_event_has(batch: Arrays) -> None:
    events = np.unique(batch["event_id"])
    assert len(events) == 10
    for event in events:
        mine = batch["event_id"] == event
        assert mine.sum() == 30
        assert len(np.unique(batch["label"][mine])) == len(np.unique(batch["smooth"][mine])) == 1
    first = batch["pion_spectrum"][batch["event_id"] == events[0]]
    assert len(np.unique(first, axis=0)) == 30
    assert len(np.unique(batch["event_id"][:30])) > 3  # in random order


def test_the_truth_is_that_of_the_event(batch: Arrays) -> None:
    for name, low, high in (("tau0", 0.4, 0.6), ("freeze_out", 0.13, 0.145), ("centrality", 0, 60)):
        assert low - 1e-6 <= batch[name].min() <= batch[name].max() <= high + 1e-6
    # pi b^2 is the centrality's share of the inelastic cross section (fm2).
    total = np.where(batch["system"] == 1, 770.0, 685.0)
    share = np.pi * batch["impact_parameter"] ** 2 / total
    np.testing.assert_allclose(100 * share, batch["centrality"], rtol=1e-5)
    for event in np.unique(batch["event_id"]):
        mine = batch["event_id"] == event
        for name in ("tau0", "system", "centrality", "freeze_out"):
            assert len(np.unique(batch[name][mine])) == 1


@pytest.mark.parametrize("rotated", [False, True])
def test_spectra_are_elliptic_along_the_reaction_plane(rotated: bool) -> None:
    """In collisions that are not central the flow is stronger in the plane (v2 > 0), wherever that lies."""
    batch = make(300, spectra_per_event=30, rotated=rotated)
    off_centre = batch["impact_parameter"] > 6
    counts = batch["pion_spectrum"][off_centre].sum(axis=1, dtype=np.float64)
    relative = PHI - batch["reaction_plane"][off_centre, None]
    v2 = (counts * np.cos(2 * relative)).sum() / counts.sum()
    assert 0.02 < v2 < 0.12
    fixed = (counts * np.cos(2 * PHI)).sum() / counts.sum()
    assert abs(fixed) < 0.02 if rotated else fixed < -0.02  # most around columns 5.5 and 17.5
    assert len(np.unique(batch["reaction_plane"])) == (300 if rotated else 1)


def test_means_have_the_noise_of_thirty_draws() -> None:
    draws, means = (
        make(40, seed=6, spectra_per_event=40, coarse_share=share)["pion_spectrum"] for share in (0.0, 1.0)
    )
    np.testing.assert_allclose(draws.mean(), means.mean(), rtol=0.02)
    bright = draws.mean(axis=0) > 2
    for spectra, variance in ((draws, 1.0), (means, 1 / 30)):
        ratio = spectra.var(axis=0, ddof=1)[bright] / spectra.mean(axis=0)[bright]
        assert ratio.mean() == pytest.approx(variance, rel=0.1)


def test_splits_never_share_an_event(tmp_path: Path) -> None:
    store = EOSL.generate(tmp_path, 60, seed=3, variant="few", spectra_per_event=15)
    train, test = (set(store.events(split)["event_id"].tolist()) for split in ("train", "test"))
    assert len(train) == 3
    assert len(test) == 2
    assert not train & test


def test_events_do_not_depend_on_the_number_of_workers(tmp_path: Path) -> None:
    one = EOSL.generate(tmp_path / "one", 40, seed=2, workers=1, variant="few", spectra_per_event=20)
    two = EOSL.generate(tmp_path / "two", 40, seed=2, workers=2, variant="few", spectra_per_event=20)
    assert one.manifest.fingerprint == two.manifest.fingerprint


def test_extras_are_stored_but_no_part_of_x(tmp_path: Path) -> None:
    EOSL.generate(tmp_path, 20, variant="few", spectra_per_event=20)
    X, y = EOSL.load("train", tmp_path, source="generated", variant="few")
    events = EOSL.open("train", tmp_path, source="generated", variant="few")
    assert [a.shape for a in X] == [a.shape for a in events.X] == [(len(y), 24, 24)]
    assert events["kind"].shape == events["event_id"].shape == y.shape
    assert len(EOSL.graphs("train", tmp_path, source="generated", variant="few")) == len(y)


def test_published_files_have_no_extras(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import dataclasses

    files = tuple(dataclasses.replace(f, md5=None) for f in CARD.sources[0].files)
    source = dataclasses.replace(CARD.sources[0], files=files)
    card = dataclasses.replace(CARD, splits={"train": 6, "test": 4}, sources=(source,))
    monkeypatch.setattr(EOSL, "card", card)
    monkeypatch.setenv("PD4ML_OFFLINE", "1")
    rng, arrays = np.random.default_rng(0), dict[str, Any]()
    for split, n in card.splits.items():
        arrays[f"X_{split}_0"] = rng.poisson(2, (n, 24, 24)).astype(np.int64)
        arrays[f"y_{split}"] = rng.integers(0, 2, n)
    np.savez(tmp_path / files[0].name, **arrays)
    X, y = EOSL.load("test", tmp_path)
    events = EOSL.open("test", tmp_path)
    assert [a.dtype for a in X] == [np.float32]
    np.testing.assert_array_equal(X[0], arrays["X_test_0"])
    np.testing.assert_array_equal(events.X[0], X[0])
    np.testing.assert_array_equal(events.y, y)
    assert [name for name, _ in events.items()] == ["pion_spectrum", "label"]
    assert "pion_spectrum" in fetch_published(card, tmp_path).read("train")


def test_the_same_arguments_give_the_same_bytes() -> None:
    first, again = make(seed=3), make(seed=3)
    for name, array in first.items():
        assert array.tobytes() == again[name].tobytes()
    assert first["pion_spectrum"].tobytes() != make(seed=4)["pion_spectrum"].tobytes()


def test_a_shifted_test_split_has_other_parameters() -> None:
    train, test, same = (
        make(20, seed=5, split=split, shift=shift)
        for split, shift in (("train", True), ("test", True), ("test", False))
    )
    for batch, early in ((train, False), (test, True), (same, False)):
        assert ((batch["tau0"] < 0.4) == early).all()
        assert ((batch["freeze_out"] > 0.145) == early).all()
    np.testing.assert_array_equal(train["pion_spectrum"], same["pion_spectrum"])


def test_both_classes_have_the_same_number_of_pions() -> None:
    """Central smooth events, so that the equation of state is the only difference that is left."""
    fixed: dict[str, Any] = {
        "feed_down": False,
        "tau0_max": 0.4,
        "freeze_out_max": 0.13,
        "smooth_share": 1.0,
        "pb_share": 0.0,
        "centrality_max": 0.0,
    }
    batch = make(160, seed=2, spectra_per_event=20, **fixed)
    label, counts = batch["label"], batch["pion_spectrum"].astype(np.float64)
    totals = counts.sum(axis=(1, 2))
    assert totals[label == 1].mean() == pytest.approx(totals[label == 0].mean(), rel=0.05)
    pt = np.arange(24) + 0.5
    mean_pt = (counts.sum(axis=2) * pt).sum(axis=1) / totals
    assert mean_pt[label == 0].mean() > mean_pt[label == 1].mean()


def test_rotations_move_the_spectrum() -> None:
    rng = np.random.default_rng(1)
    spectrum = 5 + np.cos(2 * PHI) * rng.random(24)[:, None] + 0.3 * np.sin(3 * PHI)
    np.testing.assert_allclose(rotate(spectrum, np.pi / 12), np.roll(spectrum, 1, axis=1), atol=1e-12)
    np.testing.assert_allclose(rotate(spectrum, 0.7).sum(axis=1), spectrum.sum(axis=1))
    np.testing.assert_allclose(rotate(rotate(spectrum, 0.3), -0.3), spectrum, atol=1e-12)


def test_it_travels_to_a_worker() -> None:
    function, config = pickle.loads(pickle.dumps((simulate, Config(cell=0.3))))
    assert function is simulate
    assert config == Config(cell=0.3)


@pytest.mark.parametrize("variant", CARD.variants)
def test_every_variant_of_the_card_is_a_setting(variant: str) -> None:
    config = EOSL.simulator().config(CARD.variants[variant].config)
    assert (config == Config()) == (variant == "default")


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"smooth_share": 1.1}, "smooth_share must be a number from 0 to 1, not 1.1"),
        ({"pb_share": "all"}, "pb_share"),
        ({"draws": 0}, "draws must be a whole number from 1"),
        ({"centrality_max": float("nan")}, "centrality_max"),
        ({"tau0_min": 0.1}, "tau0_min must be a number from 0.2"),
        ({"tau0_max": 0.3}, "tau0_max must not be below tau0_min, found 0.3 and 0.4"),
        ({"freeze_out_min": 0.1}, "freeze_out_min"),
        ({"freeze_out_max": 0.17}, "freeze_out_max must be a number from 0.12 to 0.16 GeV, not 0.17"),
        ({"shift": 1}, "shift must be true or false"),
        ({"spectra_per_event": 2.5}, "spectra_per_event must be a whole number"),
        ({"spectra_per_event": True}, "spectra_per_event must be a whole number from 1"),
        ({"n_cells": 10}, "narrower than 24 fm"),
        ({"rapidity": 0}, "rapidity"),
    ],
)
def test_bad_settings_are_refused(config: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        Config(**config)


def test_unknown_options_are_refused() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'smooth_share'"):
        EOSL.simulator().config({"smooth_shar": 1.0})
