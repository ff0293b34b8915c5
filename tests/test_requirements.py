"""What the package needs, as its metadata say, and the line that installs what is missing."""

from __future__ import annotations

import subprocess
import sys
from importlib import metadata

import pytest

import pd4ml
from pd4ml.requirements import install_line, requirements, version

# As setuptools writes them.
LINES = [
    "numpy>=2.0",
    'pythia8mc<8.318,>=8.312; extra == "generate"',
    'pd4ml-physics[awkward]; extra == "generate"',
    'awkward>=2.7; extra == "awkward"',
    'scikit-learn>=1.7; extra == "evaluate"',
    'torch>=2.5; extra == "train"',
    'scikit-learn>=1.7; extra == "train"',
    'pd4ml-physics[awkward,evaluate,train]; extra == "all"',
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
        "awkward": ("awkward",),
        "evaluate": ("scikit-learn",),
        "generate": ("pythia8mc", "awkward"),
        "train": ("torch", "scikit-learn"),
    }


@pytest.mark.parametrize(
    ("missing", "line"),
    [
        (["awkward"], "pip install 'pd4ml-physics[awkward]'"),
        (["pythia8mc", "awkward"], "pip install 'pd4ml-physics[generate]'"),
        (["scikit-learn"], "pip install 'pd4ml-physics[evaluate]'"),
        (["numpy"], "pip install pd4ml-physics"),
        (["ruff"], "pip install ruff"),  # no extra for users
        (["theirs", "awkward"], "pip install theirs awkward"),
    ],
)
def test_the_smallest_extra_is_named(lines: None, missing: list[str], line: str) -> None:
    assert install_line(missing) == line


def test_the_version_has_one_source() -> None:
    assert pd4ml.__version__ == version() == metadata.version("pd4ml-physics")
    assert not hasattr(pd4ml, "__author__")


def test_python_m_is_the_command() -> None:
    done = subprocess.run([sys.executable, "-m", "pd4ml", "--version"], capture_output=True, text=True, check=True)
    assert done.stdout == f"{pd4ml.__version__}\n"
