from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from pd4ml.datasets.top_tagging.features import FEATURES
from pd4ml.errors import DataError, UnknownNameError
from pd4ml.training import Constant, OneCycle, Plateau, Recipe, Steps, available_recipes, load_recipe

# What short runs have otherwise than the published models.
SMALLER: dict[str, dict[str, Any]] = {"lstm_residual_quick": {"depth": 1, "long_memory": True}}


OWN = "this package's own"


@pytest.mark.parametrize("name", available_recipes())
def test_recipes_of_the_package_load_and_survive_json(name: str) -> None:
    recipe = load_recipe(name)
    assert recipe.name == name
    assert Recipe.from_dict(recipe.to_dict()) == recipe
    known = recipe.reference.startswith("arXiv:") or "NeurIPS 2017" in recipe.reference
    assert known or recipe.reference.startswith(OWN)


def test_published_values() -> None:
    fcn, graph_net = load_recipe("fcn"), load_recipe("graph_net")
    assert (fcn.learning_rate, fcn.batch_size, fcn.max_epochs) == (1e-3, 256, 300)
    assert (fcn.patience, fcn.min_delta) == (15, 1e-3)
    assert (graph_net.learning_rate, graph_net.batch_size, graph_net.max_epochs) == (1e-4, 32, 400)
    assert (graph_net.patience, graph_net.min_delta) == (50, 1e-5)
    for recipe in (fcn, graph_net):
        assert recipe.schedule == Plateau(factor=0.75, patience=8, floor=1e-5)
        assert recipe.validation_fraction == 0.2
        assert recipe.optimiser == "adam"


def test_published_values_of_the_reference_models() -> None:
    lstm, belle, eosl, spinodal = (
        load_recipe(name) for name in ("lstm_residual", "belle_graph_net", "eosl_cnn", "spinodal_cnn")
    )
    assert (lstm.optimiser, lstm.learning_rate, lstm.batch_size, lstm.max_epochs) == ("amsgrad", 3e-3, 32, 50)
    assert (lstm.patience, lstm.validation_fraction) == (10, 0.1)
    assert lstm.schedule == Plateau(factor=0.5, patience=4, floor=1e-4)
    assert (belle.optimiser, belle.learning_rate, belle.batch_size, belle.max_epochs) == ("adam", 1e-3, 1024, 100)
    assert (eosl.optimiser, eosl.learning_rate, eosl.batch_size, eosl.max_epochs) == ("adamax", 1e-4, 32, 1000)
    assert (eosl.l2, eosl.patience) == (1e-5, 150)
    assert (spinodal.optimiser, spinodal.learning_rate, spinodal.batch_size) == ("adam", 1e-3, 100)
    assert (spinodal.max_epochs, spinodal.patience, belle.patience) == (200, 15, 15)
    for recipe in (belle, eosl, spinodal):
        assert (recipe.schedule, recipe.validation_fraction, recipe.min_delta) == (Constant(), 0.2, 1e-4)


def test_published_values_of_particle_net() -> None:
    for name in ("particle_net", "particle_net_lite"):
        recipe = load_recipe(name)
        assert (recipe.optimiser, recipe.learning_rate, recipe.batch_size) == ("adam", 1e-3, 1024)
        assert (recipe.max_epochs, recipe.schedule) == (30, Steps(epochs=(10, 20), factor=0.1))
        assert recipe.hyperparameters["coordinates"] == [FEATURES.index("delta_eta"), FEATURES.index("delta_phi")]


@pytest.mark.parametrize("name", [name for name in available_recipes() if name.endswith("_quick")])
def test_short_runs_say_that_they_are_not_the_published_schedule(name: str) -> None:
    recipe = load_recipe(name)
    if OWN in recipe.reference:  # nothing of such a model was published
        assert "short run" in recipe.description
        return
    assert "not the published schedule" in recipe.description
    others = [load_recipe(other) for other in available_recipes() if not other.endswith("_quick")]
    published = [
        _without_dropout(other.hyperparameters)
        for other in others
        if other.model == recipe.model and other.max_epochs > 20
    ]
    # A short run may leave out dropout and nothing else of the model, but for what is listed and said.
    smaller = SMALLER.get(name, {})
    kept = {key: value for key, value in recipe.hyperparameters.items() if key not in smaller}
    assert {**recipe.hyperparameters, **smaller} == dict(recipe.hyperparameters)
    assert _without_dropout(kept) in published
    assert not smaller or "fewer residual units" in recipe.description


