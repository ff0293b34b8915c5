"""Cards: frozen records that say what a dataset is, where it comes from and how to cite it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Literal

import numpy as np

from pd4ml.text import digits, html_facts, rounded, wrapped

__all__ = [
    "SHARED_DATA_PAPER",
    "ArraySpec",
    "Card",
    "Citation",
    "Level",
    "Measurement",
    "PublishedFile",
    "PublishedScore",
    "PublishedSource",
    "Task",
    "Variant",
    "shared_data_scores",
]

Task = Literal["classification", "regression", "segmentation", "unlabelled"]


@dataclass(frozen=True)
class ArraySpec:
    """One array of a dataset.

    ``shape`` is the shape of one event (without the batch axis N) or, if ``per_event`` is false, of the
    whole array. ``padding`` is the value that fills the places where nothing was measured. ``non_negative``
    are the components of the last axis that cannot be below zero, such as an energy. Of a ``ragged`` array an
    event has any number of entries, such as hits, and ``shape`` is that of one of them. ``columns`` are the names
    of the components of the last axis, where they have some.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    unit: str
    description: str
    padding: float | None = None
    per_event: bool = True
    non_negative: tuple[int, ...] = ()
    ragged: bool = False
    columns: tuple[str, ...] = ()

    def full_shape(self, n_events: int) -> tuple[int, ...]:
        """Shape of the array for ``n_events`` events; of a ragged one for so many entries."""
        return (n_events, *self.shape) if self.per_event else self.shape

    @property
    def event_shape(self) -> tuple[int, ...]:
        """Shape of one event; -1 for the entries of a ragged one."""
        return (-1, *self.shape) if self.ragged else self.shape

    @property
    def event_bytes(self) -> int:
        """Bytes one event takes in this array; of a ragged one those of one entry."""
        return int(np.dtype(self.dtype).itemsize * np.prod(self.shape, dtype=int)) if self.per_event else 0

    def __str__(self) -> str:
        axes = ["N"] * self.per_event + ["var"] * self.ragged
        shape = ", ".join(axes + [str(n) for n in self.shape])
        padding = "" if self.padding is None else f", padding {self.padding:g}"
        columns = f": {', '.join(self.columns)}" if self.columns else ""
        return f"{self.name} ({shape}) {self.dtype} [{self.unit}{padding}]: {self.description}{columns}"


@dataclass(frozen=True)
class PublishedFile:
    """A file that was published: its name here, its mirrors in the order they are tried, its hashes.

    A hash that was never published is None; then the file's structure is all that can be checked.
    ``splits`` are those the file contributes to. ``layout`` names a file format (``storage/formats``). In ``npz``
    the arrays are X_<split>_0, X_<split>_1, ... in the order of the card, and y_<split>; in ``pandas_table``
    and ``parquet_table``, ``columns`` maps each array of the card to the names of its columns, nested as one event
    of it is.
    """

    name: str
    mirrors: tuple[str, ...]
    layout: str
    splits: tuple[str, ...]
    md5: str | None = None
    sha256: str | None = None
    columns: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True)
class PublishedSource:
    """A complete set of files that together hold the published dataset."""

    name: str
    files: tuple[PublishedFile, ...]
    note: str = ""


@dataclass(frozen=True)
class Citation:
    """What to cite, as BibTeX."""

    key: str
    bibtex: str


@dataclass(frozen=True)
class Level:
    """An observable that is known before and after the detector, as unfolding needs it.

    ``particle`` is the array that holds it before, ``detector`` the summary feature that is the same after. There
    are ``bins`` equal bins from ``low`` to ``high``; what lies outside counts in the first or last. Of whole
    numbers (``whole``) edges lie between them.
    """

    particle: str
    detector: str
    unit: str
    low: float
    high: float
    bins: int
    whole: bool = False


