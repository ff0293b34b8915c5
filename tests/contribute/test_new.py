"""What templates make works at once: lint, types, the contract, a training; here and in a checkout."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pd4ml.contribute import new_dataset, new_method, new_model
from pd4ml.contribute.new import find_checkout
from pd4ml.errors import DataError

ROOT = Path(__file__).parents[2]
SCRIPT = "import sys; sys.argv[0] = 'pd4ml'; from pd4ml.cli import main; main()"


def run(*args: object, cwd: Path, source: Path = ROOT / "src") -> str:
    """What Python prints in a process of its own that knows one checkout of the package."""
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(source), str(source.parent / "tests")])}
    done = subprocess.run([sys.executable, *map(str, args)], cwd=cwd, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-3000:]
    return done.stdout


def pd4ml(*args: object, cwd: Path, source: Path = ROOT / "src") -> str:
    return run("-c", SCRIPT, *args, cwd=cwd, source=source)


def lint(files: list[Path], *settings: str) -> None:
    """By the rules of this project; tests have no docstrings."""
    code = [file for file in files if file.suffix == ".py"]
    rules = [word for setting in (str(ROOT / "pyproject.toml"), *settings) for word in ("--config", setting)]
    run("-m", "ruff", "check", *rules, "--ignore", "D103", *code, cwd=ROOT)
    run("-m", "ruff", "format", "--check", *rules, *code, cwd=ROOT)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("new")


@pytest.fixture(scope="module")
def package(folder: Path) -> list[Path]:
    return new_dataset("MyShowers", folder / "my_showers")


@pytest.fixture(scope="module")
def files(folder: Path) -> list[Path]:
    return [*new_model("my_net", folder), *new_method("MyPenalty", folder)]


def test_what_is_written_is_linted(package: list[Path], files: list[Path], folder: Path) -> None:
    lint(package, "lint.isort.known-first-party=['pd4ml', 'my_showers']")
    lint(files)
    run("-m", "ruff", "check", ".", cwd=folder / "my_showers")  # as its author does


def test_names_make_classes_and_modules(package: list[Path], files: list[Path], folder: Path) -> None:
    names = {str(file.relative_to(folder)) for file in package}
    room = {f"my_showers/src/my_showers/{name}" for name in ("__init__.py", "card.py", "README.md", "py.typed")}
    assert room | {"my_showers/pyproject.toml", "my_showers/tests/test_my_showers.py"} <= names
    assert 'MyShowers = "my_showers:MyShowers"' in (folder / "my_showers" / "pyproject.toml").read_text()
    assert [file.name for file in files[:3]] == ["my_net.py", "my_net.toml", "test_my_net.py"]
    assert "class MyNet(Model)" in files[0].read_text()
    assert 'kind = "my_penalty"' in files[4].read_text()


def test_what_a_stop_left_goes_on(tmp_path: Path) -> None:
    """Of files that are there none is another: the same line writes the rest; what is whole is kept."""
    for make, name, folder in ((new_dataset, "MyOther", tmp_path / "other"), (new_model, "my_other", tmp_path)):
        written = make(name, folder)
        texts = [file.read_text() for file in written]
        written[-1].unlink()
        assert make(name, folder) == written
        assert [file.read_text() for file in written] == texts
        written[-1].unlink()
        written[0].write_text("somebody's own")
        with pytest.raises(DataError, match="is there already"):
            make(name, folder)


def test_what_is_there_is_kept(package: list[Path], files: list[Path], folder: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="my_showers is there already: choose another folder with --to"):
        new_dataset("MyShowers", folder / "my_showers")
    with pytest.raises(DataError, match=r"my_net\.py is there already"):
        new_model("my_net", folder)
    for make, name in ((new_dataset, "top_tagging"), (new_model, "FCN"), (new_method, "supervised")):
        with pytest.raises(DataError, match=f"called {name} already"):
            make(name, tmp_path)
    with pytest.raises(DataError, match="begins with a letter; found '2much'"):
        new_dataset("2much", tmp_path)
    with pytest.raises(DataError, match="is in no checkout of this project"):
        new_dataset("Fine", tmp_path, in_tree=True)
    assert list(tmp_path.iterdir()) == []
    assert find_checkout(Path(__file__).parent) == ROOT


@pytest.mark.slow
def test_types(package: list[Path], files: list[Path]) -> None:
    env = {**os.environ, "MYPYPATH": str(package[0].parents[1])}
    code = [str(file) for file in [*package, *files] if file.suffix == ".py"]
    done = subprocess.run([sys.executable, "-m", "mypy", *code], cwd=ROOT, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


@pytest.mark.slow
def test_a_new_dataset_passes_the_check_and_its_own_tests(package: list[Path], folder: Path) -> None:
    plugin = folder / "my_showers" / "src" / "my_showers" / "__init__.py"
    found = json.loads(pd4ml("--plugin", plugin, "check", "dataset", "MyShowers", "--json", cwd=folder))
    states = {check["name"]: check["state"] for check in found}
    assert "failed" not in states.values()
    assert [name for name, state in states.items() if state == "warning"] == ["pages: template"]
    assert states["simulator: workers"] == states["use: training"] == "passed"
    options = ("-q", "-W", "error", "-p", "no:cacheprovider", "-o", "pythonpath=src")
    assert "2 passed" in run("-m", "pytest", *options, "tests", cwd=folder / "my_showers")


@pytest.mark.slow
def test_a_new_model_and_a_new_method_are_trained(files: list[Path], package: list[Path], folder: Path) -> None:
    plugin = folder / "my_showers" / "src" / "my_showers" / "__init__.py"
    known = ("--plugin", plugin, "--plugin", "my_net.py", "--plugin", "my_penalty.py")
    pd4ml(*known, "generate", "MyShowers", "-n", 300, "--workers", 1, cwd=folder)
    for recipe in ("my_net.toml", "my_penalty.toml", "my_showers_net_quick"):
        pd4ml(*known, "train", "MyShowers", "--recipe", recipe, "--set", "max_epochs=2", cwd=folder)
    records = [json.loads(file.read_text()) for file in folder.glob("runs/*/record.json")]
    assert {record["model"]["name"] for record in records} == {"my_net", "fcn"}
    assert {record["method"]["kind"] for record in records} == {"supervised", "my_penalty"}
    options = ("-q", "-W", "error", "-p", "no:cacheprovider")
    assert "2 passed" in run("-m", "pytest", *options, files[2], files[5], cwd=folder)


@pytest.mark.slow
def test_a_room_and_a_model_in_a_checkout(tmp_path: Path) -> None:
    """The tests of all datasets and models take them at once, and the pages can be written."""
    made = shutil.ignore_patterns("_build", "tutorials", "__pycache__")  # is not in a checkout
    for name in ("src", "tests", "docs", "benchmarks", "evidence"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=made)
    for name in ("pyproject.toml", "README.md"):
        shutil.copy(ROOT / name, tmp_path / name)
    here: dict[str, Path] = {"cwd": tmp_path, "source": tmp_path / "src"}
    pd4ml("new", "dataset", "MyShowers", "--in-tree", **here)
    pd4ml("new", "model", "my_net", "--in-tree", **here)
    run("-m", "ruff", "check", ".", **here)
    run("-m", "ruff", "format", "--check", ".", **here)
    run("-c", "from pd4ml import MyShowers", **here)
    run("docs/make_pages.py", **here)
    options = ("-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "-m", "not slow")
    files = ("datasets/test_contract.py", "datasets/test_my_showers_dataset.py", "test_docs.py", "test_rooms.py")
    tests = [f"tests/{name}" for name in files]
    run(*options, *tests, "-k", "MyShowers or my_showers or my_net or current or map or long", **here)
    run(*options, "tests/models/test_models.py", "tests/models/test_my_net.py", "-k", "my_net", **here)
    run(*options, "tests/test_house.py", "-k", "MyShowers-fcn or MyShowers-gbdt or MyShowers-my_net", **here)