def _without_dropout(hyperparameters: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in hyperparameters.items() if not name.endswith("dropout")}


def test_override() -> None:
    recipe = load_recipe("fcn").override(max_epochs=3, schedule={"kind": "one_cycle", "warmup": 0.2})
    assert recipe.max_epochs == 3
    assert recipe.schedule == OneCycle(warmup=0.2)
    assert recipe.batch_size == load_recipe("fcn").batch_size
    assert recipe.override(schedule={"kind": "constant"}).schedule == Constant()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"learning_rat": 1e-3}, "unknown recipe key 'learning_rat'; did you mean 'learning_rate'"),
        ({"schedule": {"kind": "plateu"}}, "did you mean 'plateau'"),
        ({"schedule": {"kind": "plateau", "facto": 0.5}}, "did you mean 'factor'"),
        ({"optimiser": "adamm"}, "did you mean 'adam'"),
    ],
)
def test_unknown_keys_suggest_the_nearest(changes: dict[str, object], message: str) -> None:
    with pytest.raises(UnknownNameError, match=message):
        load_recipe("fcn").override(**changes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"learning_rate": 0}, "learning_rate must be above 0, found 0"),
        ({"learning_rate": "fast"}, "learning_rate must be of type float, found 'fast'"),
        ({"batch_size": 1.5}, "batch_size must be of type int, found 1.5"),
        ({"max_epochs": 0}, "max_epochs must be from 1 to"),
        ({"validation_fraction": 1.0}, "validation_fraction must be between 0 and 1"),
        ({"schedule": {"kind": "plateau", "factor": 2}}, "schedule.factor must be between 0 and 1"),
        ({"schedule": {"kind": "steps", "epochs": [1], "factor": 2}}, "schedule.factor must be between 0 and 1"),
        ({"schedule": {"kind": "steps", "epochs": [20, 10]}}, "schedule.epochs must be a list of ascending"),
        ({"schedule": {"kind": "steps", "epochs": []}}, "schedule.epochs must be a list of ascending"),
        ({"schedule": {"kind": "steps", "epochs": [1.5]}}, "schedule.epochs must be a list of ascending"),
        ({"schedule": {"kind": "steps", "epochs": 10}}, "schedule.epochs must be a list of .*, found 10"),
        ({"min_delta": -1}, "min_delta must be at least 0"),
        ({"l2": -1e-5}, "l2 must be at least 0"),
    ],
)
def test_values_out_of_range(changes: dict[str, object], message: str) -> None:
    with pytest.raises(DataError, match=message):
        load_recipe("fcn").override(**changes)


def test_files(tmp_path: Path) -> None:
    values = load_recipe("fcn").to_dict()
    file = tmp_path / "mine.toml"
    file.write_text('description = "x"\nreference = "x"\nmodel = "fcn"\nlearning_rate = 1\n')
    with pytest.raises(DataError, match=r"mine\.toml: a recipe needs batch_size, max_epochs"):
        load_recipe(file)
    lines = [
        f"{key} = {json.dumps(value)}" for key, value in values.items() if isinstance(value, str | int | float)
    ]
    file.write_text("\n".join([*lines, "[schedule]", 'kind = "one_cycle"']))
    assert load_recipe(file).schedule == OneCycle()
    file.write_text("= 3")
    with pytest.raises(DataError, match=r"mine\.toml: Invalid"):
        load_recipe(file)
    with pytest.raises(DataError, match="cannot be read: No such file"):
        load_recipe(tmp_path / "none.toml")
    with pytest.raises(UnknownNameError, match="unknown recipe 'fnc'; did you mean 'fcn'"):
        load_recipe("fnc")


def test_recipes_need_no_torch() -> None:
    code = (
        "import sys, pd4ml.training, pd4ml.models, pd4ml.benchmark, pd4ml.report, pd4ml.evaluation;"
        "pd4ml.training.load_recipe('fcn'); sys.exit('torch' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