@dataclass(frozen=True)
class Measurement:
    """A value and its standard error; as text only the digits that mean something.

    Parameters
    ----------
    value : float
        In the unit of what was measured.
    error : float or None
        Its standard error; None for a limit, and where a publication gives none.
    lower_limit : bool
        The value is a lower limit at 95 % confidence.
    """

    value: float
    error: float | None
    lower_limit: bool = False

    def __repr__(self) -> str:
        if self.lower_limit:
            return f"> {rounded(self.value, digits(self.value))}"
        if not self.error or self.error < _ROUNDING * abs(self.value):
            return f"{self.value:.4g}"
        decimals = digits(self.error)
        return f"{rounded(self.value, decimals)} ± {rounded(self.error, decimals)}"


@dataclass(frozen=True)
class PublishedScore:
    """What a publication says about a model on the published events; nobody recomputed it here.

    ``metrics`` have the names of our own. Errors are the spread between trainings; one of None was not given.
    ``n_train`` is the number of events that were trained on, validation included; None if it is not known.
    """

    model: str
    metrics: Mapping[str, Measurement]
    reference: str
    n_train: int | None = None


# The paper that made one collection of these datasets; every card cites it.
SHARED_DATA_PAPER = Citation(
    "Benato:2021olt",
    """@article{Benato:2021olt,
  author = "Benato, Lisa and others",
  title = "{Shared Data and Algorithms for Deep Learning in Fundamental Physics}",
  journal = "Comput. Softw. Big Sci.", volume = "6", pages = "9", year = "2022",
  doi = "10.1007/s41781-022-00082-6", eprint = "2107.00656", archivePrefix = "arXiv"
}""",
)


_ROUNDING = 1e-12  # errors that are a smaller part of the value come from sums in another order
_SHARED_DATA = "arXiv:2107.00656"


def shared_data_scores(
    n_train: int, **scores: Mapping[str, tuple[float, float | None]]
) -> tuple[PublishedScore, ...]:
    """What that paper says of its models, trained on ``n_train`` events: ``reference``, ``graph_net``, ``fcn``.

    Each maps a metric to its mean and spread over trainings, on the published test events; None: not given.
    """
    names = {"reference": "reference model", "graph_net": "GraphNet", "fcn": "FCN"}
    return tuple(
        PublishedScore(
            names[model], {name: Measurement(*value) for name, value in found.items()}, "arXiv:2107.00656", n_train
        )
        for model, found in scores.items()
    )


@dataclass(frozen=True)
class Variant:
    """A named setting of the simulator, for example a systematic variation."""

    description: str
    config: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True)
