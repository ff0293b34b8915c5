"""The contract of a dataset as a table: everything that is promised, and what was found."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path

from pd4ml.arguments import as_path, as_whole
from pd4ml.contribute.of_card import CARD_CHECKS
from pd4ml.contribute.of_events import EVENT_CHECKS
from pd4ml.contribute.of_pages import PAGE_CHECKS
from pd4ml.contribute.of_simulator import SIMULATOR_CHECKS
from pd4ml.contribute.of_use import TRAINING_CHECKS, USE_CHECKS
from pd4ml.contribute.subject import Check, Checker, Said, Subject, of, passed
from pd4ml.dataset import Dataset
from pd4ml.errors import DataError
from pd4ml.storage.atomic import scratch_folder

__all__ = ["check_dataset"]


def check_dataset(
    dataset: type[Dataset],
    path: str | Path | None = None,
    *,
    source: str = "generated",
    variant: str = "default",
    n_events: int = 400,
    workers: int = 2,
    train: bool = True,
) -> tuple[Check, ...]:
    """Hold a dataset against all that datasets of this package promise.

    Parameters
    ----------
    dataset : type[Dataset]
        Which dataset.
    path : str or Path, optional
        The folder that holds its events. Without it some are generated in a temporary folder.
    source : str
        ``generated``, ``published`` or ``imported``.
    variant : str
        Of generated or imported events: which ones.
    n_events : int
        How many are generated, of all splits.
    workers : int
        Events are generated with one process and with so many, and compared; 1 leaves that out.
    train : bool
        Train boosted trees, or a network in a short run where the room has no summary features.

    Returns
    -------
    tuple[Check, ...]
        In the order of the data's way.

    Raises
    ------
    DataError
        For less than one worker or ten events, and for events that are not generated without a ``path``.
    """
    n_events, workers = as_whole("n_events", n_events, 10), as_whole("workers", workers, 1)
    given = None if path is None else as_path(path)
    if given is None and source != "generated":
        raise DataError(f"give the folder that holds the {source} events of {dataset.name} with path (--path)")
    with scratch_folder(Path(tempfile.gettempdir(), "pd4ml-check")) as scratch:
        subject = Subject(
            dataset, scratch, given or scratch / "workers-1", source, variant, n_events=n_events, workers=workers
        )
        checks = _all(CARD_CHECKS, subject)
        why = "" if dataset._has_simulator() else "it has no simulator"
        checks += _all(SIMULATOR_CHECKS, subject, why)
        there, why = _events(subject, made=given is None)
        checks += [there]
        checks += _all(EVENT_CHECKS | USE_CHECKS, subject, why)
        checks += _all(TRAINING_CHECKS, subject, why or ("" if train else "not asked for"))
        return tuple(checks + _all(PAGE_CHECKS, subject))


def _all(checkers: Mapping[str, Checker], subject: Subject, without: str = "") -> list[Check]:
    """What the checkers say, or ``without`` what they cannot."""
    if without:
        return [Check(name, "not applicable", without) for name in checkers]
    return [of(name, checker, subject) for name, checker in checkers.items()]


def _events(subject: Subject, *, made: bool) -> tuple[Check, str]:
    """Make or open the events; why the checks on them cannot be made, or nothing."""

    def there(subject: Subject) -> Said:
        if made:
            subject.dataset.generate(subject.path, subject.n_events, variant=subject.variant)
        manifest = subject.sample.manifest
        return passed(
            f"{manifest.source} events, variant {manifest.variant}, fingerprint {manifest.fingerprint[:16]}"
        )

    if made and not subject.dataset._has_simulator():
        line = "give events with --path, and --source published or imported"
        return Check("events: there", "not applicable", f"it has no simulator: {line}"), "there are no events"
    found = of("events: there", there, subject)
    return found, "" if found.state == "passed" else "there are no events"
