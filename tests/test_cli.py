"""The command line: what it prints, and one clear line with exit code 2 for everything that can go wrong."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from helpers.jets import small_card, write_npz
from helpers.records import example_record
from helpers.toy import Toy
from pd4ml import Dataset, Spinodal, TopTagging
from pd4ml.cli import app

COMMANDS = (
    *("list", "info", "cite", "download", "import", "generate", "verify"),
    *("recipes", "train", "benchmark", "evaluate", "results", "report", "plot", "doctor", "export"),
)
RECIPE = """
model = "fcn"
description = "for tests"
reference = "none"
learning_rate = 1e-3
batch_size = 32
max_epochs = 2
patience = 2
min_delta = 0
schedule = { kind = "plateau" }
"""


def pd4ml(*args: object) -> Result:
    return CliRunner().invoke(app, [str(arg) for arg in args])


def fails(*args: object) -> str:
    """Run a command that must fail as a user's mistake does; returns its one line."""
    result = pd4ml(*args)
    assert result.exit_code == 2, result.output
    assert result.stdout == ""
    lines = result.stderr.strip().splitlines()
    assert len(lines) == 1, lines
    assert lines[0].startswith("pd4ml: ")
    return lines[0]


def write_records(runs: Path, n: int) -> None:
    """Records of ``n`` seeds."""
    for seed in range(n):
        (runs / f"run{seed}").mkdir()
        example_record(seed=seed).write(runs / f"run{seed}" / "record.json")


@pytest.fixture
def generated(tmp_path: Path) -> Path:
    Toy.generate(tmp_path, 200)
    return tmp_path


@pytest.mark.parametrize("command", [[], *([c] for c in COMMANDS)], ids=lambda c: " ".join(c) or "pd4ml")
def test_help_teaches(command: list[str]) -> None:
    result = pd4ml(*command, "--help")
    assert result.exit_code == 0
    assert "Usage" in result.output
    for name in COMMANDS if not command else []:
        assert name in result.output


def test_help_breaks_lines_where_the_terminal_does() -> None:
    words = " ".join(pd4ml("infer", "--help").output.split("Examples")[0].split())
    assert (
        "mixed from events of both kinds; sets with a given value are events from a narrow window of it." in words
    )
    lines = pd4ml("infer", "--help").output.splitlines()
    (line,) = [line for line in lines if line.startswith(" Sets of events")]
    assert len(line.rstrip()) > 70
    assert "in its table [method], and" in " ".join(pd4ml("new", "method", "--help").output.split())


def test_list_and_info() -> None:
    assert "TopTagging" in pd4ml("list").stdout
    cards = json.loads(pd4ml("list", "--json").stdout)
    assert {"name", "task", "title"} == set(cards[0])
    assert "708a8369d75ceff2229bd8c46b47afea" in pd4ml("info", "top_tagging").stdout
    card = json.loads(pd4ml("info", "TopTagging", "--json").stdout)
    assert card["inputs"][0]["shape"] == [200, 4]
    scale = next(setting for setting in card["settings"] if setting["name"] == "energy_scale")
    assert (scale["default"], scale["low"], scale["high"], scale["unit"]) == (1.0, 0.5, 2.0, "1")
    assert "setting pt_min = 550.0 (a number from 200 to 4000 GeV): " in pd4ml("info", "TopTagging").stdout
    assert "@article{Kasieczka:2019dbj" in pd4ml("cite", "TopTagging").stdout


def test_generate_info_verify(tmp_path: Path) -> None:
    command = (
        "generate",
        "toy",
        "-n",
        200,
        "--workers",
        1,
        "--path",
        tmp_path,
        "--variant",
        "own",
        "--set",
        "shift=2",
    )
    result = pd4ml(*command)
    assert result.exit_code == 0, result.output
    folder = tmp_path / "Toy" / "generated-own"
    assert "160 train, 40 test" in result.stdout
    again = json.loads(pd4ml(*command, "--json").stdout)
    assert again["folder"] == str(folder)
    assert again["events"] == {"train": 160, "test": 40}
    info = pd4ml("info", folder).stdout
    for fact in ("generated", "simulator", "shift 2", "seed: 1", "versions"):
        assert fact in info
    assert json.loads(pd4ml("info", folder, "--json").stdout)["provenance"]["config"]["shift"] == 2
    assert "every file is as its manifest says" in pd4ml("verify", folder).stdout


