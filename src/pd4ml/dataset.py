"""Dataset: the public handle of a dataset, and the register of all of them."""

from __future__ import annotations

import importlib
import os
import re
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import Executor
from functools import partial
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar
from warnings import warn

import numpy as np
from numpy.typing import NDArray

from pd4ml.card import Card
from pd4ml.errors import DataError, FetchError, StoreError, UnknownNameError, unknown_name
from pd4ml.generation.simulator import Simulator
from pd4ml.graphs.lazy import LazyGraphs
from pd4ml.graphs.packed import PackedGraphs
from pd4ml.models.registry import add_source
from pd4ml.sample import FeatureView, Sample
from pd4ml.storage.store import Array, Events, Store

if TYPE_CHECKING:
    from pd4ml.storage.published import Published

__all__ = ["ENTRY_POINTS", "Dataset", "Register"]

# Packages that bring datasets name their Dataset subclasses in this entry-point group.
ENTRY_POINTS = "pd4ml.datasets"
_VARIANT_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.+-]*")


class Register:
    """All datasets: those of this package, then those that other packages bring as entry points."""

    def __init__(self) -> None:
        self._datasets: dict[str, type[Dataset]] = {}
        self._searched = False

    def add(self, dataset: type[Dataset]) -> None:
        """Take in a dataset; a later one of the same name replaces it."""
        self._datasets[dataset.name] = dataset

    def find(self, name: str) -> type[Dataset]:
        """The dataset called ``name``, in any case and with or without underscores."""
        for dataset in self:
            if _plain_name(dataset.name) == _plain_name(name):
                return dataset
        raise unknown_name("dataset", name, self._datasets)

    def __iter__(self) -> Iterator[type[Dataset]]:
        self._search()
        return iter(list(self._datasets.values()))

    def __len__(self) -> int:
        self._search()
        return len(self._datasets)

    def _search(self) -> None:
        """Import what other packages bring, once; one that fails is named and left out."""
        if self._searched:
            return
        self._searched = True
        for entry in metadata.entry_points(group=ENTRY_POINTS):
            try:
                entry.load()
            except Exception as error:  # noqa: BLE001, RUF100  another package's code may raise anything
                warn(f"dataset {entry.name!r} of {entry.value} cannot be used: {error!r}", stacklevel=3)


