"""What columns are called, here and by other tools: which is which, what is read besides, what a user says."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pd4ml.errors import DataError, one_line
from pd4ml.evaluation.columns import UNNAMED, Wanted

__all__ = [
    "CHECK",
    "OTHER",
    "Names",
    "bare",
    "choose",
    "class_of",
    "found_names",
    "parse_columns",
    "quoted",
    "tell",
]

# Columns that hold the truth itself, in a file of predictions; and any others, which may name the events.
CHECK, OTHER = "check", "other"
_KEYS = re.compile(r"event_id|node|weight|label|spread|lower|upper|(score|logit|value|target)(_\d{1,3})?")
# Bare names; pandas writes its index as the last three, or without a name.
_IDS = {"eventid", "eventidx", "eventindex", "event", "id", "idx", "index", "unnamed:0", "indexlevel0"}


@dataclass(frozen=True)
class Names:
    """The names of a kind of file.

    ``known`` need no explaining. One whose name begins with one of ``needed`` must be there; where none is, those
    of ``aliases``, by their bare name, stand for it. ``what`` says in messages who needs it. ``classes`` are the
    names of the classes; columns of the truth are read as well where they have one of the bare names ``checked``.
    """

    known: re.Pattern[str]
    needed: tuple[str, ...]
    aliases: Mapping[str, str]
    what: str
    classes: tuple[str, ...] = ()
    checked: frozenset[str] = frozenset()
    said: list[str] = field(default_factory=list)


def parse_columns(text: str | None) -> dict[str, str]:
    """``score=score_label_Top,event_id=id`` as a dict; DataError for keys that mean nothing."""
    columns: dict[str, str] = {}
    for part in text.split(",") if text else []:
        key, equals, name = part.partition("=")
        key = key.strip()
        if not equals or not _KEYS.fullmatch(key) or key in columns:
            raise DataError(
                f"--columns takes KEY=NAME,..., each KEY once: event_id, node, score, logit, value, spread, "
                f"lower, upper, label, target or weight, or with a number like score_0; found {one_line(part)!r}"
            )
        columns[key] = name.strip()
    return columns


def choose(file: Path, names: Sequence[str], of: Names, given: Mapping[str, str]) -> list[Wanted]:
    """The columns to read of a file with the columns ``names``; what is not obvious is noted in ``of.said``.

    ``given`` says which column is which, by role. DataError for columns that are not there or in doubt.
    """
    if list(names) == [UNNAMED]:
        if given:
            raise DataError(f"{file} does not name its columns, so that none can be {', '.join(given.values())}")
        return [Wanted(UNNAMED, UNNAMED, 0, "number")]
    for role in given:
        if not of.known.fullmatch(role):
            raise DataError(f"{file} has no use for {role}={given[role]}: {of.what} {' or '.join(of.needed)}")
    places = {role: _place(file, names, name) for role, name in given.items()}
    decided = any(role.startswith(of.needed) for role in given)
    for place, name in enumerate(names):
        role = name.strip().lower()
        if of.known.fullmatch(role) and role not in given and place not in places.values():
            if decided and role.startswith(of.needed):
                continue
            if role in places:
                raise DataError(f"{file} has two columns {role!r}")
            places[role] = place
    if not any(role.startswith(of.needed) for role in places):
        places |= _by_class(file, names, of) or _by_alias(file, names, of, set(places.values()))
    if not any(role.startswith(of.needed) for role in places):
        raise DataError(f"{file}: {of.what} {' or '.join(of.needed)}; found {found_names(names)}")
    chosen = [
        Wanted(role, names[place], place, "whole" if role in ("event_id", "node") else "number")
        for role, place in places.items()
    ]
    taken = set(places.values())
    rest = [(place, name) for place, name in enumerate(names) if place not in taken]
    by_class = "label" in of.checked
    checks = {p for p, name in rest if bare(name) in of.checked or (by_class and class_of(name, "label"))}
    chosen += [Wanted(CHECK, name, place, "maybe number") for place, name in rest if place in checks]
    if "event_id" not in places:
        chosen += [
            Wanted(OTHER, name, place, "ids" if _names_events(name, place) else "maybe whole")
            for place, name in rest
            if place not in checks
        ]
    return chosen


def found_names(names: Iterable[str]) -> str:
    """The names of columns for a message."""
    return one_line(", ".join(name.strip() or "(unnamed)" for name in names), 200) or "none"


def quoted(name: str) -> str:
    """A column in a message."""
    return f"column {one_line(name.strip())!r}" if name.strip() else "the unnamed first column"


def tell(file: Path, said: Iterable[str]) -> None:
    """Say on standard error, a line each, what was made of ``file``."""
    for text in said:
        print(f"{file.name}: {text}", file=sys.stderr, flush=True)


def bare(name: str) -> str:
    """A name as names are compared: without case, spaces, hyphens and underscores."""
    return re.sub(r"[\s_-]", "", name.lower())


def _names_events(name: str, place: int) -> bool:
    return bare(name) in _IDS or (place == 0 and not name.strip())


def _place(file: Path, names: Sequence[str], name: str) -> int:
    """Where the column ``name`` is, upper and lower case alike if nothing else."""
    for plain in (str, str.lower):
        found = [place for place, other in enumerate(names) if plain(other.strip()) == plain(name)]
        if len(found) == 1:
            return found[0]
    what = "two columns" if found else "no column"
    raise DataError(f"{file} has {what} {one_line(name)!r}; its columns: {found_names(names)}")


def _by_alias(file: Path, names: Sequence[str], of: Names, taken: set[int]) -> dict[str, int]:
    """Columns that other tools call otherwise, such as ``pred``, or ``prob_0`` and ``prob_1``."""
    found = []
    for place, name in enumerate(names):
        stem, number = re.sub(r"[\s_-]?\d{1,3}$", "", name.strip()), re.search(r"\d{1,3}$", name.strip())
        if place not in taken and (role := of.aliases.get(bare(stem))):
            found.append((bare(stem), f"{role}_{number[0]}" if number else role, place))
    chosen = {role: place for _, role, place in found}
    if len({stem for stem, _, _ in found}) > 1 or len(chosen) < len(found):
        several = found_names(names[place] for _, _, place in found)
        raise DataError(
            f"{file}: {of.what} {' or '.join(of.needed)}; in doubt between {several}: say which with "
            f"--columns {of.needed[-1]}=NAME"
        )
    return _said(names, of, chosen)


def _by_class(file: Path, names: Sequence[str], of: Names) -> dict[str, int]:
    """Columns with the scores of classes, by the names of the classes; none if there are no such columns."""
    scores = {place: called for place, name in enumerate(names) if (called := class_of(name, "score"))}
    if "score" not in of.needed or not scores:
        return {}
    known = {bare(name): k for k, name in enumerate(of.classes)}
    found = {known[bare(of_class)]: place for place, of_class in scores.items() if bare(of_class) in known}
    if len(found) == len(scores) == len(known):
        return _said(names, of, {f"score_{k}": found[k] for k in sorted(found)})
    if list(found) == [1] and len(scores) == 1 and len(known) == 2:
        return _said(names, of, {"score": found[1]})
    classes = f" (its classes: {', '.join(of.classes)})" if of.classes else ""
    raise DataError(
        f"{file}: which class are {found_names(names[place] for place in scores)} of?{classes} Say it with "
        "--columns score=NAME, that of class 1, or score_0=NAME,score_1=NAME,..."
    )


def _said(names: Sequence[str], of: Names, chosen: dict[str, int]) -> dict[str, int]:
    """``chosen``, when it was noted."""
    of.said.extend(f"{quoted(names[place])} is read as {role}" for role, place in chosen.items())
    return chosen


def class_of(name: str, kind: str) -> str:
    """The class that a column such as ``score_label_Top`` (of the kind ``score``) is of; empty if it is none."""
    found = re.fullmatch(rf"{kind}_(?:label_)?(.*\D.*)", name.strip())
    return found[1] if found else ""
