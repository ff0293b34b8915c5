"""What the shell offers at a press of Tab."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pd4ml import Dataset
from pd4ml.benchmark import available_plans
from pd4ml.training import available_recipes

SCRIPT = "import sys; sys.argv[0] = 'pd4ml'; from pd4ml.cli import main; main()"


def complete(line: str, folder: Path) -> list[str]:
    """What is offered for the last word of ``line``, as Bash asks for it."""
    asked = {"_PD4ML_COMPLETE": "complete_bash", "COMP_WORDS": line, "COMP_CWORD": str(line.count(" "))}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], env={**os.environ, **asked}, cwd=folder, capture_output=True, text=True
    )
    assert done.stderr == ""
    return done.stdout.split()


DATASETS = [dataset.name for dataset in Dataset.datasets_register if dataset.__module__.startswith("pd4ml.")]


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("pd4ml doc", ["doctor"]),
        ("pd4ml info ", DATASETS),
        ("pd4ml generate Top", ["TopTagging"]),
        ("pd4ml audit Airshower --variant ", ["default"]),
        ("pd4ml train TopTagging --variant scale", ["scale_down", "scale_up"]),
        ("pd4ml train TopTagging --path made --variant scale", ["scale_down", "scale_mine", "scale_up"]),
        ("pd4ml predict runs/one --variant scale", ["scale_down", "scale_up"]),
        ("pd4ml shift runs/one --variants mpi,scale_u", ["mpi,scale_up"]),
        ("pd4ml train Nothing --variant ", []),
        (
            "pd4ml train TopTagging --recipe graph_net",
            [r for r in available_recipes() if r.startswith("graph_net")],
        ),
        ("pd4ml train TopTagging --source ", ["generated", "imported", "own", "published"]),
        ("pd4ml train TopTagging --device c", ["cpu", "cuda"]),
        ("pd4ml benchmark ", list(available_plans())),
        ("pd4ml benchmark --datasets Belle,Top", ["Belle,TopTagging"]),
        ("pd4ml benchmark --recipes gbdt,fcn_", ["gbdt,fcn_quick"]),
        ("pd4ml evaluate --dataset TopTagging --split t", ["train", "test"]),
        ("pd4ml leaderboard show --dataset Spin", ["Spinodal"]),
    ],
)
def test_names_are_offered(line: str, offered: list[str], tmp_path: Path) -> None:
    own = tmp_path / "made" / "TopTagging" / "generated-scale_mine"
    own.mkdir(parents=True)
    (own / "manifest.json").touch()
    (tmp_path / "runs" / "one").mkdir(parents=True)
    (tmp_path / "runs" / "one" / "record.json").write_text(json.dumps({"dataset": {"name": "TopTagging"}}))
    found = complete(line, tmp_path)
    assert set(offered) <= set(found) if offered == ["default"] else sorted(found) == sorted(offered)


def test_completion_loads_nothing_heavy() -> None:
    script = (
        "import sys; from types import SimpleNamespace as S; from pd4ml.cli import complete as c;"
        "c.datasets(), c.recipes(S(params={}, args=[])), c.plans();"
        "print([m for m in ('torch', 'numba', 'requests', 'h5py') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_the_script_for_a_shell_is_shown() -> None:
    asked = {"_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, "--show-completion", "bash"],
        env={**os.environ, **asked},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "_PD4ML_COMPLETE=complete_bash" in done.stdout
