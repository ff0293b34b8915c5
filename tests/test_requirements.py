"""What the package needs, as its metadata say, and the line that installs what is missing."""

from __future__ import annotations

import subprocess
import sys
from importlib import metadata

import pytest

import pd4ml
from pd4ml.requirements import install_line, requirements, version

DATASETS = [d for d in pd4ml.Dataset.datasets_register if d.__module__.startswith("pd4ml.")]
# As setuptools writes them.
LINES = [
    "numpy>=2.0",
    'pythia8mc<8.318,>=8.312; extra == "generate"',
    'pd4ml-physics[jets]; extra == "generate"',
    'fastjet>=3.4; extra == "jets"',
    'scikit-learn>=1.7; extra == "evaluate"',
    'torch>=2.5; extra == "train"',
    'scikit-learn>=1.7; extra == "train"',
    'pd4ml-physics[jets,evaluate,train]; extra == "all"',
    'pd4ml-physics[generate]; (python_version < "3.14" and sys_platform == "linux") and extra == "all"',
    'pd4ml-physics[all]; extra == "dev"',
    'ruff>=0.9; extra == "dev"',
]


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metadata, "requires", lambda name: LINES)


def test_what_each_extra_brings(lines: None) -> None:
    assert requirements() == {
        "": ("numpy",),
        "evaluate": ("scikit-learn",),
        "generate": ("pythia8mc", "fastjet"),
        "jets": ("fastjet",),
        "train": ("torch", "scikit-learn"),
    }


@pytest.mark.parametrize(
    ("missing", "line"),
    [
        (["fastjet"], "pip install 'pd4ml-physics[jets]'"),
        (["pythia8mc", "fastjet"], "pip install 'pd4ml-physics[generate]'"),
        (["scikit-learn"], "pip install 'pd4ml-physics[evaluate]'"),
        (["numpy"], "pip install pd4ml-physics"),
        (["ruff"], "pip install ruff"),  # no extra for users
        (["theirs", "fastjet"], "pip install theirs fastjet"),
    ],
)
def test_the_smallest_extra_is_named(lines: None, missing: list[str], line: str) -> None:
    assert install_line(missing) == line


@pytest.mark.parametrize("dataset", DATASETS, ids=lambda d: d.name)
def test_a_simulator_needs_the_base_install_or_names_the_extra(dataset: type[pd4ml.Dataset]) -> None:
    """In a base install, where nothing of the extras can be imported or found."""
    base = "awkward", "numpy", "numba", "requests", "urllib3", "filelock", "loky", "typer", "rich"
    script = f"""
import importlib.util, sys
blocked = ("fastjet", "pythia8mc", "torch", "sklearn", "scipy", "h5py", "pyarrow", "matplotlib")
sys.modules.update(dict.fromkeys(blocked))
there = importlib.util.find_spec
importlib.util.find_spec = lambda name, *rest: None if name in blocked else there(name, *rest)
import pd4ml
dataset = pd4ml.Dataset.datasets_register.find({dataset.name!r})
assert set(dataset.simulator().packages) <= {{*{base!r}, *blocked}}
try:
    dataset.simulator().require()
except pd4ml.Pd4mlError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    missing = [name for name in dataset.simulator().packages if name not in base]
    line = f"generating needs {', '.join(missing)}: pip install 'pd4ml-physics[generate]'\n"
    assert done.stdout == (line if missing else "")


def test_the_version_has_one_source() -> None:
    assert pd4ml.__version__ == version() == metadata.version("pd4ml-physics")
    assert not hasattr(pd4ml, "__author__")


def test_python_m_is_the_command() -> None:
    done = subprocess.run([sys.executable, "-m", "pd4ml", "--version"], capture_output=True, text=True, check=True)
    assert done.stdout == f"{pd4ml.__version__}\n"
