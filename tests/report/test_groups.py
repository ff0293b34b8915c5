from __future__ import annotations

import pytest

from helpers.records import example_record
from pd4ml.benchmark.record import Record
from pd4ml.card import Measurement
from pd4ml.report.groups import sections


def with_auc(value: float, seed: int | None, recipe: str = "fcn", rate: float = 1e-3, **changes: object) -> Record:
    fields = {
        "seed": seed,
        "recipe": {**example_record().recipe, "name": recipe, "learning_rate": rate},
        "metrics": {"auc": Measurement(value, 0.01)},
    }
    return example_record(**{**fields, **changes})


def test_seeds_are_one_group_with_mean_and_spread() -> None:
    (section,) = sections([with_auc(0.90, 3), with_auc(0.94, 1), with_auc(0.92, 2), with_auc(0.5, 1, "other")])
    fcn, other = section.groups
    assert [record.seed for record in fcn.records] == [1, 2, 3]
    summary = fcn.summary("auc")
    assert summary is not None
    assert summary.mean.value == pytest.approx(0.92)
    assert summary.spread == pytest.approx(0.02)
    # The trainings share the test events: their error does not shrink with their number.
    assert summary.mean.error == pytest.approx(0.01)
    alone = other.summary("auc")
    assert alone is not None
    assert (alone.spread, alone.n) == (None, 1)
    assert other.summary("mse") is None


def test_one_lower_limit_makes_the_group_a_limit() -> None:
    limit = {"auc": Measurement(0.8, None, lower_limit=True)}
    (section,) = sections([with_auc(0.9, 1), with_auc(0, 2, metrics=limit)])
    summary = section.groups[0].summary("auc")
    assert summary is not None
    assert summary.mean == Measurement(0.8, None, lower_limit=True)


def test_other_events_are_another_section() -> None:
    other = {**example_record().dataset, "fingerprint": "1" * 64, "variant": "far"}
    first, second = sections([with_auc(0.9, 1), with_auc(0.9, 1, dataset=other)])
    assert [first.title, second.title] == ["Toy (generated)", "Toy (generated, variant far)"]


def test_same_name_but_another_training_is_told_apart() -> None:
    few = {"train": 80, "valid": 20, "test": 4000}
    (section,) = sections([with_auc(0.9, 1), with_auc(0.8, 1, events=few), with_auc(0.7, 1, rate=1e-9)])
    labels = {group.label for group in section.groups}
    assert labels == {"fcn (80 events)", "fcn (12,800 events) #1", "fcn (12,800 events) #2"}


def test_predictions_of_another_tool_are_a_group_too() -> None:
    (section,) = sections([with_auc(0.9, None, events={"test": 10}, kind="external"), with_auc(0.8, 1)])
    assert len(section.groups) == 2
    assert len({group.label for group in section.groups}) == 2


def on_events(n_train: int, value: float, recipe: str = "fcn", seed: int = 1) -> Record:
    return with_auc(value, seed, recipe, events={"train": n_train, "valid": n_train // 4, "test": 100})


def test_learning_curves_are_of_recipes_with_several_numbers_of_events() -> None:
    (section,) = sections(
        [on_events(400, 0.9), on_events(100, 0.7), on_events(100, 0.8, seed=2), on_events(400, 0.95, "other")]
    )
    ((name, groups),) = section.learning_curves.items()
    assert name == "fcn"
    assert [(group.n_train, len(group.records)) for group in groups] == [(125, 2), (500, 1)]
    assert [(group.label, group.n_train) for group in section.largest.groups] == [("fcn", 500), ("other", 500)]
    assert {group.label for group in section.groups} == {"fcn (100 events)", "fcn (400 events)", "other"}
