"""What simulators know of their events: arrays of truth, and which settings leave them as they are."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np
import pytest

import pd4ml
from pd4ml.dataset import Dataset
from pd4ml.generation.settings import Setting
from pd4ml.storage.store import Array

DATASETS = [d for d in pd4ml.Dataset.datasets_register if d.__module__.startswith("pd4ml.")]
STAGED = [d for d in DATASETS if d.simulator().truth]
RESPONSE = [
    (dataset, name)
    for dataset in STAGED
    for name, variant in dataset.card.variants.items()
    if name != "default" and dataset.simulator().same_events(variant.config)
]


def simulate(
    dataset: type[Dataset], options: Mapping[str, Any], n: int = 30, split: str = "train"
) -> Mapping[str, Array]:
    simulator = dataset.simulator()
    return simulator.simulate(n, np.random.SeedSequence(11), simulator.config(options), split)


@cache
def nominal_of(name: str, n: int = 30, split: str = "train") -> Mapping[str, Array]:
    (dataset,) = (d for d in DATASETS if d.name == name)
    return simulate(dataset, {}, n, split)


@pytest.mark.parametrize(("dataset", "variant"), RESPONSE, ids=lambda x: x if isinstance(x, str) else x.name)
def test_a_variant_of_the_response_has_the_events_of_the_default(dataset: type[Dataset], variant: str) -> None:
    nominal, varied = nominal_of(dataset.name), simulate(dataset, dataset.card.variants[variant].config)
    for name in dataset.simulator().truth:
        np.testing.assert_array_equal(nominal[name], varied[name])
    main = dataset.card.inputs[0].name
    assert not np.array_equal(nominal[main], varied[main])


def another(setting: Setting) -> Any:
    """A value that is not the default."""
    if setting.kind == "switch":
        return not setting.default
    if setting.options:
        return next(option for option in setting.options if option != setting.default)
    if setting.default == setting.low:
        return type(setting.default)(min(setting.low + 1, setting.high))
    return type(setting.default)(0.9 * setting.default)


@pytest.mark.parametrize("dataset", STAGED, ids=lambda d: d.name)
def test_every_setting_of_the_response_leaves_the_truth_alone(dataset: type[Dataset]) -> None:
    simulator = dataset.simulator()
    nominal = nominal_of(dataset.name, 12)
    for setting in simulator.settings:
        if setting.stage == "response":
            assert simulator.same_events({setting.name: None})
            other = simulate(dataset, {setting.name: another(setting)}, 12)
            for name in simulator.truth:
                np.testing.assert_array_equal(nominal[name], other[name])


@pytest.mark.parametrize("dataset", STAGED, ids=lambda d: d.name)
def test_other_settings_are_not_said_to_leave_the_events_alone(dataset: type[Dataset]) -> None:
    simulator = dataset.simulator()
    assert simulator.stages == ("truth", "response")
    known = {name for name, v in dataset.card.variants.items() if simulator.same_events(v.config)}
    for name in set(dataset.card.variants) - known:  # some variants change the test split only
        config = dataset.card.variants[name].config
        if "geant4" in config.values() and config.get("tables") != "stand-in":
            continue  # its data sets may not be there
        n = 4 if "geant4" in config.values() else 30
        nominal, varied = nominal_of(dataset.name, n, "test"), simulate(dataset, config, n, "test")
        main = dataset.card.inputs[0].name
        assert any(not np.array_equal(nominal[a], varied[a]) for a in (*simulator.truth, main))
