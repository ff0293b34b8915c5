"""The public interface, as a user types it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import pd4ml
from helpers.jets import small_card, write_npz
from helpers.toy import Toy
from pd4ml import TopTagging
from pd4ml.dataset import Register
from pd4ml.errors import DataError, FetchError, StoreError, UnknownNameError


@pytest.fixture
def published(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a small published file of TopTagging, and no network."""
    monkeypatch.setenv("PD4ML_OFFLINE", "1")
    monkeypatch.setattr(TopTagging, "card", small_card())
    write_npz(tmp_path / "1_top_tagging_2M.npz")
    return tmp_path


def test_the_first_lines_of_every_user(published: Path, capsys: pytest.CaptureFixture[str]) -> None:
    X_train, y_train = TopTagging.load("train", path=str(published))
    X_test, y_test = TopTagging.load("test", path=str(published), force_download=False)
    TopTagging.print_description()
    assert [a.shape for a in X_train] == [(80, 200, 4), (80,)]
    assert [a.shape for a in X_test] == [(20, 200, 4), (20,)]
    assert (y_train.shape, y_test.shape) == ((80,), (20,))
    assert "top-quark jets" in capsys.readouterr().out
    names = {d.name: d.task for d in pd4ml.Dataset.datasets_register}
    assert names["TopTagging"] == "classification"


def test_load_and_open_agree(published: Path) -> None:
    before, y_before = TopTagging.load("train", published)
    events = TopTagging.open("train", published)
    after, y_after = TopTagging.load("train", published)
    assert isinstance(events["constituents"], np.memmap)
    for arrays in (after, events.X):
        for a, b in zip(arrays, before, strict=True):
            np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(y_before, y_after)
    assert events.manifest.source == "published"


def test_load_data_and_graphs_agree(published: Path) -> None:
    x, y = TopTagging.load_data("train", path=published, graph=True)
    flat, _ = TopTagging.load_data("train", published)
    graphs = TopTagging.graphs("train", published)
    features, adjacency, mask = graphs.to_dense(self_loops=True)
    assert set(x) == {"features", "adj_matrix"}
    assert set(flat) == {"features"}
    np.testing.assert_array_equal(x["features"], features)
    np.testing.assert_array_equal(flat["features"], features)
    np.testing.assert_array_equal(x["adj_matrix"], adjacency)
    np.testing.assert_array_equal(adjacency, adjacency.transpose(0, 2, 1))
    np.testing.assert_array_equal(np.diagonal(adjacency, axis1=1, axis2=2), mask)
    assert len(y) == 80


def test_lazy_graphs_are_a_sequence(tmp_path: Path) -> None:
    Toy.generate(tmp_path, 200)
    graphs = Toy.graphs("train", tmp_path, source="generated")
    whole = graphs.pack()
    assert len(graphs) == len(whole) == 160
    np.testing.assert_array_equal(graphs[-1].nodes, whole[159].nodes)
    np.testing.assert_array_equal(graphs[[3, 5]].nodes, np.concatenate([whole[3].nodes, whole[5].nodes]))
    assert [len(pack) for pack in graphs.batches(60)] == [60, 60, 40]
    assert sum(1 for _ in graphs) == 160
    with pytest.raises(IndexError, match="graph 160 of 160"):
        graphs[160]


def test_generated_events_never_stand_in_for_published_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PD4ML_OFFLINE", "1")
    Toy.generate(tmp_path, 200)
    with pytest.raises(FetchError, match=r"generated events lie in .*: source='generated' takes them"):
        Toy.load("train", tmp_path)
    with pytest.raises(FetchError, match=r"PD4ML_OFFLINE.*TopTagging\.generate\("):
        TopTagging.open("train", tmp_path)
    X, y = Toy.load("train", tmp_path, source="generated")
    assert len(X[0]) == len(y) == 160


def test_force_download_makes_the_store_again(published: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = TopTagging.open("train", published).manifest.created
    calls = []
    fetch = "pd4ml.storage.published.fetch"
    monkeypatch.setattr(fetch, lambda file, folder, force: calls.append(force))
    TopTagging.load("train", published, force_download=True)
    assert calls == [True]
    assert TopTagging.open("train", published).manifest.created >= first


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda p: Toy.load("tset", p, source="generated"), UnknownNameError, "did you mean 'test'"),
        (lambda p: Toy.load("train", p, source="generatd"), UnknownNameError, "did you mean 'generated'"),
        (
            lambda p: Toy.open("train", p, source="generated"),
            StoreError,
            "`pd4ml generate Toy --path",
        ),
        (lambda p: pd4ml.Dataset.datasets_register.find("TopTaging"), UnknownNameError, "mean 'TopTagging'"),
        (lambda p: pd4ml.Dataset.datasets_register.find("zzz"), UnknownNameError, r"known: .*TopTagging"),
    ],
)
def test_mistakes_say_what_to_do(tmp_path: Path, call, error: type[Exception], message: str) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001
    with pytest.raises(error, match=message):
        call(tmp_path)


def test_dense_graphs_that_cannot_fit_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Toy.generate(tmp_path, 200)
    monkeypatch.setattr("pd4ml.dataset.memory_bytes", lambda: 100)
    with pytest.raises(DataError, match=r"use Toy\.graphs"):
        Toy.load_data("train", tmp_path, graph=True, source="generated")


def test_the_card_is_whole() -> None:
    card = TopTagging.card
    text = card.describe()
    for fact in ("classification", "(N, 200, 4) float32", "GeV", "0 = QCD", "708a8369d75ceff2229bd8c46b47afea"):
        assert fact in text
    assert TopTagging.cite().count("@") == len(card.citations)
    assert card.test_fraction == 0.2
    assert card.array("label").full_shape(3) == (3,)


def test_names_are_found_in_any_spelling() -> None:
    for name in ("TopTagging", "toptagging", "top_tagging", "top-tagging"):
        assert pd4ml.Dataset.datasets_register.find(name) is TopTagging


def test_datasets_of_other_packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    info = tmp_path / "other-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: other\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[pd4ml.datasets]\nOther = other_data:Other\nBroken = no_such:X\n")
    (tmp_path / "other_data.py").write_text(
        "import dataclasses\n"
        "from pd4ml import Dataset, TopTagging\n"
        "class Other(Dataset):\n"
        "    card = dataclasses.replace(TopTagging.card, name='Other')\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    register = Register()
    monkeypatch.setattr(pd4ml.Dataset, "datasets_register", register)
    with pytest.warns(UserWarning, match="dataset 'Broken' of no_such:X cannot be used"):
        assert [d.name for d in register] == ["Other"]
    assert register.find("other").card.title == TopTagging.card.title


def test_importing_is_light() -> None:
    heavy = ("torch", "lightning", "pythia8mc", "fastjet", "awkward", "numba", "h5py", "requests", "typer", "rich")
    script = f"import sys, pd4ml; print([m for m in {heavy} if m in sys.modules])"
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_public_names() -> None:
    names = [
        "Airshower",
        "Belle",
        "CaloParticles",
        "CaloTestBeam",
        "Card",
        "Dataset",
        "EOSL",
        "JetImages",
        "LArPixels",
        "LArTPC",
        "PackedGraphs",
        "Pd4mlError",
        "Sample",
        "Spinodal",
        "TopTagging",
        "__version__",
        "load_run",
        "own_data",
        "train",
    ]
    assert sorted(pd4ml.__all__) == names
    assert all(hasattr(pd4ml, name) for name in pd4ml.__all__)