def test_generate_with_drawn_settings(tmp_path: Path) -> None:
    path = ("--path", tmp_path, "--workers", 1, "-n", 20)
    drawn = ("--variant", "own", "--draw", "duration=uniform:3.4,4.2", "--draw", "nucleons=choice:90,130")
    result = pd4ml("generate", "Spinodal", *path, *drawn, "--set", "surface=0.12")
    assert result.exit_code == 0, result.output
    events = Spinodal.open("train", tmp_path, source="generated", variant="own")
    assert ((events["duration"] >= 3.4) & (events["duration"] <= 4.2)).all()
    assert set(events["nucleons"]) == {90, 130}
    info = pd4ml("info", tmp_path / "Spinodal" / "generated-own").stdout
    assert re.search(r"duration drawn from uniform:3.4,4.2 for every (event|\d+ events), ", info)
    assert "surface 0.12" in info
    assert "draw_events" not in info
    wrong = ("generate", "Spinodal", *path, "--variant", "other")
    assert "uniform:low,high" in fails(*wrong, "--draw", "duration=3")
    assert "--draw takes KEY=DISTRIBUTION" in fails(*wrong, "--draw", "duration")
    assert "can give duration = 30" in fails(*wrong, "--draw", "duration=uniform:3,30")
    assert "another name" in fails("generate", "Spinodal", *path, "--draw", "duration=uniform:3,4")


def test_train_evaluate_results(generated: Path) -> None:
    recipe = generated / "tiny.toml"
    recipe.write_text(RECIPE)
    runs = generated / "runs"
    train = ("train", "Toy", "--recipe", recipe, "--path", generated, "--runs", runs, "--set", "max_epochs=1")
    result = pd4ml(*train)
    assert result.exit_code == 0, result.output
    assert "AUC" in result.stdout
    (record,) = json.loads(pd4ml("results", runs, "--json").stdout)
    assert record["recipe"]["max_epochs"] == 1
    assert "already trained" in pd4ml(*train).stderr
    assert f"record: {record['folder']}/record.json" in pd4ml("results", runs).stdout
    assert pd4ml("results", runs, "--markdown").stdout.startswith("| dataset |")
    measured = json.loads(pd4ml("evaluate", record["folder"], "--path", generated, "--json").stdout)
    assert measured["auc"] == record["metrics"]["auc"]
    assert "auc" in pd4ml("evaluate", record["folder"], "--path", generated).stdout


def test_recipes_of_a_dataset() -> None:
    of_all, of_belle = pd4ml("recipes").stdout, pd4ml("recipes", "belle").stdout
    assert re.search(r"^spinodal_cnn +Spinodal +Reference model", of_all, re.M)
    assert re.search(r"^gbdt +any +Gradient-boosted", of_belle, re.M)
    assert "belle_graph_net_quick" in of_belle
    assert "spinodal_cnn" not in of_belle
    assert "spinodal_cnn" not in pd4ml("recipes", "Belle", "--json").stdout
    for missing in ((), ("--recipe", "belle_grph")):
        line = fails("train", "Belle", *missing)
        assert "belle_graph_net" in line
        assert "spinodal_cnn" not in line


def test_many_records_are_named_by_their_folder(tmp_path: Path) -> None:
    write_records(tmp_path, 3)
    text = pd4ml("results", tmp_path).stdout
    assert text.endswith(f"3 records: {tmp_path}/*/record.json\n")
    assert text.count("record.json") == 1


@pytest.mark.skipif(sys.platform == "win32", reason="pseudo-terminals are Unix's")
def test_a_terminal_is_not_overrun(tmp_path: Path) -> None:
    """Commands on a real terminal of 80 columns."""
    import pty

    write_records(tmp_path, 2)
    for command in (["list"], ["recipes"], ["info", "TopTagging"], ["results", "."]):
        parent, child = pty.openpty()
        call = [sys.executable, "-c", "from pd4ml.cli import main; main()", *command]
        process = subprocess.Popen(call, stdout=child, env={**os.environ, "COLUMNS": "80"}, cwd=tmp_path)
        os.close(child)
        text = b""
        with contextlib.suppress(OSError):  # Linux's way to say that the other side has closed
            while part := os.read(parent, 65536):
                text += part
        os.close(parent)
        assert process.wait() == 0
        lines = text.decode().replace("\r", "").splitlines()
        assert len(lines) > 3
        assert "\x1b" not in text.decode()
        assert max(map(len, lines)) <= 80


def test_import_and_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(TopTagging, "card", small_card())
    given = tmp_path / "1_top_tagging_2M.npz"
    write_npz(given)
    result = pd4ml("import", given, "--dataset", "TopTagging", "--path", tmp_path / "data")
    assert result.exit_code == 0, result.output
    monkeypatch.setenv("PD4ML_OFFLINE", "1")
    assert len(TopTagging.load("train", tmp_path / "data")[1]) == 80
    found = json.loads(pd4ml("download", "TopTagging", "--path", tmp_path / "data", "--json").stdout)
    assert found == [str(tmp_path / "data" / given.name)]


