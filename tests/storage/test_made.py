"""Provenance as people read it."""

from __future__ import annotations

from typing import Any

import pytest

from pd4ml.storage.manifest import made


def test_what_was_drawn_is_said_in_place_of_a_default() -> None:
    provenance = {
        "config": {"scale": 1.0, "noise": 0.1, "other": 3},
        "seed": 1,
        "draw": {"scale": "uniform:0.9,1.1", "noise": "normal:0,1"},
        "draw_events": {"scale": 1, "noise": 50},
    }
    assert made(provenance) == {
        "config": {
            "scale": "drawn from uniform:0.9,1.1 for every event",
            "noise": "drawn from normal:0,1 for every 50 events",
            "other": 3,
        },
        "seed": 1,
    }


@pytest.mark.parametrize("provenance", [{}, {"config": {"a": 1}}, {"draw": 3, "config": None}])
def test_anything_else_is_as_it_was(provenance: dict[str, Any]) -> None:
    assert made(provenance) == provenance


def test_a_record_of_somebody_may_say_anything() -> None:
    assert made({"config": {}, "draw": {"a": None}, "draw_events": 7})["config"] == {
        "a": "drawn from None for every event"
    }
