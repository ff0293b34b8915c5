"""Drawn settings: from what distribution, within what range, kept beside the events they belong to."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest
from scipy import stats

from helpers.toy import Toy
from pd4ml.card import ArraySpec
from pd4ml.errors import DataError, StoreError, UnknownNameError
from pd4ml.generation.draws import CUT, parse_draws
from pd4ml.generation.generate import generate, split_events
from pd4ml.generation.settings import check_settings, choice, switch, weights, whole, within
from pd4ml.generation.simulator import Drawn, Simulator
from pd4ml.storage.store import Array, Store

CARD = dataclasses.replace(
    Toy.card,
    inputs=(
        ArraySpec("points", (3,), "float64", "1", "numbers"),
        ArraySpec("grid", (2,), "int64", "1", "", None, False),
    ),
    extras=(ArraySpec("low", (), "float64", "1", "the setting as it was used"),),
)


@dataclasses.dataclass(frozen=True)
class Config:
    """``width`` can be varied event by event, the others cannot."""

    low: float = within(0.0, -10.0, 10.0, "m", "where it begins")
    high: float = within(5.0, -10.0, 10.0)
    width: float = within(1.0, 0.1, 2.0, "m", "how wide")
    tries: int = whole(1, 1, 6)
    sign: bool = switch(False)
    tune: int = choice(3, (1, 3, 5))
    mode: str = choice("a", ("a", "b"))
    mixture: Mapping[str, float] = weights({"p": 1.0}, ("p",))
    cells: int = whole(1, 1, 6, shared=True)

    def __post_init__(self) -> None:
        check_settings(self, ("low", "high"))


def simulate(
    n: int, seed: np.random.SeedSequence, config: Config, split: str, drawn: Drawn | None = None
) -> dict[str, Array]:
    """Uniform numbers from ``low``, ``width`` wide."""
    rng = np.random.default_rng(seed)
    width = drawn["width"](n) if drawn else np.full(n, config.width)
    arrays = {
        "points": config.low + width[:, None] * rng.random((n, 3)),
        "grid": np.arange(2, dtype=np.int64),
        "low": np.full(n, config.low),
        "label": rng.integers(0, 2, n, dtype=np.uint8),
    }
    return arrays | {"width": width} if drawn else arrays


SIMULATOR = Simulator(simulate, Config, chunk_events=100, per_event=("width",), draw_events=10)


def make(path: Path, draw: dict[str, str] | None, variant: str = "own", workers: int = 1, **config: Any) -> Store:
    options = {"n_events": 1000, "seed": 5, "workers": workers, "variant": variant}
    return generate(CARD, SIMULATOR, path.joinpath, draw=draw, config=config, **options)  # type: ignore[arg-type]


def test_a_drawn_setting_is_what_the_events_were_made_with(tmp_path: Path) -> None:
    events = make(tmp_path, {"low": "uniform:-3,4"}).events("train")
    kept, used, points = events["low_setting"], events["low"], events["points"]
    np.testing.assert_array_equal(kept, used)  # "low" is an array of the card, so the setting's has another name
    assert ((points >= kept[:, None]) & (points <= kept[:, None] + 1)).all()
    assert len(np.unique(kept)) == 80, "a value for every ten events"
    values = np.unique(kept)
    assert stats.kstest(values, stats.uniform(-3, 7).cdf).pvalue > 1e-3
    assert [a.shape for a in events.X] == [(800, 3), (2,)], "what was drawn is no part of X"
    files = events.manifest.arrays["train"]
    assert files["low_setting"].extra
    assert events.manifest.provenance["draw"] == {"low": "uniform:-3,4"}
    assert events.manifest.provenance["draw_events"] == {"low": 10}


def test_a_setting_drawn_for_every_event_leaves_the_events_alone(tmp_path: Path) -> None:
    nominal = make(tmp_path, None, "default").events("train")
    drawn = make(tmp_path, {"width": "normal:1,0.2"}).events("train")
    np.testing.assert_array_equal(drawn["label"], nominal["label"])
    np.testing.assert_allclose(drawn["points"], drawn["width"][:, None] * nominal["points"], rtol=1e-12)
    cut_normal = stats.truncnorm(-CUT, CUT, 1, 0.2)
    assert stats.kstest(drawn["width"], cut_normal.cdf).pvalue > 1e-3
    assert len(np.unique(drawn["width"])) == 800
    assert drawn.manifest.provenance["draw_events"] == {"width": 1}


def test_both_ways_together_do_not_depend_on_the_workers(tmp_path: Path) -> None:
    draw = {"width": "uniform:0.5,1.5", "low": "choice:0,1,2", "tries": "uniform:2,4", "sign": "choice:true,false"}
    one = make(tmp_path / "one", draw)
    two = make(tmp_path / "two", dict(reversed(draw.items())), workers=2)
    assert one.manifest.fingerprint == two.manifest.fingerprint
    events = one.events("train")
    assert set(np.unique(events["low_setting"])) == {0, 1, 2}
    assert set(np.unique(events["tries"])) == {2, 3, 4}
    assert set(np.unique(events["sign"])) == {0, 1}
    np.testing.assert_array_equal(events["low_setting"], events["low"])
    width = (events["points"].max(axis=1) - events["low"]) / events["width"]
    assert width.max() <= 1
    assert abs(np.corrcoef(events["width"], events["low"])[0, 1]) < 0.12


@pytest.mark.parametrize(
    ("draw", "error", "message"),
    [
        ({"wdith": "uniform:1,2"}, UnknownNameError, "unknown setting 'wdith'; did you mean 'width'"),
        ({"width": "unifrm:1,2"}, DataError, "width is to be drawn from uniform:low,high"),
        ({"width": "uniform:1"}, DataError, "uniform:low,high"),
        ({"width": "uniform:1,nan"}, DataError, "uniform:low,high"),
        ({"width": "uniform:2,1"}, DataError, "the wrong way round"),
        ({"width": "normal:1,-1"}, DataError, "the wrong way round"),
        ({"width": "uniform:1,2.5"}, DataError, "can give width = 2.5: width must be a number from 0.1 to 2 m"),
        ({"width": "normal:1,0.3"}, DataError, r"= -0.2 \(4 standard deviations from the mean\)"),
        ({"tries": "choice:1,2.5"}, DataError, "tries must be a whole number from 1 to 6, not 2.5"),
        ({"tries": "normal:3,1"}, DataError, "draw it with choice"),
        ({"sign": "choice:0,2"}, DataError, "sign must be true or false, not 2"),
        ({"tune": "choice:1,2"}, DataError, "tune must be one of 1, 3, 5, not 2"),
        ({"mode": "choice:a,b"}, DataError, "mode cannot be drawn: it is not a number"),
        ({"mixture": "choice:1"}, DataError, "cannot be drawn"),
        ({"cells": "choice:1,2"}, DataError, "cells cannot be drawn: all events of a dataset share it"),
        ({"low": "uniform:0,6"}, DataError, "high must not be below low, found 5 and 6"),
    ],
)
def test_what_would_fail_is_refused_before_anything_runs(
    tmp_path: Path, draw: dict[str, str], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        make(tmp_path, draw)
    assert not list(tmp_path.iterdir())


def test_drawn_events_need_a_name_of_their_own(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="give events with low drawn another name"):
        make(tmp_path, {"low": "uniform:0,1"}, "default")
    with pytest.raises(DataError, match="low is set and drawn"):
        make(tmp_path, {"low": "uniform:0,1"}, low=1.0)
    make(tmp_path, {"low": "uniform:0,1"})
    make(tmp_path, {"low": "uniform:0,1"})
    with pytest.raises(StoreError, match=r"exists with draw .*0,1.*asked for .*0,2"):
        make(tmp_path, {"low": "uniform:0,2"})
    with pytest.raises(StoreError, match=r"exists with .*asked for"):
        make(tmp_path, None, tries=1)


def test_a_drawn_chunk_is_made_again_alike(tmp_path: Path) -> None:
    """What a chunk gives follows from its own seed, whatever was spawned from that before."""
    from pd4ml.generation.pieces import simulate_chunk

    draws = parse_draws({"low": "uniform:0,1", "width": "uniform:1,2"}, SIMULATOR, CARD, Config())
    seed = np.random.SeedSequence(3, spawn_key=(1, 4))
    first = simulate_chunk(SIMULATOR, 25, seed, Config(), "train", draws, ("grid",))
    seed.spawn(3)
    again = simulate_chunk(SIMULATOR, 25, seed, Config(), "train", draws, ("grid",))
    for name, array in first.items():
        np.testing.assert_array_equal(array, again[name])
    assert len(first["points"]) == 25
    assert len(first["grid"]) == 2


def test_a_validation_split_is_generated_in_its_proportion(tmp_path: Path) -> None:
    splits = MappingProxyType({"train": 1_211_000, "valid": 403_000, "test": 404_000})
    card = dataclasses.replace(CARD, splits=splits)
    assert split_events(card, 1000) == {"train": 600, "test": 200, "valid": 200}
    plain = make(tmp_path, None, "default")
    three = generate(card, SIMULATOR, lambda variant: tmp_path / "three", n_events=1000, seed=5)
    assert {split: three.manifest.n_events(split) for split in three.manifest.arrays} == split_events(card, 1000)
    np.testing.assert_array_equal(three.events("test")["points"], plain.events("test")["points"])
    parts = [three.events(split)["points"][:, 0] for split in splits]
    assert len(np.unique(np.concatenate(parts))) == 1000
    with pytest.raises(DataError, match="too few to fill the splits train, test, valid"):
        split_events(card, 2)
