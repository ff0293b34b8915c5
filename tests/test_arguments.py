"""What users hand in: a mistake of any type is one line, and ``~`` is the home folder wherever a path is taken."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import pd4ml
from helpers.toy import Toy
from pd4ml.arguments import as_path, as_whole
from pd4ml.benchmark import load_plan, plan_states, run_plan
from pd4ml.benchmark.leaderboard import add_run, check, entries
from pd4ml.benchmark.record import find_records, read_record
from pd4ml.errors import DataError, Pd4mlError
from pd4ml.evaluation.predictions import Predictions
from pd4ml.evaluation.submission import read_submission
from pd4ml.evaluation.truth import dataset_truth, file_truth
from pd4ml.sample import Sample
from pd4ml.storage.store import Store
from pd4ml.training.recipe import load_recipe

Made = tuple[Sample, Path]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    path = tmp_path_factory.mktemp("events")
    Toy.generate(path, 200)
    return Toy.at(path, source="generated"), path


def train(sample: Sample, **options: Any) -> Any:
    return pd4ml.train(sample, "fcn_quick", **{"runs_dir": sample.path / "runs", **options})


FOUND = {
    "load(0)": (lambda s, p: Toy.load(0, p, source="generated"), "unknown split 0"),  # type: ignore[arg-type]
    "split in a list": (lambda s, p: s.open(["train"]), r"unknown split \['train'\]"),
    "no variant": (lambda s, p: Toy.at(p, source="generated", variant=None), "variant None: use letters"),  # type: ignore[arg-type]
    "a variant's number": (lambda s, p: Toy.generate(p, 200, variant=3), "unknown variant 3"),  # type: ignore[arg-type]
    "no path": (lambda s, p: Toy.load("train", None), "path must be the path of a file or folder, found None"),  # type: ignore[arg-type]
    "an empty path": (lambda s, p: Toy.at(""), "path must be the path of a file or folder, found ''"),
    "workers in quotes": (lambda s, p: Toy.generate(p / "x", 200, workers="2"), "workers must be a whole .* '2'"),  # type: ignore[arg-type]
    "no workers": (lambda s, p: Toy.generate(p / "x", 200, workers=None), "workers must be a whole .* None"),  # type: ignore[arg-type]
    "half a worker": (lambda s, p: Toy.generate(p / "x", 200, workers=1.5), "workers must be a whole .* 1.5"),  # type: ignore[arg-type]
    "events in quotes": (
        lambda s, p: Toy.generate(p / "x", "200"),  # type: ignore[arg-type]
        "n_events must be a whole number, found '200'",
    ),
    "no seed": (lambda s, p: Toy.generate(p / "x", 200, seed=None), "seed must be a whole number, found None"),  # type: ignore[arg-type]
    "draws in a text": (
        lambda s, p: Toy.generate(p, 200, variant="x", draw="shift=uniform:1,2"),  # type: ignore[arg-type]
        "draw must map settings to distributions",
    ),
    "events[1.5]": (lambda s, p: s.open("train")[1.5], "an event's place must be a whole number, found 1.5"),
    "events[None]": (lambda s, p: s.open("train")[None], "an event's place must be a whole number"),
    "take by name": (lambda s, p: s.open("train").take("a"), "events are chosen by places"),
    "choose by floats": (lambda s, p: s.open("train").choose([0.5]), "events are chosen by places"),
    "graphs[1.5]": (lambda s, p: s.graphs("train")[1.5], "events are chosen by places"),
    "batches of none": (lambda s, p: s.graphs("train").batches(0), "size must be at least 1, found 0"),
    "a view of another kind": (lambda s, p: s.graphs("train", 3), "view must be a FeatureView"),
    "subset of no split": (lambda s, p: s.subset([1], split="tset"), "did you mean 'test'"),
    "subset by a negative seed": (lambda s, p: s.subset(0.5, seed=-1), "seed must not be negative, found -1"),
    "shards in quotes": (lambda s, p: s.shards("2"), "n must be a whole number, found '2'"),
    "skew in quotes": (lambda s, p: s.shards(2, by="label", skew="a"), "skew must be a number from 0 to 1"),
    "find(None)": (lambda s, p: Toy.datasets_register.find(None), "unknown dataset None"),  # type: ignore[arg-type]
    "a run's number": (lambda s, p: pd4ml.load_run(3), "folder must be the path .* found 3"),  # type: ignore[arg-type]
    "a dataset's name": (lambda s, p: pd4ml.train("Toy", "fcn"), "expected a sample, .* found 'Toy'"),  # type: ignore[arg-type]
    "a dataset": (lambda s, p: pd4ml.train(Toy, "fcn"), "expected a sample, .* found <class"),  # type: ignore[arg-type]
    "no recipe": (lambda s, p: pd4ml.train(s, None), "recipe must be the path of a file"),  # type: ignore[arg-type]
    "a seed in quotes": (lambda s, p: train(s, seed="1"), "seed must be a whole number, found '1'"),
    "a large seed": (lambda s, p: train(s, seed=2**70), "seed must be at most"),
    "half an event": (lambda s, p: train(s, n_train=0.5), "n_train must be a whole number, found 0.5"),
    "devices in quotes": (lambda s, p: train(s, devices="2"), "devices must be a whole number, found '2'"),
    "threads in quotes": (lambda s, p: train(s, threads="2"), "threads must be a whole number, found '2'"),
    "no threads": (lambda s, p: train(s, threads=0), "threads must be at least 1, found 0"),
    "no device": (lambda s, p: train(s, device=None), "unknown device None"),
    "no runs": (lambda s, p: train(s, runs_dir=None), "runs_dir must be the path"),
}


@pytest.mark.parametrize(("call", "message"), FOUND.values(), ids=FOUND)
def test_a_mistake_is_one_line(made: Made, call: Callable[..., Any], message: str) -> None:
    with pytest.raises(Pd4mlError, match=message) as error:
        call(*made)
    assert "\n" not in str(error.value)


def test_numbers_of_numpy_are_numbers(made: Made) -> None:
    sample, _ = made
    assert (as_whole("n", np.int32(3)), as_path(Path("x"))) == (3, Path("x"))
    assert sample.subset(np.float32(0.5)) == sample.subset(0.5)
    assert len(sample.shards(np.int64(2))) == 2  # type: ignore[arg-type]


def test_events_are_indexed_as_one_expects(made: Made) -> None:
    events = made[0].open("train")
    assert set(events[0]) == {"points", "grid", "label"}, "one event, its target among its arrays"
    mask = np.arange(len(events)) % 2 == 0
    for index in (slice(3, 9), [2, 5], np.array([2, 5]), mask, []):
        chosen = events[index]
        np.testing.assert_array_equal(chosen.y, events.y[index])
        np.testing.assert_array_equal(chosen["points"], events["points"][index])
    assert len(events[:100][[3]][:0]) == 0


class Answer(torch.nn.Module):
    """Gives something that is no logit."""

    def __init__(self, answer: Any) -> None:
        super().__init__()
        self.answer, self.weight = answer, torch.nn.Parameter(torch.ones(1))

    def forward(self, batch: Any) -> Any:
        return self.answer(len(batch))


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (lambda n: torch.zeros(n, 2), r"must give \(2,\) .* found \(2, 2\)"),
        (lambda n: [0.0] * n, r"must give \(2,\) .* found list"),
        (lambda n: np.zeros(n), r"must give \(2,\) .* found ndarray"),
        (lambda n: None, r"must give \(2,\) .* found NoneType"),
        (lambda n: {}[n], "fails on a batch"),
        (lambda n: [][n], "fails on a batch"),
    ],
)
def test_a_model_that_gives_something_else_is_refused(
    made: Made, answer: Any, message: str, tmp_path: Path
) -> None:
    with pytest.raises(DataError, match=message):
        train(made[0], model=Answer(answer), runs_dir=tmp_path)


@pytest.mark.parametrize("model", [lambda batch: batch, Answer, "fcn"], ids=["a function", "a class", "a name"])
def test_what_is_no_module_is_refused(made: Made, model: Any, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"model must be a torch.nn.Module"):
        train(made[0], model=model, runs_dir=tmp_path)


@pytest.fixture
def home(made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home folder that holds events, and a working directory that must stay as it is."""
    home, here = tmp_path / "home", tmp_path / "here"
    home.mkdir()
    here.mkdir()
    (home / "d").symlink_to(made[1], target_is_directory=True)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("USERPROFILE", str(home))
    monkeypatch.chdir(here)
    return home