def _plain_name(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


class Dataset:
    """A dataset. Subclasses set ``card``; the modules beside it say how events are simulated and become graphs.

    Everything is a class method: ``dataset.load('train', path)``. ``path`` is a folder that may hold many
    datasets. ``source`` is ``'published'`` (files that were published) or ``'generated'`` (made by ``generate``,
    one folder per ``variant``); one never stands in silently for the other.
    """

    card: ClassVar[Card]
    # The recipe of the published reference model: ``recipes/<name>.toml`` beside a module ``reference``, which
    # registers the model.
    reference: ClassVar[str | None] = None
    name: ClassVar[str]
    task: ClassVar[str]
    datasets_register: ClassVar[Register] = Register()

    def __init_subclass__(cls, **kwargs: object) -> None:
        super().__init_subclass__(**kwargs)
        cls.name, cls.task = cls.card.name, cls.card.task
        if "reference" in vars(cls):
            add_source(f"{cls.__module__}.reference")
        cls.datasets_register.add(cls)

    # What a room must say -------------------------------------------------------------------------------

    @classmethod
    def simulator(cls) -> Simulator:
        """The simulator of this dataset, ``SIMULATOR`` of the room's ``simulator.py``."""
        found: Simulator = cls._room("simulator", "SIMULATOR", "its events cannot be generated")
        return found

    @classmethod
    def build_graphs(
        cls, arrays: Mapping[str, Array], fitted: Mapping[str, Any], *, edges: bool = True
    ) -> PackedGraphs:
        """Graphs of the events in ``arrays`` (raw, with the card's names and shapes): ``graphs`` of ``graph.py``.

        ``fitted`` is what ``fit_features`` gave for the train split. Without ``edges`` there are nodes only.
        """
        build = cls._room("graph", "graphs", "its events are no graphs")
        found: PackedGraphs = build(arrays, fitted, edges=edges)
        return found

    # What a room may say --------------------------------------------------------------------------------

    @classmethod
    def fit_features(cls, events: Events) -> dict[str, Any]:
        """What the features need to know of the train split, such as a mean and a spread; plain JSON values.

        ``fit`` of ``features.py``, if there is one. It is fitted on ``events`` of the train split only and used
        unchanged on all others.
        """
        fit = cls._room("features", "fit")
        return {} if fit is None else dict(fit(events))

    @classmethod
    def draw(cls, event: Mapping[str, Array], axes: Any) -> None:
        """Draw one event into matplotlib ``axes``: ``draw`` of ``draw.py``, or else its first array as an image.

        ``event`` holds the card's arrays without the axis that counts events.
        """
        if (draw := cls._room("draw", "draw")) is not None:
            draw(event, axes)
            return
        spec = cls.card.inputs[0]
        values = np.asarray(event[spec.name], np.float64)
        image = np.atleast_2d(values.reshape(len(values), -1) if values.ndim > 2 else values)
        shown = axes.imshow(image, aspect="auto", interpolation="none")
        axes.figure.colorbar(shown, cax=axes.inset_axes((1.03, 0, 0.05, 1)), label=f"{spec.name} [{spec.unit}]")

    @classmethod
    def observables(cls, arrays: Mapping[str, Array]) -> dict[str, NDArray[Any]]:
        """What to look at before a network does: name and unit of a quantity -> its values, one or more an event.

        ``observables`` of ``draw.py``, or else all values of each input array that are not padding.
        """
        if (observables := cls._room("draw", "observables")) is not None:
            return dict(observables(arrays))
        return {
            f"{spec.name} [{spec.unit}]": np.ravel(arrays[spec.name])[np.ravel(arrays[spec.name]) != spec.padding]
            for spec in cls.card.inputs
            if spec.per_event
        }

    @classmethod
    def summary(cls, arrays: Mapping[str, Array]) -> dict[str, Array]:
        """Some ten to fifty numbers of each event, (N,) by name, that a physicist would cut on.

        ``summary`` of ``summary.py``. They are what boosted decision trees, the baseline of every network, are
        trained on.
        """
        return dict(cls._room("summary", "summary", "it has no summary features")(arrays))

    @classmethod
    def _room(cls, module: str, name: str, without: str = "") -> Any:
        """``name`` of the ``module`` beside the card, where a dataset lives in a folder of its own.

        None where there is none, or DataError that says what cannot be done ``without`` it.
        """
        for base in cls.__mro__:
            if base is Dataset:
                break
            if hasattr(sys.modules.get(base.__module__), "__path__"):
                try:
                    found = importlib.import_module(f"{base.__module__}.{module}")
                except ModuleNotFoundError as error:
                    if error.name != f"{base.__module__}.{module}":
                        raise
                else:
                    if hasattr(found, name):
                        return getattr(found, name)
        if without:
            raise DataError(f"{cls.name}: {without}, since its room has no {module}.py with {name}")
        return None

    # Description ----------------------------------------------------------------------------------------

    @classmethod
    def print_description(cls) -> None:
        """Print the card."""
        print(cls.card.describe())

    @classmethod
    def cite(cls) -> str:
        """BibTeX of what to cite."""
        return cls.card.cite()

    # Getting events -------------------------------------------------------------------------------------

    @classmethod
    def folder(cls, path: str | Path, source: str = "published", variant: str = "default") -> Path:
        """The folder of the store below ``path``."""
        if source == "published":
            return Path(path) / cls.name / "published"
        if source != "generated":
            raise unknown_name("source", source, ("published", "generated"))
        if not _VARIANT_NAME.fullmatch(variant):
            raise UnknownNameError(f"variant {variant!r}: use letters, digits and any of _ . + -")
        return Path(path) / cls.name / f"generated-{variant}"

    @classmethod
    def load(
        cls,
        split: str,
        path: str | Path = "./datasets",
        force_download: bool = False,
        *,
        source: str = "published",
        variant: str = "default",
    ) -> tuple[list[Array], Array]:
        """Read a whole split into memory: ``X, y`` with X the list of input arrays of the card.

        Published files are downloaded once; ``force_download`` fetches them again.
        """
        cls._check_split(split)
        folder = cls.folder(path, source, variant)
        if force_download and source == "published":
            cls.download(path, force=True)
        if source == "published" and not folder.exists():
            arrays = cls._published(path).read(split)
        else:
            arrays = cls.open(split, path, source=source, variant=variant).take(slice(None))
        return [arrays[spec.name] for spec in cls.card.inputs], arrays[cls.card.target.name]

    @classmethod
    def open(
        cls,
        split: str,
        path: str | Path = "./datasets",
        *,
        source: str = "published",
        variant: str = "default",
    ) -> Events:
        """Open a split memory-mapped: nothing is read until it is used.

        Published files are downloaded and converted, in chunks, the first time.
        """
        cls._check_split(split)
        folder = cls.folder(path, source, variant)
        if not folder.exists():
            if source == "generated":
                raise StoreError(
                    f"no generated {cls.name} of variant {variant!r} in {path}: "
                    + cls._generate_hint("make it with {}", path, variant)
                )
            cls._published(path).convert(folder)
        store = Store(folder)
        found = (store.manifest.dataset, store.manifest.card_version)
        version = cls.card.version if source == "generated" else cls.card.published.version
        if found != (cls.name, version):
            raise StoreError(
                f"{folder} holds {found[0]} (card version {found[1]}), expected {cls.name} ({version}): "
                "move it away and make it again"
            )
        return store.events(split)

    @classmethod
    def at(cls, path: str | Path = "./datasets", *, source: str = "published", variant: str = "default") -> Sample:
        """The dataset in ``path`` as a sample: what is trained on, predicted for, cut into parts.

        Nothing is read or fetched before it is opened.
        """
        cls.folder(path, source, variant)  # refuses names that cannot be
        return Sample(cls, Path(path), source, variant)

    @classmethod
    def graphs(
        cls,
        split: str,
        path: str | Path = "./datasets",
        *,
        source: str = "published",
        variant: str = "default",
        view: FeatureView | None = None,
    ) -> LazyGraphs:
        """The split's events as packed graphs, built when they are looked at.

        What features must know of the data is what ``view`` says; without one it is fitted on the train split,
        whichever split is asked for.
        """
        return cls.at(path, source=source, variant=variant).graphs(split, view)

    @classmethod
    def load_data(
        cls,
        split: str,
        path: str | Path = "./datasets",
        graph: bool = False,
        force_download: bool = False,
        *,
        source: str = "published",
        variant: str = "default",
    ) -> tuple[dict[str, NDArray[Any]], Array]:
        """Read a split as padded model inputs: ``x, y``.

        ``x['features']`` is (N, P, F) float32; where nodes are of kinds, ``x['tokens']`` is (N, P) int64, -1 for
        padding. With ``graph=True``, ``x['adj_matrix']`` is (N, P, P) uint8,
        symmetric, with ones on the diagonal of real nodes. Dense adjacency of large splits does not fit into
        memory; use ``graphs`` for those.
        """
        if force_download and source == "published":
            cls.download(path, force=True)
        graphs = cls.graphs(split, path, source=source, variant=variant)
        n_events, first = len(graphs), graphs[:1]
        n_max, n_features = first.max_nodes, first.nodes.shape[1]
        needed = n_events * n_max * (4 * n_features + 8 * (first.n_tokens > 0) + n_max * graph)
        if needed > os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"):
            raise DataError(
                f"{n_events:,} dense graphs take {needed / 1e9:.0f} GB, more than this machine's memory: use "
                f"{cls.name}.graphs(...), which builds packed graphs where they are looked at"
            )
        x: dict[str, NDArray[Any]] = {"features": np.zeros((n_events, n_max, n_features), np.float32)}
        if first.n_tokens:
            x["tokens"] = np.zeros((n_events, n_max), np.int64)
        if graph:
            x["adj_matrix"] = np.zeros((n_events, n_max, n_max), np.uint8)
        start = 0
        for pack in graphs.batches(1024):
            here = slice(start, start + len(pack))
            x["features"][here] = pack.dense_nodes()[0]
            if first.n_tokens:
                x["tokens"][here] = pack.dense_tokens()
            if graph:
                x["adj_matrix"][here] = pack.adjacency(self_loops=True)
            start = here.stop
        return x, np.array(graphs.events.y)

    @classmethod
    def summary_features(cls, arrays: Mapping[str, Array]) -> tuple[tuple[str, ...], NDArray[np.float32]]:
        """Names (K,) and values (N, K) of the summary features of the events in ``arrays``."""
        columns = cls.summary(arrays)
        return tuple(columns), np.stack([np.asarray(column, np.float32) for column in columns.values()], axis=1)

    # Making and fetching --------------------------------------------------------------------------------

    @classmethod
    def generate(
        cls,
        path: str | Path = "./datasets",
        n_events: int = 100_000,
        seed: int = 1,
        workers: int | Executor = 1,
        variant: str = "default",
        *,
        draw: Mapping[str, str] | None = None,
        force: bool = False,
        **config: Any,
    ) -> Store:
        """Simulate ``n_events`` events (all splits together, in published proportions) into a store.

        ``variant`` names the folder and, if the card knows it, the settings; with ``config``, options of the
        simulator over its defaults, it must be a name that the card does not know. So it must with ``draw``, which
        gives settings a distribution, ``{"energy_scale": "uniform:0.95,1.05"}`` (or ``normal:mean,sigma``,
        ``choice:x,y,...``), and keeps what was drawn for each event as an extra array of that name. The events
        depend on n_events, seed and settings, not on ``workers`` (a number of processes or any
        ``concurrent.futures.Executor``). What is there already is kept; a run that was stopped goes on. ``force``
        replaces a folder of other settings.
        """
        from pd4ml.generation.generate import generate

        return generate(
            cls.card,
            cls.simulator(),
            partial(cls.folder, path, "generated"),
            n_events=n_events,
            seed=seed,
            workers=workers,
            variant=variant,
            config=config,
            draw=draw,
            force=force,
        )

    @classmethod
    def download(cls, path: str | Path = "./datasets", *, force: bool = False) -> list[Path]:
        """Download the published files into ``path`` and verify them; returns where they are.

        ``force`` fetches them again, and converts them again if they had been.
        """
        published = cls._published(path, force=force)
        if force and cls.folder(path).exists():
            published.convert(cls.folder(path), force=True)
        return published.paths

    @classmethod
    def import_file(cls, file: str | Path, path: str | Path = "./datasets") -> Path:
        """Verify a published ``file`` that one already has and place it in ``path``."""
        from pd4ml.storage.published import import_file

        return import_file(cls.card, Path(file), Path(path))

    # ----------------------------------------------------------------------------------------------------

    @classmethod
    def _check_split(cls, split: str) -> None:
        if split not in cls.card.splits:
            raise unknown_name("split", split, cls.card.splits)

    @classmethod
    def _published(cls, path: str | Path, *, force: bool = False) -> Published:
        from pd4ml.storage.published import fetch_published

        try:
            return fetch_published(cls.card, Path(path), force=force)
        except FetchError as error:
            hint = cls._generate_hint("events of the same schema can be generated: {}", path, "default")
            raise FetchError(f"{error}; {hint}") from error

    @classmethod
    def _generate_hint(cls, text: str, path: str | Path, variant: str) -> str:
        """``text`` with the lines that generate the events, or that this dataset has no simulator."""
        if not cls._has_simulator():
            return f"{cls.name} has no simulator"
        option, flag = ("", "") if variant == "default" else (f", variant={variant!r}", f" --variant {variant}")
        return text.format(
            f"`pd4ml generate {cls.name} --path {path}{flag}` or {cls.__name__}.generate({str(path)!r}{option})"
        )

    @classmethod
    def _has_simulator(cls) -> bool:
        """Whether events can be generated; nothing is imported for it."""
        if cls.simulator.__func__ is not Dataset.simulator.__func__:  # type: ignore[attr-defined]
            return True
        packages = [base.__module__ for base in cls.__mro__ if issubclass(base, Dataset) and base is not Dataset]
        return any(
            hasattr(sys.modules.get(package), "__path__") and find_spec(f"{package}.simulator") is not None
            for package in packages
        )
