"""The command on standard streams of all kinds: not in UTF-8, closed, and where Python was given no file."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import pd4ml
from helpers.toy import Toy
from pd4ml.training.recipe import load_recipe

SCRIPT = "from helpers.toy import Toy; from pd4ml.cli import main; main()"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with events, a run and a leaderboard."""
    from pd4ml.benchmark.leaderboard import add_run

    folder = tmp_path_factory.mktemp("made")
    Toy.generate(folder / "datasets", 400)
    sample = Toy.at(folder / "datasets", source="generated")
    run = pd4ml.train(sample, load_recipe("fcn_quick").override(max_epochs=1), runs_dir=folder / "runs")
    run.folder.rename(folder / "runs" / "run")
    add_run(folder / "runs" / "run", folder / "leaderboard", folder / "datasets")
    return folder


def environment(**changes: str) -> dict[str, str]:
    path = os.pathsep.join([str(Path(__file__).parent), str(Path(pd4ml.__file__).parents[1])])
    return {**os.environ, "PYTHONPATH": path, "COLUMNS": "200", **changes}


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["list"], "Toy"),
        (["info", "TopTagging"], "GeV"),
        (["recipes"], "fcn_quick"),
        (["results", "runs"], " +- "),
        (["evaluate", "runs/run"], " +- "),
        (["leaderboard", "show"], " +- "),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_stream_without_those_letters_gets_plain_ones(made: Path, arguments: list[str], expected: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, *arguments],
        cwd=made,
        env=environment(PYTHONIOENCODING="ascii", PYTHONUTF8="0", LC_ALL="C"),
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert expected in done.stdout.decode("ascii")
    assert b"?" not in done.stdout


@pytest.mark.skipif(sys.platform == "win32", reason="a shell closes the streams")
@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&- >&- 2>&-"])
@pytest.mark.parametrize("command", ["results runs", "verify datasets/Toy/generated-default"])
def test_a_closed_stream_is_no_reason_to_stop(made: Path, command: str, closed: str) -> None:
    line = f'"{sys.executable}" -c "{SCRIPT}" {command} {closed}'
    done = subprocess.run(line, shell=True, cwd=made, env=environment(), capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.skipif(sys.platform == "win32", reason="a shell closes the streams")
def test_no_file_of_data_becomes_standard_output(tmp_path: Path) -> None:
    """The first file that is opened has the number of a closed stream, and libraries print to that number."""
    script = "from pd4ml.cli.streams import prepare_streams; prepare_streams(); import os\n"
    script += f"data = open({str(tmp_path / 'data')!r}, 'wb'); os.write(1, b'printed by a library')"
    line = f'"{sys.executable}" -c "{script}" >&-'
    subprocess.run(line, shell=True, env=environment(), check=True)
    assert (tmp_path / "data").read_bytes() == b""


@pytest.mark.parametrize("way", ["-c", "-"])
def test_devices_need_a_script_to_start_again(made: Path, way: str, tmp_path: Path) -> None:
    script = "import pd4ml\nfrom helpers.toy import Toy\nfrom pd4ml.errors import DataError\n"
    script += f"sample = Toy.at({str(made / 'datasets')!r}, source='generated')\ntry:\n"
    script += f"    pd4ml.train(sample, 'fcn_quick', devices=2, runs_dir={str(tmp_path / 'runs')!r})\n"
    script += "except DataError as error:\n    print('caught:', error)\n"
    done = subprocess.run(
        [sys.executable, *(["-c", script] if way == "-c" else [])],
        input="" if way == "-c" else script,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "caught: devices=2 starts the program again in each process" in done.stdout
    assert not list(tmp_path.glob("runs/*/*")), "refused before anything was written"


def test_a_path_with_a_tilde_that_no_shell_saw(made: Path, tmp_path: Path) -> None:
    arguments = ["generate", "Toy", "-n", "200", "--path=~/d"]
    changed = environment(HOME=str(tmp_path / "home"), USERPROFILE=str(tmp_path / "home"))
    (tmp_path / "home").mkdir()
    for line in (arguments, ["plot", "Toy", "--path=~/d", "--out=~/plots/toy.png"]):
        words = [sys.executable, "-c", SCRIPT, *line]
        done = subprocess.run(words, cwd=tmp_path, env=changed, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["home"]
    assert {path.name for path in (tmp_path / "home").iterdir()} >= {"d", "plots"}