class Card:
    """What is known about a dataset; nothing on a card is guessed.

    Parameters
    ----------
    name, version, title : str
        What it is called, in code and in words; the version changes with the arrays that are generated.
    task : Task
        ``classification``, ``regression``, ``segmentation`` or ``unlabelled``.
    description : str
        What the events are.
    inputs : tuple[ArraySpec, ...]
        The arrays of X in their published order: name, shape of one event without the axis (N,), dtype, unit,
        padding.
    target : ArraySpec
        y; its shape is () for a label or a value, (D,) for a vector, (P,) for labels of nodes.
    splits : Mapping[str, int]
        The published number of events of each; where none were published, a number to generate.
    sources : tuple[PublishedSource, ...]
        Whole sets of published files, in the order in which they are tried; empty if there are none.
    variants : Mapping[str, Variant]
        Settings of the simulator by name, such as systematic variations; ``default`` is one.
    licence : str
        Of the published files, and of generated events.
    citations : tuple[Citation, ...]
        What to cite.
    extras : tuple[ArraySpec, ...]
        Further arrays, (N, ...), that only generated events have and that no model sees.
    classes : tuple[str, ...]
        Names of the labels from 0.
    graph, generator : str
        How events become graphs, and what simulates them, in words; empty if nothing does.
    unknown : tuple[str, ...]
        What nobody has told.
    group : str
        The extra whose value events share that belong together and must stay in one split.
    weight : str
        The array, among inputs or extras, of what each event counts in training and in every metric.
    published_version : str
        The version of the published arrays.
    literature : tuple[PublishedScore, ...]
        Published scores.
    """

    name: str
    version: str
    title: str
    task: Task
    description: str
    inputs: tuple[ArraySpec, ...]
    target: ArraySpec
    splits: Mapping[str, int]
    sources: tuple[PublishedSource, ...]
    variants: Mapping[str, Variant]
    licence: str
    citations: tuple[Citation, ...]
    extras: tuple[ArraySpec, ...] = ()
    classes: tuple[str, ...] = ()
    graph: str = ""
    generator: str = ""
    unknown: tuple[str, ...] = ()
    group: str = ""
    weight: str = ""
    published_version: str = "1"
    literature: tuple[PublishedScore, ...] = ()

    @property
    def arrays(self) -> tuple[ArraySpec, ...]:
        """All arrays, the target last."""
        return (*self.inputs, *self.extras, self.target)

    @property
    def published(self) -> Card:
        """The card of the published files, which have no extras and a version of their own."""
        weight = self.weight if self.weight in {spec.name for spec in self.inputs} else ""
        return replace(self, extras=(), group="", weight=weight, version=self.published_version)

    @property
    def test_fraction(self) -> float:
        """Share of the test split in ``splits``, to a per cent; generated events are split like this."""
        return round(self.splits["test"] / sum(self.splits.values()), 2)

    def array(self, name: str) -> ArraySpec:
        """The array called ``name``."""
        return next(spec for spec in self.arrays if spec.name == name)

    def cite(self) -> str:
        """All citations as BibTeX."""
        return "\n\n".join(citation.bibtex.strip() for citation in self.citations)

    def __repr__(self) -> str:
        events = ", ".join(f"{n:,} {split}" for split, n in self.splits.items())
        return f"<card of {self.name}, version {self.version}: {self.task}, {events} {self._events}>"

    def _repr_html_(self) -> str:
        facts: list[tuple[str, str]] = [("task", self.task)]
        facts += [("classes", self._classes)] if self.classes else []
        facts += [(f"X[{i}]", str(spec)) for i, spec in enumerate(self.inputs)]
        facts += [("y", str(self.target))]
        facts += (
            [("extras of generated events", ", ".join(spec.name for spec in self.extras))] if self.extras else []
        )
        facts += [(f"split {name}", f"{n:,} {self._events}") for name, n in self.splits.items()]
        facts += [("variants", ", ".join(self.variants)), ("licence", self.licence)]
        facts += [("cite", ", ".join(c.key for c in self.citations))]
        return html_facts(f"{self.name}: {self.title}", facts)

    @property
    def _events(self) -> str:
        """What ``splits`` counts."""
        if self.sources:
            return "published events"
        return "events proposed, none were published" if self.generator else "events"

    @property
    def _classes(self) -> str:
        return ", ".join(f"{i} = {name}" for i, name in enumerate(self.classes))

    def describe(self, width: int | None = None) -> str:
        """The card as plain text, one fact a line; lines longer than ``width`` are wrapped."""
        prose = self.description.strip()
        if width is not None:
            prose = wrapped("\n\n".join(" ".join(part.split()) for part in prose.split("\n\n")), width)
        lines = [f"{self.name}: {self.title}", "", prose, "", f"task: {self.task}"]
        if self.classes:
            lines.append(f"classes: {self._classes}")
        lines += [f"X[{i}]: {spec}" for i, spec in enumerate(self.inputs)]
        lines.append(f"y: {self.target}")
        some = "generated events" if self.generator else "events"
        lines += [f"{some} also have {spec}" for spec in self.extras]
        lines += [f"events count as their {self.weight}"] if self.weight else []
        lines += [f"split {name}: {n:,} {self._events}" for name, n in self.splits.items()]
        lines += [] if self.sources or not self.generator else ["published files: none"]
        for source in self.sources:
            files = ", ".join(f"{f.name} (md5 {f.md5 or 'unknown'})" for f in source.files)
            lines.append(f"published files, {source.name}: {files}")
            if source.note:
                lines.append(f"  {source.note}")
        lines += [f"graph: {self.graph}"] + [f"generator: {self.generator}"] * bool(self.generator)
        lines += [f"variant {name}: {variant.description}" for name, variant in self.variants.items()]
        lines += [f"unknown: {text}" for text in self.unknown]
        lines += [f"licence: {self.licence}", "cite: " + ", ".join(c.key for c in self.citations)]
        return wrapped("\n".join(lines), width, hang="  ")