def test_mistakes_are_one_line(generated: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PD4ML_OFFLINE", "1")
    path = ("--path", generated)
    assert "did you mean 'TopTagging'" in fails("info", "TopTaging")
    assert "did you mean 'far'" in fails("generate", "Toy", "--variant", "fra", *path)
    assert "did you mean 'shift'" in fails("generate", "Toy", "--set", "shfit=1", "--variant", "x", *path)
    assert "--set takes KEY=VALUE" in fails("generate", "Toy", "--set", "shift", *path)
    assert "did you mean 'graph_net'" in fails("train", "Toy", "--model", "graphnet", *path)
    assert "did you mean 'batch_size'" in fails("train", "Toy", "--recipe", "fcn", "--set", "batchsize=1", *path)
    assert "did you mean 'generated'" in fails("train", "Toy", "--recipe", "fcn", "--source", "generate", *path)
    assert "pd4ml generate Toy" in fails("train", "Toy", "--recipe", "fcn", "--variant", "far", *path)
    assert "PD4ML_OFFLINE" in fails("download", "TopTagging", *path)
    assert "exists with seed 1, asked for 2" in fails("generate", "Toy", "-n", 200, "--seed", 2, *path)
    assert "not a dataset folder" in fails("verify", generated)
    assert "no records in" in fails("results", generated / "none")
    assert "no file at" in fails("import", generated / "1_top_tagging_2M.npz", "--dataset", "TopTagging")
    assert "cannot be read" in fails("evaluate", generated)


def test_an_error_page_is_refused_with_its_first_line(tmp_path: Path) -> None:
    page = tmp_path / "1_top_tagging_2M.npz"
    page.write_text("<!DOCTYPE html>\n<html>File not found</html>")
    assert "<!DOCTYPE html>" in fails("import", page, "--dataset", "TopTagging", "--path", tmp_path / "data")
    assert not (tmp_path / "data" / page.name).exists()


def test_a_wrong_hash_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    card = dataclasses.replace(small_card(), sources=TopTagging.card.sources)  # which have the published hashes
    monkeypatch.setattr(TopTagging, "card", card)
    write_npz(tmp_path / "1_top_tagging_2M.npz")
    message = fails(
        "import", tmp_path / "1_top_tagging_2M.npz", "--dataset", "TopTagging", "--path", tmp_path / "d"
    )
    assert "expected md5 708a8369d75ceff2229bd8c46b47afea, found" in message


def test_a_dataset_without_a_simulator_never_recommends_to_generate(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Dataset.datasets_register, "_datasets", {})
    type("NoSimulator", (Dataset,), {"card": dataclasses.replace(Toy.card, name="NoSimulator")})
    path = ("--path", tmp_path)
    assert "its events cannot be generated" in fails("generate", "NoSimulator", *path)
    for line in (
        ("train", "NoSimulator", "--recipe", "fcn_quick", *path),
        ("plot", "NoSimulator", *path),
        ("audit", "NoSimulator", "--source", "published", *path),
        ("download", "NoSimulator", *path),
    ):
        message = fails(*line)
        assert "NoSimulator has no simulator" in message
        assert "pd4ml generate" not in message


def test_generated_events_are_pointed_at_where_published_ones_are_not(generated: Path) -> None:
    message = fails("train", "Toy", "--recipe", "fcn_quick", "--source", "published", "--path", generated)
    assert f"generated events lie in {generated / 'Toy' / 'generated-default'}: source='generated'" in message
    (generated / "Toy" / "generated-default").rename(generated / "Toy" / "generated-far")
    message = fails("audit", "Toy", "--source", "published", "--path", generated)
    assert message.endswith("source='generated', variant='far' takes them")


def test_a_reference_recipe_says_which_dataset_it_is_for(generated: Path, tmp_path: Path) -> None:
    message = fails("train", "Toy", "--recipe", "lstm_residual", "--path", generated, "--runs", tmp_path / "runs")
    assert "lstm_residual cannot be built: it is the reference model of Airshower" in message
    assert "ModelInputs" not in message


def test_ctrl_c_is_one_line(tmp_path: Path) -> None:
    script = "from helpers.toy import Toy; from pd4ml.cli import main; main()"
    arguments = ["generate", "Toy", "-n", "500", "--workers", "2", "--path", str(tmp_path)]
    arguments += ["--variant", "slow", "--set", "seconds=0.5"]
    process = subprocess.Popen(
        [sys.executable, "-c", script, *arguments],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parent)},
        stderr=subprocess.PIPE,
        text=True,
    )
    journal = tmp_path / "Toy/generated-slow.partial/journal.jsonl"
    deadline = time.monotonic() + 60
    while not journal.exists():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, message = process.communicate(timeout=30)
    assert process.returncode == 2
    assert message.strip() == "pd4ml: interrupted; finished parts are kept and the same command goes on from there"
    assert pd4ml(*arguments).exit_code == 0
