"""The audit of a dataset: duplicates, groups that lie in two splits, labels that something trivial gives away."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pd4ml.audit.duplicates import (
    Duplicates,
    NearDuplicates,
    Projection,
    event_hashes,
    exact_duplicates,
    near_duplicates,
    sample,
)
from pd4ml.audit.leaks import Leak, leaks
from pd4ml.card import Card
from pd4ml.dataset import Dataset
from pd4ml.metrics.measurement import require_scikit_learn
from pd4ml.progress import progress
from pd4ml.storage.store import Events

__all__ = ["Audit", "SharedGroups", "audit"]

# Coordinates of a million events take 64 MB; a hundred thousand searches take a minute.
_MAX_NEAR = 1_000_000
_MAX_QUERIES = 100_000
_MAX_LEAKS = 20_000


@dataclass(frozen=True)
class SharedGroups:
    """Groups of events (``name`` is the array that says which) that have events in both splits."""

    name: str
    first: str
    second: str
    n_groups: int
    n_events: int


@dataclass(frozen=True)
class Audit:
    """What was found; ``failed`` if the same event or group is in two splits, which no comparison survives.

    Parameters
    ----------
    dataset : dict[str, Any]
        Name, source, variant and fingerprint of the events.
    events : dict[str, int]
        Number of events of each split.
    duplicates : tuple[Duplicates, ...]
        Events with the same bytes: within train, within test, and of test in train.
    near : tuple[NearDuplicates, ...]
        Events much closer than the density around them explains, in the same order.
    groups : tuple[SharedGroups, ...]
        Groups with events in both splits, where the card names the array that says so.
    leaks : tuple[Leak, ...]
        What trivial features tell of the target, from the most telling to the least.
    """

    dataset: dict[str, Any]
    events: dict[str, int]
    duplicates: tuple[Duplicates, ...]
    near: tuple[NearDuplicates, ...]
    groups: tuple[SharedGroups, ...]
    leaks: tuple[Leak, ...]

    @property
    def failed(self) -> bool:
        """Whether exact duplicates or groups are shared between splits."""
        shared = any(d.n_events for d in self.duplicates if d.first != d.second)
        return shared or any(g.n_groups for g in self.groups)


def audit(
    dataset: type[Dataset],
    path: str | Path = "./datasets",
    *,
    source: str = "published",
    variant: str = "default",
    seed: int = 0,
) -> Audit:
    """Audit the train and test split of a dataset; memory is bounded, however many events there are.

    Parameters
    ----------
    dataset : type[Dataset]
        Which dataset.
    path : str or Path
        The folder that holds the datasets.
    source : str
        ``published`` or ``generated``.
    variant : str
        Of generated events: which ones.
    seed : int
        Of the random projection and of the events that are looked at.

    Returns
    -------
    Audit
        Duplicates, near duplicates, shared groups, trivial features.

    Raises
    ------
    UnknownNameError, FetchError, StoreError, DataError
        As in `Dataset.load`.
    MissingExtraError
        If scikit-learn is not installed.

    References
    ----------
    Near duplicates are told by the ratio of distances to neighbours; see ``pd4ml.audit.duplicates``.
    """
    require_scikit_learn("an audit")
    rng = np.random.default_rng(seed)
    splits = [dataset.open(split, path, source=source, variant=variant) for split in ("train", "test")]
    pairs = ((0, 0), (1, 1), (0, 1))
    card, manifest = dataset.card, splits[0].manifest
    with progress("hashing events", sum(len(s) for s in splits)) as bar:
        hashes = [event_hashes(split, card, bar) for split in splits]
    exact = [exact_duplicates(splits[i], splits[j], (hashes[i], hashes[j])) for i, j in pairs]
    projection = Projection(splits[0], card, rng)
    with progress("projecting events", sum(min(len(s), _MAX_NEAR) for s in splits)) as bar:
        samples = [sample(s, projection, h, _MAX_NEAR, rng, bar) for s, h in zip(splits, hashes, strict=True)]
    queries = [min(len(samples[j].index), _MAX_QUERIES) for _, j in pairs]
    with progress("looking for near duplicates", sum(queries)) as bar:
        near = [near_duplicates(samples[i], samples[j], _MAX_QUERIES, bar) for i, j in pairs]
    with progress("trying trivial features", sum(min(len(s), _MAX_LEAKS) for s in splits)) as bar:
        trivial = leaks(splits[0], splits[1], card, _MAX_LEAKS, rng, bar)
    facts = {"name": dataset.name, "source": manifest.source, "variant": manifest.variant}
    return Audit(
        {**facts, "fingerprint": manifest.fingerprint},
        {split.split: len(split) for split in splits},
        tuple(exact),
        tuple(near),
        tuple(_shared_groups(card, splits)),
        tuple(trivial),
    )


def _shared_groups(card: Card, splits: list[Events]) -> list[SharedGroups]:
    """Published events do not say which belong together."""
    first, second = splits
    if not card.group or card.group not in dict(first.items()):
        return []
    theirs, mine = (np.asarray(split[card.group]) for split in splits)
    shared = np.isin(mine, theirs)
    n_groups = len(np.unique(mine[shared]))
    return [SharedGroups(card.group, first.split, second.split, n_groups, int(shared.sum()))]
