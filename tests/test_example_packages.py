"""The worked example of a dataset in a package of its own: installed, listed, loaded, trained, benchmarked."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
EXAMPLE = ROOT / "examples" / "packages" / "muon_telescope"
SCRIPT = "import sys; sys.argv[0] = 'pd4ml'; from pd4ml.cli import main; main()"
LOAD = """
import pd4ml
dataset = pd4ml.Dataset.datasets_register.find("MuonTelescope")
(deposits,), label = dataset.load("train", source="generated")
assert deposits.shape == (320, 6, 8) and label.shape == (320,)
print(dataset.__module__)
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder into which pip installed the package, offline; what it needs is in this environment."""
    pytest.importorskip("setuptools", minversion="77")
    folder = tmp_path_factory.mktemp("installed")
    shutil.copytree(EXAMPLE, folder / "source")
    pip = ("-m", "pip", "install", "--quiet", "--no-index", "--no-deps", "--no-build-isolation", "--no-compile")
    done = subprocess.run(
        [sys.executable, *pip, "--target", str(folder / "site"), str(folder / "source")],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return folder / "site"


def run(*args: object, site: Path, cwd: Path) -> str:
    """What Python prints where the package is installed."""
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(site)])}
    done = subprocess.run([sys.executable, *map(str, args)], cwd=cwd, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


@pytest.mark.slow
def test_the_example_package_from_installing_to_a_benchmark(site: Path, tmp_path: Path) -> None:
    def pd4ml(*args: object) -> str:
        return run("-c", SCRIPT, *args, site=site, cwd=tmp_path)

    assert "MuonTelescope" in pd4ml("list")
    pd4ml("generate", "MuonTelescope", "-n", 400, "--workers", 2)
    assert run("-c", LOAD, site=site, cwd=tmp_path) == "muon_telescope\n"
    pd4ml("train", "MuonTelescope", "--recipe", "gbdt")
    plan = (EXAMPLE / "plan.toml").read_text().replace("2_000", "400").replace(', "filter_net_quick"', "")
    (tmp_path / "plan.toml").write_text(plan)
    pd4ml("benchmark", "--plan", "plan.toml", "--workers", 2)
    records = [json.loads(file.read_text()) for file in tmp_path.glob("runs/*/record.json")]
    assert sorted((r["model"]["name"], r["seed"]) for r in records) == [
        *(("fcn", 1), ("fcn", 2)),
        *(("gbdt", 1), ("gbdt", 2)),
    ]
    assert all(record["metrics"]["auc"]["value"] > 0.8 for record in records)


@pytest.mark.slow
def test_the_example_package_keeps_the_contract(site: Path, tmp_path: Path) -> None:
    line = ("check", "dataset", "MuonTelescope", "--json", "--workers", 1)
    found = json.loads(run("-c", SCRIPT, *line, site=site, cwd=tmp_path))
    assert {check["state"] for check in found} == {"passed", "not applicable"}
    options = ("-m", "pytest", "-q", "-W", "error", "-p", "no:cacheprovider")
    assert "4 passed" in run(*options, EXAMPLE / "tests", site=site, cwd=tmp_path)
