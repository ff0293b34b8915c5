"""The contract finds what is broken, check by check, and passes what has no simulator or no published files."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from helpers.learnable import LEARNABLE
from helpers.toy import Toy, ToyConfig, simulate
from pd4ml.card import ArraySpec, Citation, Level, PublishedFile, PublishedSource, Variant
from pd4ml.cli import app
from pd4ml.contribute import Check, check_dataset
from pd4ml.dataset import Dataset
from pd4ml.errors import DataError
from pd4ml.generation.simulator import Simulator
from pd4ml.graphs.packed import PackedGraphs
from pd4ml.storage.store import Array

BIBTEX = '@misc{Toy,\n title = "Points"\n}'


@pytest.fixture(autouse=True)
def whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """Toy with a card that says all that is asked for."""
    card = replace(Toy.card, graph="a chain", generator="random points", citations=(Citation("Toy", BIBTEX),))
    monkeypatch.setattr(Toy, "card", card)


def checked(dataset: type[Dataset] = Toy, **options: Any) -> dict[str, Check]:
    checks = check_dataset(dataset, **{"n_events": 200, "workers": 1, "train": False, **options})
    assert all("\n" not in check.found and check.found for check in checks)
    return {check.name: check for check in checks}


def failures(found: Mapping[str, Check]) -> list[str]:
    return [name for name, check in found.items() if check.state == "failed"]


def test_a_whole_dataset_passes() -> None:
    found = checked()
    assert failures(found) == []
    assert found["events: there"].state == "passed"
    assert found["card: published files"].state == found["events: groups"].state == "not applicable"
    assert found["use: training"].found == "not asked for"


FILE = PublishedFile("a.npz", ("https://example.org/a.npz",), "npz", ("train", "test"), md5="0" * 32)


@pytest.mark.parametrize(
    ("changes", "name", "said"),
    [
        ({"licence": ""}, "card: texts", "does not say its licence"),
        ({"citations": ()}, "card: citations", "nothing to cite"),
        ({"citations": (Citation("Other", BIBTEX),)}, "card: citations", "does not begin with @kind{Other,"),
        ({"citations": (Citation("Toy", "@misc{Toy,"),)}, "card: citations", "braces"),
        ({"classes": ()}, "card: arrays", "classes are not named"),
        ({"group": "grid"}, "card: arrays", "group grid is none of the extras"),
        ({"extras": (ArraySpec("x", (), "float32", "", "x"),)}, "card: arrays", "x has no unit"),
        ({"splits": {"train": 10}}, "card: splits", "expected the splits train and test"),
        ({"variants": {"far": Variant("far")}}, "simulator: variants", "first variant must be default"),
        (
            {"variants": {"default": Variant("as is"), "same": Variant("as is")}},
            "simulator: variants",
            "default and same have the same settings",
        ),
        (
            {"sources": (PublishedSource("web", (replace(FILE, mirrors=("http://example.org",)),)),)},
            "card: published files",
            "must begin with https",
        ),
        ({"sources": (PublishedSource("web", (replace(FILE, md5="12"),)),)}, "card: published files", "32 hex"),
    ],
)
def test_what_is_wrong_with_a_card_is_found(
    changes: dict[str, Any], name: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Toy, "card", replace(Toy.card, **changes))
    found = checked()[name]
    assert found.state == "failed"
    assert said in found.found


def test_what_a_person_should_look_at_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    sources = (PublishedSource("web", (replace(FILE, md5=None),)),)
    monkeypatch.setattr(Toy, "card", replace(Toy.card, sources=sources, graph=""))
    found = checked()
    names = ("card: texts", "card: unknown", "card: published files", "simulator: settings")
    assert {found[name].state for name in names} == {"warning"}


def repeats_events(n: int, seed: np.random.SeedSequence, config: ToyConfig, split: str) -> dict[str, Array]:
    arrays = simulate(50, np.random.SeedSequence(1), config, split)
    return {name: array if name == "grid" else array[:n] for name, array in arrays.items()}


def forgets_the_seed(n: int, seed: np.random.SeedSequence, config: ToyConfig, split: str) -> dict[str, Array]:
    return simulate(n, np.random.SeedSequence(), config, split)


def one_class(n: int, seed: np.random.SeedSequence, config: ToyConfig, split: str) -> dict[str, Array]:
    return {**simulate(n, seed, config, split), "label": np.ones(n, np.uint8)}


def few_of_a_class(n: int, seed: np.random.SeedSequence, config: ToyConfig, split: str) -> dict[str, Array]:
    return {**simulate(n, seed, config, split), "label": (np.arange(n) % 20 == 0).astype(np.uint8)}


def other_shape(n: int, seed: np.random.SeedSequence, config: ToyConfig, split: str) -> dict[str, Array]:
    arrays = simulate(n, seed, config, split)
    return {**arrays, "points": arrays["points"][:, :4]}


def raises(n: int, seed: np.random.SeedSequence, config: ToyConfig, split: str) -> dict[str, Array]:
    raise RuntimeError("out of\nluck")


@pytest.mark.parametrize(
    ("simulator", "name", "state", "said"),
    [
        (repeats_events, "simulator: seed", "failed", "another seed gave the same events"),
        (repeats_events, "events: audit", "failed", "events of test are in train, too"),
        (forgets_the_seed, "simulator: seed", "failed", "the same seed gave other points"),
        (one_class, "events: target", "failed", "train has no zero"),
        (few_of_a_class, "events: target", "warning", "not balanced: train 94% zero, 6% one"),
        (
            other_shape,
            "simulator: arrays",
            "failed",
            "expected float32 (50, 5, 2), found float32 (50, 4, 2)",
        ),
        (raises, "events: there", "failed", "RuntimeError: out of luck"),
        (raises, "use: graphs", "not applicable", "there are no events"),
    ],
)
def test_what_is_wrong_with_a_simulator_is_found(
    simulator: Callable[..., dict[str, Array]], name: str, state: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = Simulator(simulator, ToyConfig, chunk_events=50)
    monkeypatch.setattr(Toy, "simulator", classmethod(lambda cls: made))
    found = checked()[name]
    assert found.state == state
    assert said in found.found


def graphs(change: Callable[[PackedGraphs], PackedGraphs]) -> Any:
    def build(cls: type[Dataset], arrays: Any, fitted: Any, *, edges: bool = True) -> PackedGraphs:
        return change(BUILD(arrays, fitted, edges=edges))

    return classmethod(build)


BUILD = Toy.build_graphs


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda g: replace(g, edge_index=g.edge_index[:, 1:]), "edges must go both ways"),
        (lambda g: replace(g, edge_index=g.edge_index[:, ::-1]), "edges must be sorted"),
        (lambda g: replace(g, nodes=np.full_like(g.nodes, np.nan)), "not finite"),
        (lambda g: replace(g, max_nodes=4), "an event has 5 nodes"),
        (lambda g: replace(g, nodes=g.nodes - g.nodes.mean()), "depends on the events around it"),
    ],
)
def test_what_is_wrong_with_graphs_is_found(
    change: Callable[[PackedGraphs], PackedGraphs], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Toy, "build_graphs", graphs(change))
    found = checked()["use: graphs"]
    assert found.state == "failed"
    assert said in found.found


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, ""),
        ({"particle": "points"}, "the card has no array points of one number an event in 1"),
        ({"unit": "GeV"}, "the card has no array label of one number an event in GeV"),
        ({"detector": "mass"}, "there is no summary feature mass"),
        ({"high": 0.0}, "8 bins from 0 to 0 are none"),
    ],
)
def test_levels_name_what_is_there(changes: dict[str, Any], said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    level = replace(Level("label", "seen", "1", 0, 1, 8), **changes)
    seen = classmethod(lambda cls, arrays: {"seen": np.asarray(arrays["points"])[:, 0, 0]})
    monkeypatch.setattr(Toy, "summary", seen)
    monkeypatch.setattr(Toy, "levels", classmethod(lambda cls: {"x": level}))
    found = checked()["use: levels"]
    assert found.state == ("failed" if said else "passed")
    assert said in found.found


def test_groups_in_two_splits_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def grouped(n: int, seed: np.random.SeedSequence, config: ToyConfig, split: str) -> dict[str, Array]:
        return {**simulate(n, seed, config, split), "run": np.arange(n) // 5}

    extras = (ArraySpec("run", (), "int64", "1", "events of one run"),)
    monkeypatch.setattr(Toy, "card", replace(Toy.card, extras=extras, group="run"))
    made = Simulator(grouped, ToyConfig, chunk_events=50)
    monkeypatch.setattr(Toy, "simulator", classmethod(lambda cls: made))
    found = checked()["events: groups"]
    assert (found.state, found.found) == ("failed", "events of one run lie in two splits")


def test_given_events_are_checked_without_a_simulator(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As of a dataset that is published only."""
    Toy.generate(tmp_path, 200, seed=9)
    monkeypatch.setattr(Toy, "_has_simulator", classmethod(lambda cls: False))
    found = checked(path=tmp_path)
    assert failures(found) == []
    assert found["simulator: seed"].state == "not applicable"
    assert found["events: arrays"].state == "passed"
    without = checked()
    assert failures(without) == []
    assert without["events: there"].state == without["events: arrays"].state == "not applicable"


