"""Compiled code is kept somewhere, wherever the package is used, and never where somebody else could change it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import pd4ml

SOURCE = Path(pd4ml.__file__).parent
KERNEL = """
from pd4ml.compiled import njit

@njit(cache=True)
def twice(x):
    return 2 * x

@njit(cache=True)
def thrice(x):
    return 3 * x
"""
# Processes that this one starts inherit the environment.
SCRIPT = "import kernel, os; print(kernel.twice(2), kernel.thrice(2), os.environ['NUMBA_CACHE_DIR'])"


@pytest.fixture
def run(tmp_path: Path) -> Callable[[], subprocess.CompletedProcess[str]]:
    """Runs the script where neither the package nor the home takes a file, whoever the user is."""
    (tmp_path / "temporary").mkdir()
    package = tmp_path / "package"
    package.mkdir()
    (package / "kernel.py").write_text(KERNEL, encoding="utf-8")
    (package / "__pycache__").touch()  # a file in its place stops root, too
    nowhere = {"HOME": os.devnull, "XDG_CACHE_HOME": os.devnull, "TMPDIR": str(tmp_path / "temporary")}
    path = os.pathsep.join([str(package), str(SOURCE.parent), *sys.path])
    environment = {**os.environ, **nowhere, "PYTHONPATH": path}
    environment.pop("NUMBA_CACHE_DIR", None)
    return lambda: subprocess.run(
        [sys.executable, "-c", SCRIPT], env=environment, capture_output=True, text=True, check=False
    )


CALLED = """
from pd4ml.compiled import njit

FACTOR = {factor}

@njit(cache=True)
def scaled(x):
    return {scale} * x
"""
CALLER = """
from called import FACTOR, scaled
from pd4ml.compiled import njit

@njit(cache=True)
def twice_scaled(x):
    return FACTOR * scaled(x)
"""


def test_compiled_code_follows_what_it_calls_and_its_constants(tmp_path: Path) -> None:
    """numba itself would go on with the old loops: the caller's file is the same."""
    (tmp_path / "caller.py").write_text(CALLER, encoding="utf-8")
    path = os.pathsep.join([str(tmp_path), str(SOURCE.parent), *sys.path])
    environment = {**os.environ, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"}
    script = "from caller import twice_scaled as f; print(f(1), sum(f.stats.cache_hits.values()))"
    found = []
    for factor, scale in ((2, 3), (2, 3), (2, 5), (7, 5), (7, 5)):
        (tmp_path / "called.py").write_text(CALLED.format(factor=factor, scale=scale), encoding="utf-8")
        done = subprocess.run(
            [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        found.append(done.stdout.split())
    assert found == [["6", "0"], ["6", "1"], ["10", "0"], ["35", "0"], ["35", "1"]]


def test_a_temporary_cache_where_nothing_else_can_be_written(
    run: Callable[[], subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    folder = tmp_path / "temporary" / f"pd4ml-numba-{os.getuid()}"
    for _ in range(2):  # the second finds what the first compiled
        done = run()
        assert done.stdout.split() == ["4", "6", str(folder)], done.stderr
        assert done.stderr.count("\n") == 1
        assert str(folder) in done.stderr
    assert folder.stat().st_mode & 0o777 == 0o700
    assert len(list(folder.rglob("*.nbi"))) == 2


@pytest.mark.parametrize("trap", ["a link", "open to all", "of somebody else"])
def test_a_folder_that_others_can_change_is_not_used(
    run: Callable[[], subprocess.CompletedProcess[str]], tmp_path: Path, trap: str
) -> None:
    folder, elsewhere = tmp_path / "temporary" / f"pd4ml-numba-{os.getuid()}", tmp_path / "elsewhere"
    elsewhere.mkdir(mode=0o700)
    if trap == "a link":
        folder.symlink_to(elsewhere)
    else:
        folder.mkdir(mode=0o700)
    if trap == "open to all":
        folder.chmod(0o777)
    if trap == "of somebody else":
        if os.getuid() != 0:
            pytest.skip("only root can give a folder away")
        os.chown(folder, 65534, 65534)
    done = run()
    assert done.stdout.split()[:2] == ["4", "6"], done.stderr
    assert str(folder) + "\n" not in done.stderr
    assert not any([*folder.iterdir(), *elsewhere.iterdir()])
    assert [path.name for path in (tmp_path / "temporary").iterdir()] == [folder.name], "nothing is left behind"


def test_nobody_else_compiles() -> None:
    offenders = [
        path
        for path in SOURCE.rglob("*.py")
        if path.name != "compiled.py"
        and re.search(r"from numba import .*\b(jit|njit|vectorize)|numba\.(jit|njit)", path.read_text("utf-8"))
    ]
    assert not offenders, "pd4ml.compiled.njit knows where compiled code can be kept"
