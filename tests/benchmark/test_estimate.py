"""The time left: from finished cells, weighted with what cells are expected to cost."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from helpers.toy import Toy
from pd4ml import Belle
from pd4ml.benchmark import Cell
from pd4ml.benchmark.estimate import TimeLeft, expected_cost, time_left_text
from pd4ml.training import load_recipe


def cell(recipe: str = "fcn", dataset: type = Toy, seed: int = 1) -> Cell:
    return Cell(dataset, load_recipe(recipe), seed, "generated")


def test_same_recipe_on_the_same_dataset_comes_first() -> None:
    small, large, other = cell(), cell("graph_net"), cell("graph_net", Belle)
    again, elsewhere = cell("graph_net", seed=2), cell(dataset=Belle)
    costs = {small.name: 1.0, large.name: 4.0, other.name: 2.0, again.name: 4.0, elsewhere.name: 3.0}
    left = TimeLeft(costs)
    assert left.seconds([large]) is None
    left.finished(small, 10.0)
    assert left.seconds([large]) == pytest.approx(40.0)  # by cost, at the speed of all
    assert left.seconds([elsewhere]) == pytest.approx(30.0)
    left.finished(large, 100.0)
    assert left.seconds([other]) == pytest.approx(50.0)  # at the speed of the same recipe
    left.finished(other, 7.0)
    assert left.seconds([again]) == pytest.approx(100.0)  # as the other seed
    assert left.seconds([]) == 0.0


def test_trees_say_nothing_about_networks() -> None:
    trees, other_trees, network = cell("gbdt"), cell("gbdt", Belle), cell()
    left = TimeLeft({trees.name: 1.0, other_trees.name: 2.0, network.name: 100.0})
    left.finished(trees, 5.0)
    assert left.seconds([other_trees]) == pytest.approx(10.0)
    assert left.seconds([network, other_trees]) is None


def test_several_at_a_time_share_the_time_but_not_the_longest() -> None:
    cells = [cell(seed=seed) for seed in (1, 2, 3)]
    left = TimeLeft({c.name: 1.0 for c in cells})
    left.finished(cells[0], 60.0)
    assert left.seconds(cells[1:], 2) == pytest.approx(60.0)
    assert left.seconds(cells[1:], 4) == pytest.approx(60.0)
    assert left.seconds(cells, 2) == pytest.approx(90.0)


def test_cost_is_operations_times_events_times_epochs(tmp_path: Path) -> None:
    Toy.generate(tmp_path, 200)
    graphs = Toy.graphs("train", tmp_path, source="generated")

    def cost(**changes: object) -> float:
        recipe = load_recipe("fcn").override(name="fcn", **changes)
        return expected_cost(replace(cell(), recipe=recipe), graphs)

    # Multiply and add: two operations a weight; a million besides.
    layers = [12 * 64, 64 * 64, 64 * 1]
    assert cost(max_epochs=3, hyperparameters={"width": 64, "depth": 2}) == pytest.approx(
        (2 * sum(layers) + 1e6) * 160 * 3
    )
    assert cost(max_epochs=10) == pytest.approx(10 / 3 * cost(max_epochs=3))


def test_trees_cost_their_events_once(tmp_path: Path) -> None:
    Toy.generate(tmp_path, 200)
    graphs = Toy.graphs("train", tmp_path, source="generated")
    assert expected_cost(cell("gbdt"), graphs) < expected_cost(cell(), graphs) / 100


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, ""),
        (3.0, "less than a minute left"),
        (100.0, "about 2 min left"),
        (59 * 60, "about 59 min left"),
        (3600 * 2.2, "about 2 h 10 min left"),
        (59.9 * 60, "about 1 h 00 min left"),
        (86400 * 3, "about 3.0 days left"),
    ],
)
def test_said_in_words(seconds: float | None, text: str) -> None:
    assert time_left_text(seconds) == text
