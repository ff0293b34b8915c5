"""Plugins: a dataset, a model and an objective in somebody's own file work in every command and process."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pd4ml.errors import DataError
from pd4ml.plugins import PLUGINS, load_plugin, load_plugins

ROOT = Path(__file__).parents[1]
SCRIPT = "import sys; sys.argv[0] = 'pd4ml'; from pd4ml.cli import main; main()"
RECIPE = """
model = "plug_linear"
description = "for tests"
reference = "none"
learning_rate = 1e-2
batch_size = 32
max_epochs = 2
patience = 2
min_delta = 0
schedule = { kind = "constant" }
method = { kind = "halved" }
"""
PLAN = """
description = "for tests"
source = "generated"
datasets = ["Darts"]
recipes = ["./linear.toml"]
seeds = [1, 2]
events = { default = 200 }
"""


def pd4ml(*args: object, cwd: Path, code: int = 0, plugins: str = "") -> str:
    """What a command prints in a process of its own, which knows the package and nothing of the tests."""
    env = {**os.environ, "PYTHONPATH": str(ROOT / "src"), PLUGINS: plugins}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, *map(str, args)], cwd=cwd, env=env, capture_output=True, text=True
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout if code == 0 else done.stderr


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copy(ROOT / "tests" / "helpers" / "plugin_file.py", tmp_path / "darts.py")
    (tmp_path / "linear.toml").write_text(RECIPE)
    (tmp_path / "plan.toml").write_text(PLAN)
    return tmp_path


@pytest.mark.slow
def test_a_plugin_is_known_in_every_process(folder: Path) -> None:
    """Also in worker processes, which must find its simulator, its model and its objective."""
    assert "Darts" not in pd4ml("list", cwd=folder)
    assert "Darts" in pd4ml("--plugin", "darts.py", "list", cwd=folder)
    one = pd4ml(*("generate", "Darts", "-n", 200, "--workers", 1, "--plugin", "darts.py", "--json"), cwd=folder)
    options = ("-n", 200, "--workers", 2, "--path", "again", "--json")
    two = pd4ml("generate", "Darts", *options, cwd=folder, plugins=str(folder / "darts.py"))
    assert json.loads(one)["fingerprint"] == json.loads(two)["fingerprint"]
    line = ("benchmark", "--plan", "plan.toml", "--workers", 2, "--plugin=darts.py", "--json")
    pd4ml(*line, cwd=folder)
    records = [json.loads(file.read_text()) for file in folder.glob("runs/*/record.json")]
    assert [record["method"]["kind"] for record in records] == ["halved", "halved"]
    assert {record["model"]["name"] for record in records} == {"plug_linear"}


@pytest.fixture
def clean(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a plugin leaves behind in this process is taken away."""
    monkeypatch.setenv(PLUGINS, "")
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "modules", sys.modules.copy())


@pytest.mark.usefixtures("clean")
def test_a_plugin_is_executed_once_and_listed(tmp_path: Path) -> None:
    (tmp_path / "beside.py").write_text("NUMBER = 4\n")
    (tmp_path / "plug_once.py").write_text("import beside\nassert __name__ == 'plug_once'\nX = [beside.NUMBER]\n")
    found = load_plugin(tmp_path / "plug_once.py")
    load_plugins([tmp_path / "plug_once.py"])
    assert load_plugin(tmp_path / "plug_once.py") is found
    assert os.environ[PLUGINS] == str(tmp_path / "plug_once.py")
    room = tmp_path / "plug_room"
    room.mkdir()
    (room / "part.py").write_text("Y = 5\n")
    (room / "__init__.py").write_text("from plug_room.part import Y\n")
    assert load_plugin(room / "__init__.py").Y == 5
    assert os.environ[PLUGINS].split(os.pathsep) == [str(tmp_path / "plug_once.py"), str(room / "__init__.py")]


@pytest.mark.usefixtures("clean")
@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("plug_missing.py", None, "a plugin is a Python file, NAME.py, found .*plug_missing.py"),
        ("plug-in.py", "", "'plug-in' is no name of a Python module"),
        ("json.py", "", r"another module is called json \(.*json/__init__.py\): give the file another name"),
        ("sys.py", "", r"another module is called sys \(built"),
        ("plug_wrong.py", "\n\n1 / 0\n", "plug_wrong.py, line 3: ZeroDivisionError: division by zero"),
        ("plug_syntax.py", "x = 1\ny =\n", "plug_syntax.py, line 2: SyntaxError"),
    ],
)
def test_what_cannot_be_a_plugin_is_said_in_one_line(
    name: str, text: str | None, said: str, tmp_path: Path
) -> None:
    file = tmp_path / name
    if text is not None:
        file.write_text(text)
    with pytest.raises(DataError, match=said):
        load_plugin(file)
    assert os.environ[PLUGINS] == ""


def test_the_command_line_says_it_too(tmp_path: Path) -> None:
    (tmp_path / "plug_wrong.py").write_text("import no_such_thing\n")
    said = pd4ml("list", "--plugin", "plug_wrong.py", cwd=tmp_path, code=2)
    expected = "pd4ml: plugin plug_wrong.py, line 1: ModuleNotFoundError: No module named 'no_such_thing'\n"
    assert said == expected
