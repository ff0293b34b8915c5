"""Which events are validated on: the last ones, whole groups, or those of a split made for it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import pd4ml
from helpers.toy import Toy
from pd4ml.errors import DataError
from pd4ml.sample import Sample
from pd4ml.storage.memory import memory_events
from pd4ml.storage.store import Array, Events
from pd4ml.training import load_recipe
from pd4ml.training.material import prepare
from pd4ml.training.split import split_events

CARD = replace(Toy.card, group="pair", extras=(replace(Toy.card.target, name="pair", dtype="int64"),))


def events(groups: list[int]) -> Events:
    n = len(groups)
    points, grid, label = np.zeros((n, 5, 2), np.float32), np.arange(3), np.arange(n) % 2
    arrays: dict[str, Array] = {"points": points, "grid": grid, "label": label, "pair": np.array(groups)}
    return memory_events(CARD, arrays)


def test_without_groups_it_is_the_last_events() -> None:
    parts = split_events(events(list(range(10))), Toy.card, None, 0.2)
    np.testing.assert_array_equal(parts.train, np.arange(8))
    np.testing.assert_array_equal(parts.valid, [8, 9])
    parts = split_events(events(list(range(10))), Toy.card, 6, 0.2)
    np.testing.assert_array_equal(np.concatenate([parts.train, parts.valid]), np.arange(6))


@given(st.lists(st.integers(0, 6), min_size=2, max_size=40), st.floats(0.05, 0.9))
def test_groups_stay_together_and_nothing_is_lost(groups: list[int], fraction: float) -> None:
    if len(set(groups)) == 1:
        with pytest.raises(DataError, match=r"share one pair: none are left to validate on"):
            split_events(events(groups), CARD, None, fraction)
        return
    parts = split_events(events(groups), CARD, None, fraction)
    assert sorted([*parts.train, *parts.valid]) == list(range(len(groups)))
    of = np.array(groups)
    assert not np.isin(of[parts.valid], of[parts.train]).any()
    # Enough, unless that would leave nothing to train on; and no group more than is needed.
    wanted = min(max(round(fraction * len(groups)), 1), len(groups) - 1)
    appeared = list(dict.fromkeys(groups))
    n_groups = len(set(of[parts.valid]))
    assert set(of[parts.valid]) == set(appeared[-n_groups:])
    assert len(parts.valid) >= wanted or n_groups == len(appeared) - 1
    assert n_groups == 1 or np.isin(of, appeared[len(appeared) - n_groups + 1 :]).sum() < wanted


def test_spectra_of_a_hydrodynamic_event_are_on_one_side(tmp_path: Path) -> None:
    pd4ml.EOSL.generate(tmp_path, 100, seed=1)
    sample: Sample = pd4ml.EOSL.at(tmp_path, source="generated")
    material = prepare({"train": sample}, load_recipe("fcn_quick"))
    event = np.asarray(sample.open("train")["event_id"])
    assert not np.isin(event[material.valid.index], event[material.train.index]).any()
    assert len(material.valid.index) >= round(0.2 * len(event))
