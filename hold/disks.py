"""Full disks, broken ones, folders that vanish or may not be written, clocks that jump: one line, and on it goes.

Errors come from the layer of `hold.lines.faults` at one change of the disk, and at all later ones; where a tmpfs
may be mounted, in a namespace of the process's own, a disk is really full as well.
``python -m hold.disks generate ENOSPC 17`` does one case again and keeps its folder.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import time
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path

from hold.cases import Row, Size
from hold.kills import again, evenly, in_a_process, run_main
from hold.lines.commands import Line
from hold.lines.faults import count
from hold.lines.forks import Ended, Place, adopt_orphans, run_line, warm_up
from hold.lines.trees import difference, tree

__all__ = ["rows"]

ERRORS = ("ENOSPC", "EIO", "EROFS", "EACCES", "ENOENT")
SHORT_LINES = ("generate",)
_LINES = (
    *("generate", "generate_again", "import", "convert", "train", "train_trees", "benchmark", "predict"),
    *("shift", "calibrate", "intervals", "decorrelate", "unfold", "infer", "report", "plot", "leaderboard"),
    *("export_parquet", "export_huggingface", "export_npz", "compete", "collaborate", "kits", "new_dataset"),
)
_CHANGES = 2  # that are tried for each error
_YEAR = 365.25 * 86400
_NEW_NAMESPACE = 0x00020000  # CLONE_NEWNS
_FULL = (0.2, 0.5, 0.8, 0.95)  # of what a line writes there is room for


def rows(folder: Path, size: Size) -> Iterable[Row]:
    """A row for each error, one for disks that are really full, one for clocks."""
    return in_a_process("hold.disks", folder, size, _LINES if size is Size.LONG else SHORT_LINES)


def try_line(
    line: Line, fixtures: Path, folder: Path, size: Size, only: tuple[str, float] | None = None
) -> list[list[str]]:
    """Outcomes of one line's cases; this process must be one of its own."""
    adopt_orphans()
    fixture, reference = fixtures / line.fixture, Place(folder / "reference")
    warm_up(line.line, reference.filled(fixture))
    ended = run_line(line.line, reference.filled(fixture), reference.fault())
    if ended.code != 0:
        return [["undisturbed", line.name, f"ended with {ended.code}: {ended.last_line}"]]
    wanted, changes, place = tree(reference.work), count(reference.counter), Place(folder / "case")
    needed = sum(file.stat().st_size for file in reference.work.rglob("*") if file.is_file())
    begun = sum(file.stat().st_size for file in fixture.rglob("*") if file.is_file())
    found = []
    for what, at in [only] if only else _cases(changes, size):
        place.filled(fixture)
        if what == "full":
            wrong = _full(line, place, fixture, begun + int(at * (needed - begun)), wanted)
        elif what == "clock":
            wrong = _jump(line, place, int(at), wanted)
        else:
            ended = run_line(line.line, place, place.fault(at=int(at), what=what, lasts=True))
            wrong = _wrong_end(ended, place, wanted) or again(line.line, place, wanted, ended)
        if wrong is not None:
            kind = {"full": "a tmpfs that is full", "clock": "a clock that jumps by a year"}.get(what, what)
            found.append([kind, f"python -m hold.disks {line.name} {what} {at:g}", wrong])
    return found


def _cases(changes: int, size: Size) -> Iterator[tuple[str, float]]:
    for what in ERRORS:
        for at in evenly(changes, _CHANGES):
            yield what, at
    for share in _FULL if size is Size.LONG else _FULL[1:2]:
        yield "full", share
    for at in evenly(changes, 2 if size is Size.LONG else 1):
        yield "clock", at


def _wrong_end(ended: Ended, place: Place, wanted: dict[str, str]) -> str:
    """What is wrong with how a line ended that met an error: nothing if it said so, or did not need the change."""
    if ended.refused or (
        ended.code == 0 and difference(tree(place.work), wanted).partition(":")[0] in ("", "left behind")
    ):
        return ""
    if ended.code == 1 and "Traceback" not in ended.said:  # a benchmark that tells of cells that failed
        return ""
    return f"ended with {ended.code}: {ended.last_line}"


def _jump(line: Line, place: Place, at: int, wanted: dict[str, str]) -> str:
    """A kill a year from now, and the same line a year ago, with files from the future."""
    ended = run_line(line.line, place, place.fault(at=at), before=partial(_shift_clock, _YEAR))
    for file in place.work.rglob("*"):
        os.utime(file, (time.time() + _YEAR,) * 2)
    return again(line.line, place, wanted, ended, before=partial(_shift_clock, -_YEAR))


def _shift_clock(seconds: float) -> None:
    """Let this process believe that it is another time."""
    now = time.time
    time.time = lambda: now() + seconds


def _full(line: Line, place: Place, fixture: Path, room: int, wanted: dict[str, str]) -> str | None:
    """The line on a disk with ``room`` bytes, and again when there is more; None where nothing may be mounted."""
    if not _mounted(place.work, room):
        return None
    try:
        shutil.copytree(fixture, place.work, dirs_exist_ok=True)
        ended = run_line(line.line, place)
        wrong = _wrong_end(ended, place, wanted)
        subprocess.run(["mount", "-o", "remount,size=1g", str(place.work)], check=True)
        return wrong or again(line.line, place, wanted, ended)
    except OSError:  # not even what the line begins with has room, since a disk is full in blocks
        return None
    finally:
        subprocess.run(["umount", "-l", str(place.work)], check=True)


def _mounted(folder: Path, room: int) -> bool:
    """Mount a small tmpfs that only this process and its children see; whether that may be done here."""
    libc = ctypes.CDLL(None)
    if os.geteuid() or libc.unshare(_NEW_NAMESPACE):
        return False
    for command in (["--make-rprivate", "/"], ["-t", "tmpfs", "-o", f"size={room}", "tmpfs", str(folder)]):
        if subprocess.run(["mount", *command], check=False, capture_output=True).returncode:
            return False
    return True


def main() -> None:
    """All cases of some lines into a file, or one case again."""
    run_main("hold_disks_", try_line)


if __name__ == "__main__":
    main()
