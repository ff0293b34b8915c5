"""A short form of the harness that kills: every command has a line, all cases hold, and it sees what does not."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from hold.cases import Size
from hold.kills import evenly, rows
from hold.lines.commands import LINES, READ_ONLY, commands
from hold.lines.faults import Fault, count
from hold.lines.trees import difference, tree

# These two meet in `collaborate --engine nvflare`, which starts a server and a site for each learner.
BETWEEN_MACHINES = {"collaborate site", "collaborate serve"}
ROOT = Path(__file__).parents[2]
WRITES = """
import os, pathlib, sys
from hold.lines.faults import Fault, install
folder, counter, at, what = sys.argv[1:]
install(Fault((folder,), counter, int(at), what, lasts=False))
file = pathlib.Path(folder, "file")
with file.open("w") as text:          # 1: it is opened, 2: it is written
    text.write("0123456789")
file.rename(file.with_name("other"))  # 3
pathlib.Path(folder, "inner").mkdir() # 4
os.rmdir(pathlib.Path(folder, "inner"))  # 5
"""


def test_every_command_that_writes_has_a_line() -> None:
    """A new command gets one in `hold.lines.commands`, or is named among those that leave nothing."""
    tried = {line.command for line in LINES}
    known = set(commands())
    spoken = {name.removeprefix("collaborate ") if name == "collaborate run" else name for name in known}
    without = spoken - {"run"} - tried - READ_ONLY - BETWEEN_MACHINES
    assert not without
    assert known >= READ_ONLY


def test_all_ends_of_some_lines_hold(tmp_path: Path) -> None:
    found = rows(tmp_path, Size.SHORT)
    assert sum(row.cases for row in found) >= 20
    assert not [failed for row in found for failed in row.failed]


def writes(folder: Path, at: int, what: str) -> tuple[int, set[str]]:
    """What a small program that writes ends with, and leaves."""
    inside = folder / f"{what}-{at}"
    inside.mkdir()
    done = subprocess.run(
        [sys.executable, "-c", WRITES, str(inside), str(folder / f"count-{what}-{at}"), str(at), what],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT)])},
        check=False,
        capture_output=True,
    )
    left = {f"{path.name} {path.read_text() if path.is_file() else ''}" for path in inside.iterdir()}
    return done.returncode, left


def test_changes_are_counted_and_the_process_dies_before_one(tmp_path: Path) -> None:
    assert writes(tmp_path, 0, "SIGKILL") == (0, {"other 0123456789"})
    assert count(tmp_path / "count-SIGKILL-0") == 5
    assert writes(tmp_path, 1, "SIGKILL") == (-9, set())
    assert writes(tmp_path, 2, "SIGKILL") == (-9, {"file "})
    assert writes(tmp_path, 2, "torn") == (-9, {"file 01234"})
    assert writes(tmp_path, 3, "SIGKILL") == (-9, {"file 0123456789"})
    assert writes(tmp_path, 3, "ENOSPC") == (1, {"file 0123456789"})
    assert writes(tmp_path, 5, "SIGKILL") == (-9, {"other 0123456789", "inner "})


def test_what_is_left_or_changed_is_seen(tmp_path: Path) -> None:
    (tmp_path / "record.json").write_text('{"created": "yesterday", "seed": 1}')
    wanted = tree(tmp_path)
    (tmp_path / "record.json").write_text('{"created": "today", "seed": 1}')
    assert difference(tree(tmp_path), wanted) == ""
    (tmp_path / ".record.json.01234567.partial").touch()
    assert "left behind" in difference(tree(tmp_path), wanted)
    (tmp_path / ".record.json.01234567.partial").rename(tmp_path / "record.json")
    assert "other content" in difference(tree(tmp_path), wanted)
    (tmp_path / "record.json").unlink()
    assert "missing" in difference(tree(tmp_path), wanted)


def test_cases_are_spread_evenly() -> None:
    assert evenly(0, 3) == []
    assert evenly(3, 5) == [1, 2, 3]
    assert evenly(100, 4) == [25, 50, 75, 100]
    assert Fault(("a",), "b").at == 0
