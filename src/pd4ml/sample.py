"""Sample: a dataset at a path, of a source and a variant, all or a part; and what features were fitted to.

A sample is a few words that can be compared, hashed and sent to another process; nothing is read before it is
opened.
"""

from __future__ import annotations

import hashlib
import inspect
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike

from pd4ml.arguments import as_name, as_whole
from pd4ml.card import Card
from pd4ml.errors import DataError, one_line
from pd4ml.expression import Expression
from pd4ml.graphs.lazy import LazyGraphs
from pd4ml.graphs.packed import PackedGraphs
from pd4ml.parts import Chosen, Rule, Selected, Share
from pd4ml.storage.export.splits import Exports
from pd4ml.storage.small import parse_json
from pd4ml.storage.store import Array, Events
from pd4ml.text import html_facts

if TYPE_CHECKING:
    from pd4ml.storage.manifest import Manifest

__all__ = ["CarriesDataset", "Chosen", "FeatureView", "GraphBuilder", "Rule", "Sample", "Selected", "Share"]

_FORMAT = 1
_MOST = 300  # characters of a repr, with a path in it


@dataclass(frozen=True)
class FeatureView:
    """What features were fitted to: ``values``, plain JSON, that belong to a ``dataset``.

    ``fitted_on`` is the fingerprint of the sample whose train split they come from. A model keeps the view it was
    trained with: on another variant or split its features are not fitted again. ``beside`` are quantities of
    events that a model takes besides its features; see `pd4ml.training.beside`.
    """

    dataset: str
    values: Mapping[str, Any]
    fitted_on: str = ""
    beside: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def __repr__(self) -> str:
        values = one_line(", ".join(self.values) or "nothing")
        return f"<features of {self.dataset}: fitted {values}, SHA-256 {self.sha256[:16]}>"

    @property
    def sha256(self) -> str:
        """Hash of what features depend on: equal views make equal features."""
        facts = [self.dataset, dict(self.values), *([dict(self.beside)] if self.beside else [])]
        text = json.dumps(facts, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()

    def to_json(self) -> str:
        """The view as JSON text; floating-point numbers survive to the last bit."""
        body = {"format": _FORMAT, "dataset": self.dataset, "fitted_on": self.fitted_on}
        body |= {"beside": dict(self.beside)} if self.beside else {}
        return json.dumps({**body, "values": dict(self.values)}, indent=1) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read what `to_json` wrote; DataError in one line if it is something else."""
        try:
            body = parse_json(text)
            if body["format"] != _FORMAT:
                raise DataError(f"features of format {body['format']!r}, this version reads {_FORMAT}")
            values, beside = MappingProxyType(dict(body["values"])), dict(body.get("beside", {}))
            return cls(str(body["dataset"]), values, str(body["fitted_on"]), beside)
        except (ValueError, KeyError, TypeError) as error:
            raise DataError(f"these are no fitted features ({one_line(repr(error), 200)}): train again") from error

    def __reduce__(self) -> tuple[Any, ...]:  # a read-only mapping cannot be pickled
        return type(self), (self.dataset, dict(self.values), self.fitted_on, dict(self.beside))


class CarriesDataset:
    """Something with a ``dataset`` that can be sent elsewhere, also where no module has the dataset's class."""

    def __getstate__(self) -> dict[str, Any]:
        state = dict(vars(self))
        return {**state, "dataset": state["dataset"].as_pickled()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        found = state["dataset"]
        vars(self).update({**state, "dataset": found if isinstance(found, type) else found.dataset()})


@dataclass(frozen=True)
class GraphBuilder(CarriesDataset):
    """Makes graphs of raw arrays with the features of a ``view``; unlike a function it can be sent elsewhere."""

    dataset: Any  # a subclass of Dataset, which stands below
    view: FeatureView

    def __call__(self, arrays: Mapping[str, Array], edges: bool = True) -> PackedGraphs:
        """Graphs of the events in ``arrays``; nodes only, without ``edges``, where that is possible."""
        build = self.dataset.build_graphs
        if edges or "edges" not in inspect.signature(build).parameters:
            return build(arrays, self.view.values)  # type: ignore[no-any-return]
        return build(arrays, self.view.values, edges=False)  # type: ignore[no-any-return]


@dataclass(frozen=True)
class Sample(CarriesDataset, Exports):
    """A dataset at a path, of a source and a variant, all or a part; ``dataset.at(path)`` makes one.

    Parameters
    ----------
    dataset : type[Dataset]
        Which dataset.
    path : Path
        The folder that holds the datasets.
    source : str
        ``published``, ``generated``, ``imported`` or ``own``.
    variant : str
        Of generated or imported events: which ones.
    rules : tuple[Rule, ...]
        Which part of it, one after the other; none for all. `subset` and `shards` add them.
    """

    dataset: Any  # a subclass of Dataset, which stands below
    path: Path
    source: str = "published"
    variant: str = "default"
    rules: tuple[Rule, ...] = field(default=())

    @property
    def card(self) -> Card:
        """The dataset's card."""
        card: Card = self.dataset.card
        return card

    def __repr__(self) -> str:
        part = ", a part of it" if self.rules else ""
        return one_line(f"<sample of {self._made} {self.card.name} in {self.path}{part}>", _MOST)

    def _repr_html_(self) -> str:
        facts = [("events", self._made), ("path", self.path), ("part", "yes" if self.rules else "all")]
        return html_facts(f"sample of {self.card.name}", facts)

    @property
    def _made(self) -> str:
        """How its events were made."""
        return self.source if self.source == "published" else f"{self.source} ({self.variant})"

    @property
    def manifest(self) -> Manifest:
        """Where the events come from."""
        return self._open(next(iter(self.card.splits))).manifest

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the events: that of their files, and of the part that is taken."""
        whole = self.manifest.fingerprint
        if not self.rules:
            return whole
        return hashlib.sha256(json.dumps([whole, list(map(repr, self.rules))]).encode()).hexdigest()

    def open(self, split: str) -> Events:
        """The events of a split that belong to the sample, memory-mapped.

        Parameters
        ----------
        split : str
            ``train``, ``test`` or another of the card's.

        Returns
        -------
        Events
            ``events.X``, ``events.y`` and all arrays by name; nothing is read until it is used.

        Raises
        ------
        UnknownNameError, FetchError, StoreError, DataError, MissingExtraError
            As in `Dataset.load`.
        """
        events = self._open(split)
        for rule in self.rules:
            events = events.choose(rule.places(events, self.card))
        return events

    def view(self) -> FeatureView:
        """Fit the features on the sample's train split.

        Returns
        -------
        FeatureView
            What `graphs` takes, also that of another variant.
        """
        fitted = {**self.dataset.described(), **self.dataset.fit_features(self.open("train"))}
        return FeatureView(self.card.name, MappingProxyType(fitted), self.fingerprint)

    def graphs(self, split: str, view: FeatureView | None = None) -> LazyGraphs:
        """The events of a split as graphs, built where they are looked at.

        Compare a variant with another by giving both the same view: fitted anew, features follow the variant, and
        what scales the inputs is not seen any more.

        Parameters
        ----------
        split : str
            ``train``, ``test`` or another of the card's.
        view : FeatureView, optional
            What features were fitted to; without it they are fitted on this sample's own train split.

        Returns
        -------
        LazyGraphs
            One graph an event; a slice of them is a `PackedGraphs`.

        Raises
        ------
        DataError
            For a view that was fitted on another dataset.
        """
        view = self.view() if view is None else view
        if not isinstance(view, FeatureView):
            raise DataError(f"view must be a FeatureView, such as run.view, found {view!r}"[:200])
        if view.dataset != self.card.name:
            raise DataError(f"features fitted on {view.dataset} are no features of {self.card.name}")
        return LazyGraphs(self.open(split), GraphBuilder(self.dataset, view))

    def subset(self, part: float | ArrayLike, *, split: str = "train", seed: int = 0) -> Sample:
        """A part of the sample.

        Parameters
        ----------
        part : float or ArrayLike
            A fraction above 0 and at most 1 is drawn at random from every split, groups of events whole
            (``Card.group``). Anything else are places (n,), from 0, or a mask (N,) of the events of ``split``; the
            other splits stay whole.
        split : str
            The one that places are of.
        seed : int
            Of the random order; the same for all fractions, so that a smaller part lies in a larger one.

        Returns
        -------
        Sample
            The part; nothing is read or copied.

        Raises
        ------
        DataError
            For a fraction out of range, and for places that are no whole numbers.
        """
        as_name("split", split, self.card.splits)
        seed = as_whole("seed", seed, 0)
        if isinstance(part, float | np.floating):
            if not 0 < part <= 1:
                raise DataError(f"a fraction must be above 0 and at most 1, found {part}")
            return self._with(Share(0.0, float(part), seed))
        index = np.asarray(part)
        index = np.flatnonzero(index) if index.dtype == bool else index
        if index.dtype.kind not in "iu" or index.ndim != 1 or (len(index) and index.min() < 0):
            raise DataError("a part is a fraction, or places (n,) from 0, or a mask of events")
        return self._with(Chosen(split, np.unique(index).astype(np.int64).tobytes()))

    def select(self, expression: str) -> Sample:
        """The events for which an expression holds, of every split.

        Parameters
        ----------
        expression : str
            Over the card's arrays, extras included, and the columns that it names: ``particle_pt > 500``.

        Returns
        -------
        Sample
            The selection; nothing is read before it is opened.

        Raises
        ------
        DataError
            For what is no expression.
        """
        return self._with(Selected(Expression(expression).text))

    def shards(self, n: int, *, by: str = "", skew: float = 0.0, seed: int = 0) -> tuple[Sample, ...]:
        """Parts of about equal size that share no event and no group, each with all splits.

        Parameters
        ----------
        n : int
            How many.
        by : str
            An array with a number for each event, such as the target, in which parts differ.
        skew : float
            How much they do: from 0 (parts are alike) to 1 (each has its own range of it).
        seed : int
            Of the random order.

        Returns
        -------
        tuple[Sample, ...]
            The n parts.

        Raises
        ------
        DataError
            For less than one part, a skew out of range, or a skew without ``by``.
        """
        n, seed = as_whole("n", n, 1), as_whole("seed", seed, 0)
        if not isinstance(skew, int | float) or not 0 <= skew <= 1:
            raise DataError(f"skew must be a number from 0 to 1, found {skew!r}")
        if skew and not by:
            raise DataError("skew needs `by`, the name of the array in which parts are to differ")
        return tuple(self._with(Share(i / n, (i + 1) / n, seed, by, skew)) for i in range(n))

    def _with(self, rule: Rule) -> Sample:
        return replace(self, rules=(*self.rules, rule))

    def _open(self, split: str) -> Events:
        events: Events = self.dataset.open(split, self.path, source=self.source, variant=self.variant)
        return events
