"""Quantities: a number of each event by name."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from helpers.learnable import Values
from pd4ml.errors import DataError, UnknownNameError
from pd4ml.quantity import quantity
from pd4ml.storage.store import Events


@pytest.fixture(scope="module")
def events(tmp_path_factory: pytest.TempPathFactory) -> Events:
    path: Path = tmp_path_factory.mktemp("quantity")
    Values.generate(path, 60, seed=1, workers=1)
    return Values.open("train", path, source="generated")


def test_an_array_a_summary_feature_and_an_expression_over_both(events: Events) -> None:
    mean = np.asarray(events["points"]).sum(axis=1)[:, 0] / np.asarray(events["n_points"])
    np.testing.assert_array_equal(quantity(Values, events, "n_points"), events["n_points"])
    np.testing.assert_allclose(quantity(Values, events, "x"), mean, rtol=1e-6)
    both = np.asarray(events["value"]) / 700 + mean
    np.testing.assert_allclose(quantity(Values, events, "value / 700 + x"), both, rtol=1e-6)


def test_of_chosen_events_it_is_the_same(events: Events) -> None:
    places = np.array([3, 8, 30])
    np.testing.assert_allclose(quantity(Values, events[places], "x"), quantity(Values, events, "x")[places])


def test_what_is_no_number_of_each_event_is_refused(events: Events) -> None:
    with pytest.raises(UnknownNameError, match=r"quantity.*n_pionts.*n_points"):
        quantity(Values, events, "n_pionts")
    for text in ("points", "value / 0 * n_points", "log(0 * n_points)"):
        with pytest.raises(DataError, match="is no finite number of each event of LearnValues"):
            quantity(Values, events, text)
