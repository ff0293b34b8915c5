"""`pd4ml unfold` as it is typed, on a dataset whose two levels are known."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from helpers.toy import Toy
from pd4ml import Airshower, TopTagging
from pd4ml.benchmark import train
from pd4ml.card import ArraySpec, Level, Variant
from pd4ml.cli import app
from pd4ml.dataset import Dataset
from pd4ml.generation.settings import within
from pd4ml.generation.simulator import Simulator
from pd4ml.storage.store import Array


@dataclass(frozen=True)
class SmearedConfig:
    """``centre`` is the truth's, ``width`` the detector's."""

    centre: float = 0.0
    width: float = within(0.5, 0.0, 9.0, "1", "of the smearing", stage="response")
    lost: float = 0.0


def smear(n: int, seed: np.random.SeedSequence, config: SmearedConfig, split: str) -> dict[str, Array]:
    """Gaussian truths, and what is seen of them in the first number of the first point."""
    rng = np.random.default_rng(seed)
    truth = rng.normal(config.centre, 1, n)
    points = np.zeros((n, 5, 2), np.float32)
    points[:, 0, 0] = truth + rng.normal(0, config.width, n)
    truth[rng.random(n) < config.lost] = -99
    label = rng.integers(0, 2, n, dtype=np.uint8)
    return {
        "points": points,
        "grid": np.arange(3, dtype=np.int64),
        "label": label,
        "particle_x": truth.astype(np.float32),
    }


class Smeared(Dataset):
    """Numbers before and after a Gaussian detector."""

    card = replace(
        Toy.card,
        name="Smeared",
        extras=(ArraySpec("particle_x", (), "float32", "GeV", "the truth; -99: none", padding=-99),),
        variants=MappingProxyType(
            {
                "default": Variant("as is"),
                "moved": Variant("another truth", MappingProxyType({"centre": 0.4})),
                "wide": Variant("another detector", MappingProxyType({"width": 0.6})),
                "lossy": Variant("many lost", MappingProxyType({"lost": 0.2})),
            }
        ),
    )

    @classmethod
    def simulator(cls) -> Simulator:
        """As `smear` has it."""
        return Simulator(smear, SmearedConfig)

    @classmethod
    def summary(cls, arrays: Mapping[str, Array]) -> dict[str, Array]:
        """What was seen."""
        return {"x": np.asarray(arrays["points"])[:, 0, 0]}

    @classmethod
    def levels(cls) -> dict[str, Level]:
        """The only one."""
        return {"x": Level("particle_x", "x", "GeV", -3, 3, 8)}


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    for variant, seed in {"default": 1, "moved": 2, "wide": 1, "lossy": 2}.items():
        Smeared.generate(folder, n_events=2000, seed=seed, variant=variant)
    return folder


def unfold(path: Path, out: Path, *arguments: object) -> Result:
    command = ["unfold", "Smeared", "--path", path, "--out", out, *arguments]
    return CliRunner().invoke(app, [str(argument) for argument in command])


def test_a_variant_is_unfolded_and_judged(path: Path, tmp_path: Path) -> None:
    out = tmp_path / "found"
    done = unfold(path, out, "--data", "moved", "--observables", "x")
    assert done.exit_code == 0, done.output
    assert "x [GeV]" in done.stdout
    assert "bottom line" in done.stdout
    assert sorted(file.name for file in out.iterdir()) == ["replicas.npz", "unfolding.json", "x.pdf", "x.png"]
    body: dict[str, Any] = json.loads((out / "unfolding.json").read_text())
    of = body["observables"][0]
    assert body["data"]["events"] == body["simulation"]["events"] == 2000
    assert sum(of["truth"]) == sum(of["data"]) == 2000
    found = of["methods"]["ibu"]
    assert found["triangular"]["value"] < of["start"] / 4
    with np.load(out / "replicas.npz") as arrays:
        assert arrays["ibu_x_covariance"].shape == (8, 8)
        assert np.allclose(np.sqrt(np.diag(arrays["ibu_x_covariance"])), found["errors"])
    again = unfold(path, out, "--data", "moved", "--observables", "x")
    assert again.exit_code == 2
    assert "is there already" in again.stderr


def test_the_report_shows_it(path: Path, tmp_path: Path) -> None:
    unfold(path, tmp_path / "unfolded", "--data", "moved", "--observables", "x")
    train(Smeared, "gbdt", path=path, source="generated", runs_dir=tmp_path / "runs")
    page = tmp_path / "report.html"
    report = ["report", tmp_path / "runs", "--path", path, "--out", page, "--analyses"]
    for folder in (tmp_path / "unfolded", tmp_path):
        done = CliRunner().invoke(app, [str(argument) for argument in (*report, folder)])
        assert done.exit_code == 0, done.output
        assert "Smeared, unfolded" in page.read_text()
        assert "bottom line" in page.read_text()
    (tmp_path / "damaged").mkdir()
    (tmp_path / "damaged" / "unfolding.json").write_text(
        (tmp_path / "unfolded" / "unfolding.json").read_text()[:99]
    )
    done = CliRunner().invoke(app, [str(argument) for argument in (*report, tmp_path)])
    assert done.exit_code == 0, done.output
    assert "left out: " in done.stderr
    assert "Smeared, unfolded" in page.read_text()
    refused = CliRunner().invoke(app, [str(argument) for argument in (*report, tmp_path / "runs")])
    assert refused.exit_code == 2
    assert "holds nothing that" in refused.stderr


def test_the_same_seed_gives_the_same_numbers(path: Path, tmp_path: Path) -> None:
    one, two = (
        json.loads(unfold(path, tmp_path / name, "--data", "moved", "--observables", "x", "--json").stdout)
        for name in ("a", "b")
    )
    assert one["observables"] == two["observables"]


def test_of_the_same_events_seen_otherwise_halves_are_used(path: Path, tmp_path: Path) -> None:
    """Or data and simulation would share their truth."""
    done = unfold(path, tmp_path / "found", "--data", "wide", "--observables", "x", "--json")
    assert json.loads(done.stdout)["data"]["events"] == 1000


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--data", "default", "--observables", "x"), "choose two variants"),
        (("--data", "moved", "--observables", "y"), "x"),
        (("--data", "movd", "--observables", "x"), "moved"),
        (("--data", "moved", "--observables", "x", "--method", "bayes"), "ibu"),
        (("--data", "moved", "--observables", "x", "--iterations", "0"), "iterations must be at least 1"),
        (("--data", "lossy", "--observables", "x"), "have no particle level"),
    ],
)
def test_what_cannot_be_unfolded_is_said(
    arguments: tuple[str, ...], message: str, path: Path, tmp_path: Path
) -> None:
    done = unfold(path, tmp_path / "found", *arguments)
    assert done.exit_code == 2
    assert message in done.stderr
    assert not (tmp_path / "found").exists()


def test_levels_name_arrays_and_features_that_are_there() -> None:
    jets = np.zeros((1, 200, 4), np.float32)
    jets[0, :3] = [[10, 3, 0, 1], [5, 2, 1, 1], [4, 1, 0, 1]]
    features = TopTagging.summary({"constituents": jets})
    extras = {spec.name: spec for spec in TopTagging.card.extras}
    for level in TopTagging.levels().values():
        assert level.detector in features
        assert extras[level.particle].unit == level.unit
    assert Airshower.levels() == {}
