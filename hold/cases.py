"""What a part of the harness gives back: one row for each kind of case, and how large a run is."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from enum import Enum
from typing import Any

__all__ = ["Outcome", "Row", "Size", "collect"]

MOST_FAILURES = 20  # of one row that are kept


class Size(Enum):
    """How long a run may take: tests are short, ``make hold`` is long."""

    SHORT = "short"
    LONG = "long"


@dataclass(frozen=True)
class Outcome:
    """How one case ended: what to run to see it again, and what was wrong (nothing, if it held)."""

    case: str
    wrong: str = ""


@dataclass(frozen=True)
class Row:
    """One kind of case: how many were tried, how many held, which did not.

    ``value``, ``unit`` and ``limit`` are for what is measured (seconds, MB): it holds if value <= limit.
    """

    name: str
    cases: int
    held: int
    failed: tuple[str, ...] = ()
    value: float | None = None
    unit: str = ""
    limit: float | None = None

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)

    @classmethod
    def measured(cls, name: str, value: float, unit: str, limit: float) -> Row:
        """A row of one number that has a limit."""
        wrong = () if value <= limit else (f"{value:.4g} {unit} where {limit:g} {unit} are promised",)
        return cls(name, 1, 1 - len(wrong), wrong, value, unit, limit)


def collect(name: str, outcomes: Iterable[Outcome]) -> Row:
    """One row of many cases."""
    found = list(outcomes)
    failed = [f"{outcome.case}: {outcome.wrong}" for outcome in found if outcome.wrong]
    return Row(name, len(found), len(found) - len(failed), tuple(failed[:MOST_FAILURES]))
