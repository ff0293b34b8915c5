"""Kills at every change of the disk, in writes, by signals, at any moment: the same line then makes the same.

``python -m hold.kills train SIGKILL 17`` does one case again and keeps its folder.
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from hold.cases import Outcome, Row, Size, collect
from hold.lines.commands import LINES, Line, make_fixtures
from hold.lines.faults import count
from hold.lines.forks import Ended, Place, adopt_orphans, in_fork, orphans, run_line, warm, warm_up
from hold.lines.server import served
from hold.lines.trees import difference, tree

__all__ = ["again", "evenly", "in_a_process", "rows", "run_main"]

AT_CHANGES = ("SIGKILL", "torn", "SIGTERM", "SIGINT")
ANY_MOMENT = ("SIGKILL", "SIGTERM", "SIGINT")
SHORT_LINES = ("generate", "train")
# Of one line: kills at so many changes (all if there are fewer), other ends at so many, at any moment so many.
_LONG, _SHORT, _FEW = (24, 3, 2), (4, 1, 1), (6, 2, 2)

Trier = Callable[[Line, Path, Path, Size, Any], list[list[str]]]


def rows(folder: Path, size: Size) -> Iterable[Row]:
    """A row for each way to end a line."""
    names = [line.name for line in LINES] if size is Size.LONG else SHORT_LINES
    return in_a_process("hold.kills", folder, size, names)


def in_a_process(module: str, folder: Path, size: Size, names: Iterable[str]) -> list[Row]:
    """Rows of the lines ``names``, tried by ``module`` in a process that has imported everything before."""
    file = folder / "outcomes.jsonl"
    command = [sys.executable, "-m", module, "--into", str(file), str(size.value), str(folder / "cases"), *names]
    subprocess.run(command, check=True, cwd=Path(__file__).parents[1])
    found: dict[str, list[Outcome]] = {}
    for text in file.read_text().splitlines():
        kind, *outcome = json.loads(text)
        found.setdefault(kind, []).append(Outcome(*outcome))
    return [collect(kind, outcomes) for kind, outcomes in found.items()]


def run_main(prefix: str, trier: Trier) -> None:
    """All cases of some lines into a file, or one case again."""
    warm()
    only = None
    if sys.argv[1] == "--into":
        _, _, into, size, where, *names = sys.argv
        folder = Path(where)
    else:
        name, what, at = sys.argv[1:]
        into, size, names, only = "/dev/stdout", "long", [name], (what, float(at))
        folder = Path(tempfile.mkdtemp(prefix=prefix))
    folder.mkdir(parents=True, exist_ok=True)
    lines = [line for line in LINES if line.name in names]
    with served(folder / "served"):
        _try_lines(lines, folder, Path(into), Size(size), trier, only)
    if only:
        print(f"its folder: {folder / 'case'}")


def _try_lines(
    lines: list[Line], folder: Path, into: Path, size: Size, trier: Trier, only: tuple[str, float] | None
) -> None:
    in_fork(lambda: make_fixtures(folder / "fixtures", {line.fixture for line in lines}), folder / "made.json")
    for line in lines:
        try:
            found = in_fork(partial(trier, line, folder / "fixtures", folder, size, only), folder / "found.json")
        except RuntimeError as error:  # one line must not lose the others
            found = [["undisturbed", line.name, str(error)]]
        with into.open("a", encoding="utf-8") as stream:
            stream.writelines(json.dumps(outcome) + "\n" for outcome in found)
        held = sum(not wrong for *_, wrong in found)
        print(f"  {line.name}: {held} of {len(found)} held", file=sys.stderr, flush=True)


def try_line(
    line: Line, fixtures: Path, folder: Path, size: Size, only: tuple[str, float] | None = None
) -> list[list[str]]:
    """Outcomes of one line's cases (kind, what to run, what was wrong), in a process of their own."""
    adopt_orphans()
    fixture, reference = fixtures / line.fixture, Place(folder / "reference")
    if not line.workers:
        warm_up(line.line, reference.filled(fixture))
    reference.filled(fixture)
    start = time.monotonic()
    ended = run_line(line.line, reference, reference.fault())
    seconds, wanted, changes = time.monotonic() - start, tree(reference.work), count(reference.counter)
    wrong = "a process was left" if orphans() else difference(tree(reference.temporary), {})
    if ended.code != 0:
        wrong = f"ended with {ended.code}: {ended.last_line}"
    found = [["undisturbed", f"{line.name}, {changes} changes", wrong]]
    limits = _SHORT if size is Size.SHORT else _FEW if line.workers or line.slow else _LONG
    for what, at in [only] if only else [] if wrong else _cases(changes, limits):
        place = Place(folder / "case").filled(fixture)
        if what.startswith("~"):
            moment = seconds * random.Random(f"{line.name} {what} {at:g}").random()
            ended = run_line(line.line, place, outside=(what[1:], moment))
        else:
            ended = run_line(line.line, place, place.fault(at=int(at), what=what))
        wrong = _wrong_end(ended, what, line)
        if line.holds and ended.code == 0:
            wrong = wrong or _is_whole(run_line(line.holds, place))
        else:
            wrong = wrong or again(line.line, place, wanted, ended)
        kind = f"{what[1:]} at any moment" if what.startswith("~") else f"{what} at a change of the disk"
        found.append([kind, f"python -m hold.kills {line.name} {what} {at:g}", wrong])
    return found


