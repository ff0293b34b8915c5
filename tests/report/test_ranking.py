from __future__ import annotations

import json

from helpers.records import example_record
from pd4ml.benchmark import Record
from pd4ml.card import Measurement
from pd4ml.report.groups import sections
from pd4ml.report.ranking import LITERATURE_NOTE, best, rank, to_json, to_markdown, to_text


def record(name: str, auc: float, error: float = 0.001, **changes: object) -> Record:
    recipe = {**example_record().recipe, "name": name}
    return example_record(recipe=recipe, metrics={"auc": Measurement(auc, error)}, **changes)


def outside(name: str, auc: float, **changes: object) -> Record:
    """Predictions of another tool, of which nothing else is known."""
    unknown = {"kind": "external", "model": {"name": name}, "seed": None, "events": {"test": 4000}, "epochs": {}}
    recipe = {"name": name, "model": name, "reference": "arXiv:0000.00000"}
    unknown |= {"recipe": recipe, "timing": {}, "versions": {}, "machine": {}}
    return example_record(**{**unknown, "metrics": {"auc": Measurement(auc, 0.001)}, **changes})


def places(records: list[Record]) -> list[tuple[str, int, bool]]:
    (section,) = sections(records)
    return [(place.group.label, place.rank, place.tied) for place in rank(section)]


def test_ties_within_errors() -> None:
    records = [record("a", 0.96), outside("b", 0.9705), record("c", 0.9699), record("d", 0.9710)]
    assert places(records) == [("d", 1, True), ("b", 1, True), ("c", 1, True), ("a", 4, False)]
    assert places([record("a", 0.9), record("b", 0.9)]) == [("a", 1, True), ("b", 1, True)]


def test_the_best_keep_their_order() -> None:
    (section,) = sections([record(name, auc) for name, auc in zip("abcd", (0.96, 0.98, 0.95, 0.97), strict=True)])
    assert [group.label for group in best(section, 2).groups] == ["b", "d"]
    assert best(section, 4) is section


def test_the_spread_between_trainings_counts() -> None:
    steady = [record("steady", auc, seed=seed) for seed, auc in enumerate((0.960, 0.9601))]
    wild = [record("wild", auc, seed=seed) for seed, auc in enumerate((0.95, 0.98))]
    assert places([*steady, *wild]) == [("wild", 1, True), ("steady", 1, True)]


def test_less_error_is_better() -> None:
    values = {"a": 1000.0, "b": 900.0}
    records = [
        example_record(recipe={**example_record().recipe, "name": name}, metrics={"mse": Measurement(value, 10.0)})
        for name, value in values.items()
    ]
    assert places(records) == [("b", 1, False), ("a", 2, False)]


def test_other_events_are_another_ranking_and_literature_is_in_none() -> None:
    generated = {**example_record().dataset, "name": "TopTagging"}
    published = {**generated, "source": "published", "fingerprint": "1" * 64}
    records = [record("net", 0.9, dataset=generated), record("net", 0.8, dataset=published)]
    body = json.loads(to_json(records))
    assert [len(section["ranking"]) for section in body] == [1, 1]
    assert {section["dataset"]["source"] for section in body} == {"generated", "published"}
    for section in body:
        assert {score["model"] for score in section["literature"]} >= {"reference model", "ParticleNet"}
        assert [place["label"] for place in section["ranking"]] == ["net"]
    text = to_markdown(records)
    assert text.count("## TopTagging") == 2
    assert text.count(LITERATURE_NOTE) == 2
    ranking, _, literature = text.partition("| model | ACC")
    assert "ParticleNet" not in ranking
    assert (
        "| ParticleNet | 0.94 | 0.9858 | 1615 | 397 | model of arXiv:1902.08570, on the reference set |"
        in literature
    )


def test_every_entry_says_where_it_comes_from() -> None:
    known = record("net", 0.9, code={"version": "1", "commit": "abcdef0123" * 4, "modified": True}, seed=5)
    text = to_markdown([known, outside("their_net|", 0.8)])
    assert "| 1 | net | 0.9000 ± 0.0010 | 12,800 | 5 | net | abcdef012+ |" in text
    assert r"| 2 | their\_net\| | 0.8000 ± 0.0010 | ? | ? | external: arXiv:0000.00000 | ? |" in text
    assert "fingerprint 0000000000000000" in text
    assert "seed 1" in text


def test_terminal() -> None:
    for width in (None, 160, 60):
        text = to_text([record("net", 0.9), outside("a\x1b[31mb", 0.8)], width)
        assert "0.9000 ± 0.0010" in text
        assert "\x1b" not in text
