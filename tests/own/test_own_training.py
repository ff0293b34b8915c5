"""Boosted trees and shared models learn from one's own data at once, whatever its shape."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import pd4ml
from helpers.own_events import own_events
from pd4ml.sample import Sample
from pd4ml.training import load_recipe

MODELS = ("gbdt", "fcn_quick", "graph_net_quick", "particle_net_quick", "filter_net_quick")


def events_of(kind: str, path: Path) -> Sample:
    given = own_events(500)
    if kind == "table":
        columns = {"met": given.met, "n": given.label + given.run % 2}
        return pd4ml.own_data(columns, given.label, path, name="Table")
    if kind == "images":
        images = np.random.default_rng(0).random((200, 5, 5)) + 0.5 * given.label[:200, None, None]
        return pd4ml.own_data(images, given.label[:200], path, name="Squares", graph="grid")
    if kind == "values":
        return pd4ml.own_data({"particles": given.particles}, given.met, path, name="Values", graph={"k": 3})
    return pd4ml.own_data({"particles": given.particles, "met": given.met}, given.label, path, name="Sets")


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("kind", ["sets", "table", "images", "values"])
def test_every_model_trains(model: str, kind: str, tmp_path: Path) -> None:
    sample = events_of(kind, tmp_path)
    recipe = load_recipe(model, sample.dataset)
    short = recipe if model == "gbdt" else recipe.override(max_epochs=1, batch_size=64)
    run = pd4ml.train(sample, short, runs_dir=tmp_path / "runs", threads=1)
    measured = run.record.metrics["mse" if kind == "values" else "auc"].value
    assert np.isfinite(measured)
    assert model != "gbdt" or kind in ("values", "images") or measured > 0.7
    assert run.record.dataset["source"] == "own"


def test_a_run_is_loaded_where_nobody_knows_the_data(tmp_path: Path) -> None:
    sample = events_of("sets", tmp_path / "datasets")
    run = pd4ml.train(sample, "gbdt", runs_dir=tmp_path / "runs", threads=1)
    lines = """
import json, sys, pd4ml
run = pd4ml.load_run(sys.argv[1])
assert not pd4ml.Dataset.datasets_register.own(None)
sample = run.fitted.dataset.at(sys.argv[2])
print(json.dumps(run.predict(sample.open("test")).output[:5].tolist()))
"""
    command = [sys.executable, "-c", lines, str(run.record.folder), str(tmp_path / "datasets")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    np.testing.assert_array_equal(json.loads(done.stdout), run.predict(sample.open("test")).output[:5])