def of_this_process(n: int, seed: np.random.SeedSequence, config: ToyConfig, split: str) -> dict[str, Array]:
    return simulate(n, np.random.SeedSequence([os.getpid(), *seed.generate_state(1)]), config, split)


def test_workers_that_change_the_events_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    made = Simulator(of_this_process, ToyConfig, chunk_events=50)
    monkeypatch.setattr(Toy, "simulator", classmethod(lambda cls: made))
    found = checked(workers=2)["simulator: workers"]
    assert (found.state, found.found[:38]) == ("failed", "1 and 2 workers gave other events: all")


@pytest.mark.parametrize("dataset", [d for d in LEARNABLE if d.task != "unlabelled"], ids=lambda d: d.name)
def test_a_short_training_beats_chance_where_something_can_be_learned(dataset: type[Dataset]) -> None:
    found = checked(dataset, n_events=1000, train=True)["use: training"]
    assert found.state == "passed", found.found


def test_a_table_and_json_for_a_machine() -> None:
    line = ["check", "dataset", "Toy", "--events", "200", "--workers", "1", "--no-train"]
    table = CliRunner().invoke(app, line)
    assert table.exit_code == 0, table.output
    assert "card: texts" in table.stdout
    found = CliRunner().invoke(app, [*line, "--json"])
    assert json.loads(found.stdout)[0] == {"name": "card: texts", "state": "passed", "found": "licence: MIT"}
    with pytest.raises(DataError, match=r"folder that holds the published events of Toy with path \(--path\)"):
        check_dataset(Toy, source="published")
    with pytest.raises(DataError, match="n_events must be at least 10"):
        check_dataset(Toy, n_events=1)


def test_a_failure_is_the_exit_code(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Toy, "card", replace(Toy.card, licence=""))
    line = ["check", "dataset", "Toy", "--events", "200", "--workers", "1", "--no-train"]
    assert CliRunner().invoke(app, line).exit_code == 1
