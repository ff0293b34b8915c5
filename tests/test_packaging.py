"""What is distributed is whole, and works where there is no checkout."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from email.message import Message
from email.parser import Parser
from pathlib import Path

import pytest
from packaging.requirements import Requirement

import pd4ml

ROOT = Path(__file__).parents[1]
CONSTRAINTS = ROOT / "constraints.txt"
BUILD = "import sys; from setuptools import build_meta; getattr(build_meta, 'build_' + sys.argv[1])(sys.argv[2])"


def run(*command: object, cwd: Path, code: int = 0) -> str:
    """What a command prints that knows nothing of this checkout; it must exit with ``code``."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    done = subprocess.run([str(c) for c in command], cwd=cwd, env=env, capture_output=True, text=True)
    assert done.returncode == code, f"{command}: {done.stdout[-3000:]}{done.stderr[-3000:]}"
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def tracked() -> set[str]:
    """What is in version control."""
    if not (ROOT / ".git").exists():
        pytest.skip("needs a git checkout")
    return {name for name in run("git", "ls-files", cwd=ROOT).splitlines() if (ROOT / name).exists()}


@pytest.fixture(scope="module")
def built(tracked: set[str], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A source distribution and a wheel of what is in version control, and a wheel of the former."""
    folder = tmp_path_factory.mktemp("dist")
    checkout = folder / "checkout"
    for name in tracked:
        (checkout / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, checkout / name)

    def build(kind: str, source: Path, name: str) -> Path:
        run(sys.executable, "-c", BUILD, kind, folder / name, cwd=source)
        (made,) = (folder / name).iterdir()
        return made

    sdist = build("sdist", checkout, "sdist")
    with tarfile.open(sdist) as archive:
        archive.extractall(folder / "unpacked", filter="data")
    (unpacked,) = (folder / "unpacked").iterdir()
    return {
        "sdist": sdist,
        "wheel": build("wheel", checkout, "wheel"),
        "wheel of sdist": build("wheel", unpacked, "again"),
    }


def test_the_source_distribution_holds_what_is_in_version_control(
    built: dict[str, Path], tracked: set[str]
) -> None:
    with tarfile.open(built["sdist"]) as archive:
        names = {member.name.partition("/")[2] for member in archive.getmembers() if member.isfile()}
    made = {name for name in names if name in ("PKG-INFO", "setup.cfg") or ".egg-info/" in name}
    assert names - made == tracked


def test_a_wheel_holds_the_package_and_its_data(built: dict[str, Path], tracked: set[str]) -> None:
    with zipfile.ZipFile(built["wheel"]) as wheel:
        names = {name for name in wheel.namelist() if ".dist-info/" not in name}
    package = {name.removeprefix("src/") for name in tracked if name.startswith("src/")}
    assert names == {name for name in package if not name.endswith("README.md") and "/figures/" not in name}


def test_the_wheel_of_the_source_distribution_is_the_same(built: dict[str, Path]) -> None:
    def contents(wheel: Path) -> dict[str, int]:
        with zipfile.ZipFile(wheel) as archive:
            return {entry.filename: entry.CRC for entry in archive.infolist()}

    assert contents(built["wheel of sdist"]) == contents(built["wheel"])


def metadata_of(wheel: Path) -> Message:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith("METADATA"))
        return Parser().parsestr(archive.read(name).decode())


def test_the_metadata(built: dict[str, Path]) -> None:
    said = metadata_of(built["wheel"])
    assert (said["Name"], said["Requires-Python"]) == ("pd4ml-physics", ">=3.11")
    assert f"version: {said['Version']}\n" in (ROOT / "CITATION.cff").read_text()
    generators = [line for line in said.get_all("Requires-Dist", []) if line.startswith("pythia8mc")]
    assert generators == ['pythia8mc<8.318,>=8.312; extra == "generate"']
    pinned = dict(line.split("==") for line in CONSTRAINTS.read_text().splitlines() if "==" in line)
    assert pinned["pythia8mc"].startswith("8.317.")


@pytest.mark.parametrize(
    ("platform", "machine", "python", "brought"),
    [
        ("linux", "x86_64", "3.11", True),
        ("linux", "x86_64", "3.14", False),
        ("linux", "aarch64", "3.12", False),
        ("darwin", "arm64", "3.13", True),
        ("darwin", "x86_64", "3.12", False),
        ("win32", "AMD64", "3.13", False),
    ],
)
def test_all_brings_pythia_where_it_has_wheels(
    built: dict[str, Path], platform: str, machine: str, python: str, brought: bool
) -> None:
    here = {"extra": "all", "sys_platform": platform, "platform_machine": machine, "python_version": python}
    lines = map(Requirement, metadata_of(built["wheel"]).get_all("Requires-Dist", []))
    extras = {extra for line in lines if line.marker and line.marker.evaluate(here) for extra in line.extras}
    assert ("generate" in extras, "geant4" in extras) == (brought, brought)
    assert {"root", "train", "plot"} <= extras


def new_environment(folder: Path) -> tuple[Path, Path]:
    """An empty environment in ``folder``: its Python, and the folder where its commands are."""
    venv.create(folder, with_pip=True)
    commands = folder / ("Scripts" if os.name == "nt" else "bin")
    return commands / "python", commands


def first_session(commands: Path, folder: Path) -> None:
    """What somebody tries who has just installed the package: from the list of datasets to a report."""
    pd4ml_, python = commands / "pd4ml", commands / "python"
    where = run(python, "-c", "import pd4ml; print(pd4ml.__file__)", cwd=folder)
    assert commands.parent in Path(where.strip()).parents
    assert run(python, "-m", "pd4ml", "--version", cwd=folder) == f"{pd4ml.__version__}\n"
    assert "TopTagging" in run(pd4ml_, "list", cwd=folder)
    assert "setting " in run(pd4ml_, "info", "Spinodal", cwd=folder)
    run(pd4ml_, "generate", "Spinodal", "-n", 200, "--workers", 1, cwd=folder)
    run(pd4ml_, "train", "Spinodal", "--recipe", "gbdt", "--set", "max_epochs=5", cwd=folder)
    run(pd4ml_, "train", "Spinodal", "--recipe", "fcn_quick", "--set", "max_epochs=1", cwd=folder)
    for record in sorted(folder.glob("runs/*/record.json")):
        measured = json.loads(run(pd4ml_, "evaluate", record.parent, "--json", cwd=folder))
        assert measured["auc"] == json.loads(record.read_text())["metrics"]["auc"]
    run(pd4ml_, "report", "runs", cwd=folder)
    page = (folder / "report.html").read_text()
    assert "fcn_quick" in page
    assert "gbdt" in page


@pytest.mark.slow
def test_the_wheel_works_in_a_clean_environment(built: dict[str, Path], tmp_path: Path) -> None:
    """The base install generates what needs no Pythia; with extras from the index a first session works."""
    python, commands = new_environment(tmp_path / "venv")
    work = tmp_path / "elsewhere"
    work.mkdir()
    pip = (python, "-m", "pip", "--disable-pip-version-check")
    patience = ("--retries", "0", "--timeout", "10")
    probe = subprocess.run(
        [*pip, "download", "--quiet", "--no-deps", "--no-cache-dir", *patience, "filelock"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    if probe.returncode:
        pytest.skip(f"no package index: {probe.stderr.strip().splitlines()[-1]}")
    install = (*pip, "install", "--quiet", "--constraint", CONSTRAINTS)
    run(*install, built["wheel"], cwd=work)
    for name in ("Airshower", "EOSL", "Spinodal"):
        run(commands / "pd4ml", "generate", name, "-n", 40, "--workers", 1, "--path", "base", cwd=work)
    refused = run(commands / "pd4ml", "generate", "Belle", cwd=work, code=2)
    assert re.fullmatch(r"pd4ml: generating needs pythia8mc: pip install 'pd4ml-physics\[generate\]'\n", refused)
    run(*install, "torch", cwd=work)
    run(*install, f"{built['wheel']}[train,plot]", cwd=work)
    first_session(commands, work)


@pytest.mark.slow
def test_the_source_distribution_works_in_an_environment_of_its_own(
    built: dict[str, Path], tmp_path: Path
) -> None:
    """Installed without what it needs, which comes from this environment."""
    python, commands = new_environment(tmp_path / "venv")
    work = tmp_path / "elsewhere"
    work.mkdir()
    run(python, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps", built["wheel of sdist"], cwd=work)
    (site,) = (tmp_path / "venv").rglob("site-packages")
    # A folder named here has its own .pth files left alone, an editable install of this package among them.
    (site / "these.pth").write_text(sysconfig.get_path("purelib"))
    first_session(commands, work)
