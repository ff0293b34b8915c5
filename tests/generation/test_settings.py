"""Settings: every declared range is held, said in the refusal and shown."""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Mapping
from typing import Any, Literal

import pytest

import pd4ml
from helpers.toy import ToyConfig
from pd4ml.dataset import Dataset
from pd4ml.errors import DataError, UnknownNameError
from pd4ml.generation.settings import check_settings, choice, settings_of, switch, weights, whole, within

DATASETS = [d for d in pd4ml.Dataset.datasets_register if d.__module__.startswith("pd4ml.")]
every_dataset = pytest.mark.parametrize("dataset", DATASETS, ids=lambda d: d.name)


@dataclasses.dataclass(frozen=True)
class Oven:
    """One setting of every kind."""

    heat_min: float = within(100.0, 50.0, 300.0, "K", "lowest temperature")
    heat_max: float = within(200.0, 50.0, 300.0, "K")
    trays: int = whole(2, 1, 4)
    fan: bool = switch(False, "whether it blows")
    mode: Literal["top", "bottom"] = choice("top", ("top", "bottom"))
    shelf: int = choice(3, (1, 3))
    flours: Mapping[str, float] = weights({"rye": 1.0}, ("rye", "wheat"))
    note: str = ""

    def __post_init__(self) -> None:
        check_settings(self, ("heat_min", "heat_max"))


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"heat_min": 49.9}, "heat_min must be a number from 50 to 300 K, not 49.9"),
        ({"heat_min": math.nan}, "heat_min must be a number from 50 to 300 K, not nan"),
        ({"heat_min": "hot"}, "not 'hot'"),
        ({"heat_min": True}, "not True"),
        ({"heat_max": 60}, "heat_max must not be below heat_min, found 60 and 100"),
        ({"trays": 0}, "trays must be a whole number from 1 to 4, not 0"),
        ({"trays": 2.0}, "trays must be a whole number from 1 to 4, not 2.0"),
        ({"trays": True}, "not True"),
        ({"fan": 1}, "fan must be true or false, not 1"),
        ({"mode": "tpo"}, "unknown mode 'tpo'; did you mean 'top'"),
        ({"shelf": 2}, "shelf must be one of 1, 3, not 2"),
        ({"shelf": 3.0}, "shelf must be one of 1, 3, not 3.0"),
        ({"shelf": True}, "not True"),
        ({"flours": {}}, "flours must be weights of rye, wheat, not {}"),
        ({"flours": {"wheet": 1}}, "unknown key of flours 'wheet'; did you mean 'wheat'"),
        ({"flours": {"rye": -1}}, "the weight of rye must be a number from 0"),
        ({"flours": {"rye": 0}}, "at least one weight above 0"),
    ],
)
def test_what_is_out_of_range_is_refused(config: dict[str, Any], message: str) -> None:
    with pytest.raises((DataError, UnknownNameError)) as caught:
        Oven(**config)
    assert message in str(caught.value)


def test_both_ends_of_a_range_are_taken() -> None:
    Oven(heat_min=50, heat_max=300.0, trays=4, mode="bottom", shelf=1, flours={"rye": 0.5, "wheat": 0}, fan=True)


def test_settings_are_described() -> None:
    texts = [str(setting) for setting in settings_of(Oven)]
    assert texts[0] == "heat_min = 100.0 (a number from 50 to 300 K): lowest temperature"
    assert texts[3] == "fan = false (true or false): whether it blows"
    assert texts[-1] == "note =  (a value)"
    assert [s.name for s in settings_of(ToyConfig)] == [f.name for f in dataclasses.fields(ToyConfig)]


@every_dataset
def test_every_range_of_a_room_is_held(dataset: type[Dataset]) -> None:
    """Just outside of each declared range there is a refusal that says the range; the default is inside."""
    simulator = dataset.simulator()
    default = simulator.config({})
    assert simulator.settings
    for setting in simulator.settings:
        assert setting.what, f"{setting.name} does not say what it is"
        assert setting.kind != "other"
        assert getattr(default, setting.name) == setting.default
        if setting.kind not in ("number", "whole"):
            continue
        step = 1 if setting.kind == "whole" else 1e-6 * max(abs(setting.high), 1)
        for value in (setting.low - step, setting.high + step):
            bad = int(value) if setting.kind == "whole" else value
            with pytest.raises(DataError, match=re.escape(f"{setting.name} must be {setting.expected}, not")):
                simulator.config({setting.name: bad})
