"""What is checked, and what a check says of it: a name, a state, one line of what was found."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

from pd4ml.card import Card
from pd4ml.dataset import Dataset
from pd4ml.errors import Pd4mlError, one_line
from pd4ml.sample import Sample
from pd4ml.storage.store import Events

__all__ = ["Check", "Checker", "Said", "State", "Subject", "failed", "of", "passed", "skipped", "warned"]

State = Literal["passed", "warning", "failed", "not applicable"]
_MOST = 300  # characters of a line


@dataclass(frozen=True)
class Check:
    """What was found of one thing that a dataset promises.

    Parameters
    ----------
    name : str
        What was looked at.
    state : str
        ``passed``, ``warning`` (a person should look), ``failed`` or ``not applicable``.
    found : str
        One line of what was found, and of what to do.
    """

    name: str
    state: State
    found: str


class Said(NamedTuple):
    """What a checker gives."""

    state: State
    found: str


@dataclass(frozen=True)
class Subject:
    """A dataset and events of it in ``path``; what is made for the check alone lies in ``scratch``."""

    dataset: type[Dataset]
    scratch: Path
    path: Path
    source: str = "generated"
    variant: str = "default"
    n_events: int = 400
    workers: int = 2

    @property
    def card(self) -> Card:
        """The dataset's card; that of the published arrays if events are not generated."""
        return self.dataset.card if self.source in ("generated", "own") else self.dataset.card.published

    @property
    def sample(self) -> Sample:
        """The events as a sample."""
        return self.dataset.at(self.path, source=self.source, variant=self.variant)

    @property
    def made(self) -> str:
        """The variant that is generated for the check."""
        return self.variant if self.source == "generated" and self.variant in self.card.variants else "default"

    def events(self) -> list[Events]:
        """The events of each split of the card, in its order."""
        return [self.sample.open(split) for split in self.card.splits]


Checker = Callable[[Subject], Said]


def passed(found: str) -> Said:
    """It is as it should be."""
    return Said("passed", found)


def warned(found: str) -> Said:
    """It may be right: a person should look."""
    return Said("warning", found)


def failed(found: str) -> Said:
    """It is wrong."""
    return Said("failed", found)


def skipped(why: str) -> Said:
    """It cannot be asked of this dataset."""
    return Said("not applicable", why)


def of(name: str, checker: Checker, subject: Subject) -> Check:
    """Run a checker; whatever it raises is a failure."""
    try:
        said = checker(subject)
    except Pd4mlError as error:
        said = failed(str(error))
    except Exception as error:  # somebody's code may raise anything
        said = failed(f"{type(error).__name__}: {error}")
    return Check(name, said.state, one_line(said.found, _MOST))