def _cases(changes: int, limits: tuple[int, int, int]) -> Iterator[tuple[str, float]]:
    """Ends at changes, evenly chosen where there are many, and at any moment."""
    kills, others, moments = limits
    for what in AT_CHANGES:
        yield from ((what, at) for at in evenly(changes, kills if what == "SIGKILL" else others))
    for what in ANY_MOMENT:
        yield from ((f"~{what}", k) for k in range(moments))


def evenly(n: int, most: int) -> list[int]:
    """At most ``most`` of the numbers 1 to ``n``, the last among them."""
    return sorted({n - (n * k) // min(n, most) for k in range(min(n, most))}) if n else []


def again(
    line: str, place: Place, wanted: dict[str, str], first: Ended, before: Callable[[], None] | None = None
) -> str:
    """Run the line once more; what is not as if nothing had happened: files, temporary ones, processes."""
    there = tree(place.work)
    ended = run_line(line, place, before=before)
    left = orphans()
    not_as = difference(tree(place.work), wanted)
    # It was done, but for tidying up, and what is there is never written over.
    over = ended.refused and difference(there, wanted).partition(":")[0] in ("", "left behind")
    if not_as or not (ended.code == 0 or over):
        return f"first {first.code}, again {ended.code}, {not_as or ended.last_line}"
    if left:
        return "a process was left"
    if temporary := sorted(tree(place.temporary)):
        return f"left in TMPDIR: {', '.join(temporary[:3])}"
    return ""


def _is_whole(asked: Ended) -> str:
    """What is wrong with what was made without a process that was killed."""
    if orphans():
        return "a process was left"
    return "" if asked.code == 0 else f"it is not whole: {asked.last_line}"


def _wrong_end(ended: Ended, what: str, line: Line) -> str:
    """What is wrong with how a line ended that was stopped, if it was not over before."""
    name = what.removeprefix("~")
    if ended.code is None:
        return "it hung"
    if "Traceback" in ended.said or "Exception ignored" in ended.said:
        return f"a traceback: {ended.last_line}"
    if name == "SIGINT" and ended.code != 0 and not ended.refused:
        return f"Ctrl-C ended it with {ended.code}: {ended.last_line}"
    told = line.workers and ended.code in (1, 2)  # of a worker that died
    if name == "SIGTERM" and ended.code not in (0, -15, 143) and not told:
        return f"SIGTERM ended it with {ended.code}: {ended.last_line}"
    return ""


def main() -> None:
    """All cases of some lines into a file, or one case again."""
    run_main("hold_kills_", try_line)


if __name__ == "__main__":
    main()
