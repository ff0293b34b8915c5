"""The command ``pd4ml benchmark``: tables, what failed and how to go on, one line for each mistake."""

from __future__ import annotations

import json
from pathlib import Path

from typer.testing import CliRunner, Result

from helpers.plans import write_plan, write_recipe
from helpers.toy import Toy
from pd4ml.cli import app


def benchmark(folder: Path, *args: object) -> Result:
    where = ["--path", str(folder / "data"), "--runs", str(folder / "runs")]
    return CliRunner().invoke(app, ["benchmark", *map(str, args), *where])


def fails(folder: Path, *args: object) -> str:
    result = benchmark(folder, *args)
    assert result.exit_code == 2, result.output
    assert result.stdout == ""
    (line,) = result.stderr.strip().splitlines()
    assert line.startswith("pd4ml: ")
    return line


def test_help_teaches() -> None:
    result = CliRunner().invoke(app, ["benchmark", "--help"])
    assert result.exit_code == 0
    for word in ("quick", "standard", "paper", "--plan", "--dry-run", "--workers"):
        assert word in result.output
    assert "benchmark" in CliRunner().invoke(app, ["--help"]).output


def test_a_plan_is_run_once(tmp_path: Path) -> None:
    plan = write_plan(tmp_path, write_recipe(tmp_path, "a"), write_recipe(tmp_path, "b"), seeds=(1, 2))
    options = ("--plan", plan, "--recipes", "a.toml,b", "--datasets", "toy", "--seeds", "1", "--seeds", "2")
    before = benchmark(tmp_path, *options, "--dry-run").stdout
    assert before.count("waiting") == 4
    assert "Toy a seed 1  waiting  200 generated events" in before
    assert not (tmp_path / "data").exists()
    result = benchmark(tmp_path, *options)
    assert result.exit_code == 0, result.output
    for text in ("AUC", "1, 2", "pd4ml report", "record.json"):
        assert text in result.stdout
    assert benchmark(tmp_path, *options).stdout == result.stdout
    assert "4 trainings, 4 finished" in benchmark(tmp_path, *options, "--dry-run").stdout
    states = json.loads(benchmark(tmp_path, *options, "--dry-run", "--json").stdout)
    assert [(s["recipe"], s["seed"], s["state"]) for s in states[:2]] == [
        ("a", 1, "finished"),
        ("b", 1, "finished"),
    ]
    records = json.loads(benchmark(tmp_path, *options, "--json").stdout)
    assert [record["folder"] for record in records] == [state["folder"] for state in states]


def test_what_failed_is_listed_with_the_line_that_tries_it_again(tmp_path: Path) -> None:
    plan = write_plan(tmp_path, write_recipe(tmp_path, "bad", "graph_nt"), write_recipe(tmp_path, "a"))
    result = benchmark(tmp_path, "--plan", plan)
    assert result.exit_code == 1
    assert "AUC" in result.stdout
    assert "pd4ml: 1 of 2 trainings failed:\n  Toy bad seed 1: unknown model 'graph_nt'" in result.stderr
    again = result.stderr.strip().splitlines()[-1].strip()
    assert again.startswith(f"again: pd4ml benchmark --plan {plan} --datasets Toy --recipes bad --seeds 1 --path ")
    write_recipe(tmp_path, "bad")
    assert CliRunner().invoke(app, again.split()[2:]).exit_code == 0
    assert benchmark(tmp_path, "--plan", plan).exit_code == 0


def test_mistakes_are_one_line(tmp_path: Path) -> None:
    plan = write_plan(tmp_path, "fcn")
    assert "did you mean 'quick'" in fails(tmp_path, "quik")
    assert "found quick and" in fails(tmp_path, "quick", "--plan", plan)
    assert "--plan takes a TOML file" in fails(tmp_path, "--plan", "quick")
    assert "--seeds takes whole numbers, found 'x'" in fails(tmp_path, "quick", "--seeds", "1,x")
    assert "did you mean 'Toy'" in fails(tmp_path, "--plan", plan, "--datasets", "Tay")
    assert "unknown recipe 'graph_net' (known: fcn)" in fails(tmp_path, "--plan", plan, "--recipes", "graph_net")
    assert "workers must be at least 1, found 0" in fails(tmp_path, "--plan", plan, "--workers", 0)
    assert "--workers takes a number from 1, or auto, found 'al'" in fails(
        tmp_path, "--plan", plan, "--workers", "al"
    )
    Toy.generate(tmp_path / "data", 300)
    assert "holds 300 events" in fails(tmp_path, "--plan", plan, "--dry-run")
