"""Splits by hash: shares as asked for, groups and equal events together, and the same again in any order."""

from __future__ import annotations

import numpy as np
import pytest

from pd4ml.errors import DataError
from pd4ml.own.split import Splitting, event_keys, group_keys


def test_shares_are_as_asked_for() -> None:
    keys, _ = group_keys(np.arange(50_000))
    of = Splitting(0.2, 0.1).drawn(keys)
    shares = np.bincount(of, minlength=3) / len(of)
    np.testing.assert_allclose(shares, [0.7, 0.1, 0.2], atol=4 * np.sqrt(0.25 / len(of)))


def test_an_event_goes_where_its_key_says_alone() -> None:
    keys, numbers = group_keys(np.random.default_rng(1).integers(0, 50, 1000))
    of = Splitting(0.3).drawn(keys)
    for number in np.unique(numbers):
        assert len(set(of[numbers == number].tolist())) == 1
    order = np.random.default_rng(2).permutation(1000)
    np.testing.assert_array_equal(Splitting(0.3).drawn(keys[order]), of[order])
    assert (Splitting(0.3, seed=1).drawn(keys) != of).any()


def test_neighbouring_groups_are_independent() -> None:
    of = Splitting(0.5).drawn(group_keys(np.arange(20_000))[0]) == 2
    same = (of[1:] == of[:-1]).mean()
    assert abs(same - 0.5) < 4 * 0.5 / np.sqrt(len(of))


def test_texts_are_groups_too() -> None:
    keys, numbers = group_keys(np.array(["a", "b", "a"]))
    assert keys[0] == keys[2] != keys[1]
    assert numbers[0] == numbers[2] != numbers[1]
    assert (numbers >= 0).all()


def test_keys_of_events_follow_their_bytes_and_borders() -> None:
    content = np.array([1, 2, 3, 1, 2, 3], np.uint8)
    same = event_keys({"a": (content, np.array([0, 3, 6]))})
    assert same[0] == same[1]
    other = event_keys({"a": (content, np.array([0, 2, 6]))})
    assert other[0] != other[1]


@pytest.mark.parametrize("shares", [(0.0, 0.0), (0.0, 0.2), (0.7, 0.4), (-0.1, 0.2), (1.0, 0.0)])
def test_shares_that_cannot_be_are_refused(shares: tuple[float, float]) -> None:
    with pytest.raises(DataError):
        Splitting(*shares)
