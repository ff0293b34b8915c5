"""Train the models that serve every dataset for the same wall time, and write ``benchmarks/shared_models.json``.

Each model gets as many epochs of its short recipe as fit into the budget, at least one; an epoch is measured in a
short training before. The learning-rate schedule spans these epochs. Trainings with several seeds run at the
same time, each on its share of the cores.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import shutil
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from statistics import mean
from typing import Any

import numba
import torch

import pd4ml
from pd4ml.benchmark import train
from pd4ml.benchmark.record import Record, now, versions
from pd4ml.errors import Pd4mlError
from pd4ml.machine import cores, machine
from pd4ml.training.fitted import Options
from pd4ml.training.history import read_history
from pd4ml.training.network import ESTIMATOR
from pd4ml.training.recipe import load_recipe

HERE = Path(__file__).parent
RESULTS = HERE / "shared_models.json"
DATASETS = ("TopTagging", "Airshower", "Belle", "EOSL", "Spinodal")
RECIPES = ("fcn_quick", "graph_net_quick", "spct_quick", "filter_net_quick")
EVENTS = {"Spinodal": 8_000}
DEFAULT_EVENTS = 20_000
_MEASURED_EVENTS = 800
_LONGEST = 4  # times the wall time may an epoch take: what takes longer is said and left out


def main() -> None:
    """Every dataset, recipe and seed; what is in the result file of the same dataset and recipe is replaced."""
    arguments = _arguments()
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {"rows": []}
    results |= {"machine": machine(), "versions": versions(), "created": now(), "seconds": arguments.seconds}
    results["threads"] = _threads(arguments.seeds)
    for name in arguments.datasets:
        dataset = pd4ml.Dataset.datasets_register.find(name)
        _generate(dataset, arguments.path, arguments.events)
        for recipe in arguments.recipes:
            rows = [row for row in results["rows"] if (row["dataset"], row["recipe"]) != (name, recipe)]
            rows += _compared(dataset, recipe, arguments)
            results["rows"] = sorted(rows, key=_place)
            RESULTS.write_text(json.dumps(results, indent=1) + "\n")
    subprocess.run([sys.executable, str(HERE.parent / "docs" / "make_pages.py")], check=True)


def _place(row: dict[str, Any]) -> tuple[int, int, int]:
    """Where a row stands: others before those of this script's datasets and recipes, which have their order."""
    places = [
        names.index(row[key]) if row[key] in names else -1
        for key, names in (("dataset", DATASETS), ("recipe", RECIPES))
    ]
    return places[0], places[1], row["seed"]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--path", default="demo/shared_datasets", help="folder of the datasets; missing ones are generated"
    )
    parser.add_argument("--runs", type=Path, default=Path("demo/shared_models"), help="folder of the runs")
    parser.add_argument("--seconds", type=float, default=100.0, help="wall time of each training")
    parser.add_argument("--seeds", type=int, default=1, help="trainings of each model, at the same time")
    parser.add_argument("--events", type=int, default=None, help="events of a dataset that is generated")
    parser.add_argument("--datasets", nargs="+", default=DATASETS)
    parser.add_argument("--recipes", nargs="+", default=RECIPES)
    return parser.parse_args()


def _generate(dataset: type[pd4ml.Dataset], path: str, n_events: int | None) -> None:
    try:
        dataset.open("train", path, source="generated")
    except Pd4mlError:
        n_events = n_events or EVENTS.get(dataset.name, DEFAULT_EVENTS)
        dataset.generate(path, n_events=n_events, seed=1, workers=2)


def _compared(dataset: type[pd4ml.Dataset], name: str, arguments: argparse.Namespace) -> list[dict[str, Any]]:
    """One row for each seed; seeds are trained at the same time, each on its share of the cores."""
    seeds = range(1, arguments.seeds + 1)
    threads = _threads(arguments.seeds)
    work = (dataset.name, name, arguments.path, arguments.runs)
    with ProcessPoolExecutor(
        arguments.seeds, multiprocessing.get_context("spawn"), initializer=_limit_threads, initargs=(threads,)
    ) as pool:
        measured = [pool.submit(_seconds_of_an_epoch, *work, seed) for seed in seeds]
        epoch = mean(each.result() for each in measured)
        epochs = max(1, round(arguments.seconds / epoch))
        print(f"{dataset.name}, {name}: {epochs} epochs of {epoch:.1f} s", file=sys.stderr, flush=True)
        if epoch > _LONGEST * arguments.seconds:
            return [_left_out(dataset.name, name, epoch)]
        trained = [pool.submit(_trained, *work, seed, epochs) for seed in seeds]
        return [each.result() for each in trained]


def _left_out(dataset: str, recipe: str, epoch: float) -> dict[str, Any]:
    """The row of a model that is too slow."""
    return {"dataset": dataset, "recipe": recipe, "seed": 0, "seconds_of_an_epoch": epoch}


def _threads(n_trainings: int) -> int:
    """Of each of the trainings that share the cores."""
    return max(1, (cores()) // n_trainings)


def _limit_threads(threads: int) -> None:
    numba.set_num_threads(threads)
    torch.set_num_threads(threads)


def _seconds_of_an_epoch(name: str, recipe_name: str, path: str, runs: Path, seed: int) -> float:
    """Wall time of an epoch with all events, from the second and third epoch of a training with some."""
    dataset, recipe = pd4ml.Dataset.datasets_register.find(name), load_recipe(recipe_name)
    sample = dataset.at(path, source="generated")
    n_split = len(sample.open("train"))
    n_events = min(_MEASURED_EVENTS, n_split)
    folder = runs / f"measure-{name}-{recipe_name}-{seed}"
    shutil.rmtree(folder, ignore_errors=True)
    short = recipe.override(max_epochs=3, patience=3)
    ESTIMATOR.fit({"train": sample}, short, folder, Options(n_events=n_events))
    seconds = [row["seconds"] for row in read_history(folder / "history.csv")]
    shutil.rmtree(folder)
    return sum(seconds[1:]) / 2 * n_split / n_events


def _trained(name: str, recipe_name: str, path: str, runs: Path, seed: int, epochs: int) -> dict[str, Any]:
    """The row of one training."""
    dataset = pd4ml.Dataset.datasets_register.find(name)
    recipe = load_recipe(recipe_name).override(name=recipe_name, max_epochs=epochs, patience=epochs)
    record = train(dataset, recipe, path=path, source="generated", seed=seed, runs_dir=runs, force=True)
    return _row(record)


def _row(record: Record) -> dict[str, Any]:
    return {
        "dataset": record.dataset["name"],
        "task": record.dataset["task"],
        "unit": record.dataset["unit"],
        "fingerprint": record.dataset["fingerprint"],
        "recipe": record.recipe["name"],
        "model": record.model["name"],
        "parameters": record.model["parameters"],
        "seed": record.seed,
        "events": record.events,
        "epochs": record.epochs,
        "seconds": record.timing["train_seconds"],
        "metrics": {name: {"value": found.value, "error": found.error} for name, found in record.metrics.items()},
    }


if __name__ == "__main__":
    main()