def test_home_is_meant_wherever_a_path_is_taken(home: Path) -> None:
    recipe = load_recipe("fcn_quick").override(max_epochs=1)
    run = pd4ml.train(Toy.at("~/d", source="generated"), recipe, runs_dir="~/runs")
    name = run.folder.name
    assert run.folder == home / "runs" / name
    assert pd4ml.load_run(f"~/runs/{name}").record == read_record(f"~/runs/{name}") == run.record
    assert find_records("~/runs") == [run.folder / "record.json"]
    assert Store("~/d/Toy/generated-default").manifest == Toy.at("~/d", source="generated").manifest
    assert Toy.folder("~/d") == home / "d" / "Toy" / "published"
    truth = dataset_truth(Toy, "test", "~/d", source="generated")
    Predictions("classification", truth.event_id, np.linspace(-1, 1, 40, dtype=np.float32)).write("~/scores.npz")
    assert read_submission("~/scores.npz", truth).n_events == 40
    assert Predictions.read("~/scores.npz", "classification").n_events == 40
    np.savetxt(home / "truth.csv", truth.values, header="label", comments="")
    assert len(file_truth("~/truth.csv")) == 40
    assert add_run(f"~/runs/{name}", "~/board", "~/d").folder in entries("~/board")
    assert [found.problem for found in check("~/board", "~/d")] == [""]
    (home / "plan.toml").write_text(
        'datasets = ["Toy"]\nseeds = [1]\nrecipes = ["mine.toml"]\nevents = {default = 200}\n'
        'source = "generated"\n'
    )
    source = Path(load_recipe.__code__.co_filename).parent / "recipes" / "fcn_quick.toml"
    (home / "mine.toml").write_text(source.read_text("utf-8").replace("max_epochs = 20", "max_epochs = 1"))
    assert load_recipe("~/mine.toml").name == "mine"
    plan = load_plan("~/plan.toml")
    assert [state.state for state in plan_states(plan, "~/d", "~/runs")] == ["waiting"]
    assert not run_plan(plan, path="~/d", runs_dir="~/runs").failures
    assert not list(Path.cwd().iterdir()), "no folder called ~"


def test_a_home_that_nobody_knows(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="'~nobody-of-that-name/x' cannot be used: write it as text, without ~"):
        as_path("~nobody-of-that-name/x")
