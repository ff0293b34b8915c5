"""Dataset: the public handle of a dataset, and the register of all of them."""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import Executor
from functools import partial
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol
from warnings import warn

import numpy as np
from numpy.typing import NDArray

from pd4ml.arguments import as_name, as_path, as_whole
from pd4ml.card import Card, Level
from pd4ml.errors import DataError, FetchError, StoreError, UnknownNameError, unknown_name
from pd4ml.generation.simulator import Simulator
from pd4ml.graphs.lazy import LazyGraphs
from pd4ml.graphs.packed import PackedGraphs
from pd4ml.machine import memory_bytes
from pd4ml.models.registry import add_source
from pd4ml.sample import FeatureView, Sample
from pd4ml.storage.store import Array, Events, Store
from pd4ml.storage.writer import tidy

if TYPE_CHECKING:
    from pd4ml.storage.published import Published

__all__ = ["ENTRY_POINTS", "Dataset", "Finder", "Register"]

# Packages that bring datasets name their Dataset subclasses in this entry-point group.
ENTRY_POINTS = "pd4ml.datasets"
_VARIANT_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.+-]*")


class Register:
    """All datasets: those of this package, then those that other packages bring as entry points."""

    def __init__(self) -> None:
        self._datasets: dict[str, type[Dataset]] = {}
        self._finders: list[Finder] = []
        self._searched = False

    def add(self, dataset: type[Dataset]) -> None:
        """Take in a dataset; a later one of the same name replaces it."""
        self._datasets[dataset.name] = dataset

    def add_finder(self, finder: Finder) -> None:
        """Let ``finder`` look for datasets that no code stands for."""
        self._finders.append(finder)

    def find(self, name: str, path: Path | None = None) -> type[Dataset]:
        """The dataset called ``name``, in any case and with or without underscores; also own data in ``path``."""
        if isinstance(name, str):
            for dataset in self:
                if _plain_name(dataset.name) == _plain_name(name):
                    return dataset
            for finder in self._finders:
                if (found := finder.find(name, path)) is not None:
                    return found
        raise unknown_name("dataset", name, [*self._datasets, *(d.name for d in self.own(path))])

    def own(self, path: Path | None) -> list[type[Dataset]]:
        """The datasets in ``path`` that somebody brought."""
        return [] if path is None else [d for finder in self._finders for d in finder.all(path)]

    def fitted(self, view: FeatureView) -> type[Dataset]:
        """The dataset that the features of a trained model belong to, which may say themselves what it is."""
        for finder in self._finders:
            if (found := finder.fitted(view)) is not None:
                return found
        return self.find(view.dataset)

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


class Finder(Protocol):
    """What knows datasets that are data only."""

    def find(self, name: str, path: Path | None) -> type[Dataset] | None:
        """The dataset called ``name``, in the folder ``path`` if one is given."""

    def all(self, path: Path) -> list[type[Dataset]]:
        """All datasets in a folder."""

    def fitted(self, view: FeatureView) -> type[Dataset] | None:
        """The dataset that fitted features describe, if they do."""


def _plain_name(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


class Dataset:
    """A dataset. Subclasses set ``card``; the modules beside it say how events are simulated and become graphs.

    Everything is a class method: ``dataset.load('train', path)``. ``path`` is a folder that may hold many
    datasets. ``source`` is ``'published'`` (files that were published), ``'generated'`` (made by ``generate``,
    one folder per ``variant``) or ``'imported'`` (a part of the published events, its name as ``variant``); one
    never stands in silently for the other.
    """

    card: ClassVar[Card]
    # The recipe of the published reference model: ``recipes/<name>.toml`` beside a module ``reference``, which
    # registers the model.
    reference: ClassVar[str | None] = None
    name: ClassVar[str]
    task: ClassVar[str]
    datasets_register: ClassVar[Register] = Register()
    # Where events can come from; the first is meant where nothing is said.
    sources: ClassVar[tuple[str, ...]] = ("published", "generated", "imported")

    def __init_subclass__(cls, register: bool = True, **kwargs: object) -> None:
        super().__init_subclass__(**kwargs)
        if not hasattr(cls, "card"):  # a base of others
            return
        cls.name, cls.task = cls.card.name, cls.card.task
        if "reference" in vars(cls):
            add_source(f"{cls.__module__}.reference")
        if register:
            cls.datasets_register.add(cls)

    @classmethod
    def as_pickled(cls) -> Any:
        """What stands for the dataset in a pickle.

        Returns
        -------
        Any
            The class itself, or an object whose ``dataset()`` makes it again.
        """
        return cls

    # What a room must say -------------------------------------------------------------------------------

    @classmethod
    def simulator(cls) -> Simulator:
        """The simulator of this dataset, ``SIMULATOR`` of the room's ``simulator.py``.

        Returns
        -------
        Simulator
            The function that `generate` runs, and the settings it takes.

        Raises
        ------
        DataError
            If the room has none: its events cannot be generated.
        """
        found: Simulator = cls._room("simulator", "SIMULATOR", "its events cannot be generated")
        return found

    @classmethod
    def build_graphs(
        cls, arrays: Mapping[str, Array], fitted: Mapping[str, Any], *, edges: bool = True
    ) -> PackedGraphs:
        """Graphs of some events: ``graphs`` of the room's ``graph.py``.

        Parameters
        ----------
        arrays : Mapping[str, Array]
            Raw arrays of N events by the card's names, (N, ...) in the card's shapes and units.
        fitted : Mapping[str, Any]
            What `fit_features` gave for the train split.
        edges : bool
            Without them there are nodes only.

        Returns
        -------
        PackedGraphs
            N graphs in the order of the events.

        Raises
        ------
        DataError
            If the room has no ``graph.py``, or for arrays that its features refuse.
        """
        build = cls._room("graph", "graphs", "its events are no graphs")
        found: PackedGraphs = build(arrays, fitted, edges=edges)
        return found

    # What a room may say --------------------------------------------------------------------------------

    @classmethod
    def fit_features(cls, events: Events) -> dict[str, Any]:
        """What features need to know of the train split, such as a mean and a spread: ``fit`` of ``features.py``.

        It is fitted once and used unchanged on all other events.

        Parameters
        ----------
        events : Events
            Events of the train split only.

        Returns
        -------
        dict[str, Any]
            Plain JSON values; none where the room has nothing to fit.

        Raises
        ------
        DataError
            For events that tell nothing, such as values that do not vary.
        """
        fit = cls._room("features", "fit")
        return {} if fit is None else dict(fit(events))

    @classmethod
    def described(cls) -> dict[str, Any]:
        """What a trained model has to keep of a dataset that no code stands for.

        Returns
        -------
        dict[str, Any]
            Plain JSON values; none for all others.
        """
        return {}

    @classmethod
    def coordinates(cls) -> tuple[int, ...] | None:
        """Columns of the nodes in which models that look for neighbours themselves look for them.

        Returns
        -------
        tuple[int, ...] or None
            They replace those of a recipe that was written for another dataset; None: the recipe's are right.
        """
        return None

    @classmethod
    def draw(cls, event: Mapping[str, Array], axes: Any) -> None:
        """Draw one event: ``draw`` of ``draw.py``, or else its first array as an image.

        Parameters
        ----------
        event : Mapping[str, Array]
            The card's arrays, (...) without the axis that counts events.
        axes : matplotlib.axes.Axes
            Drawn into.
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
        """What to look at before a network does: ``observables`` of ``draw.py``.

        Without one it is all values of each input array that are not padding.

        Parameters
        ----------
        arrays : Mapping[str, Array]
            Arrays of N events by the card's names, (N, ...).

        Returns
        -------
        dict[str, NDArray]
            Name and unit of a quantity, such as ``jet mass [GeV]``, -> its values (n,), one or more an event.
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
        """Some ten to fifty numbers of each event that a physicist would cut on: ``summary`` of ``summary.py``.

        They are what boosted decision trees, the baseline of every network, are trained on.

        Parameters
        ----------
        arrays : Mapping[str, Array]
            Arrays of N events by the card's names, (N, ...).

        Returns
        -------
        dict[str, Array]
            Name -> values (N,); the room's module says what they are, and their units.

        Raises
        ------
        DataError
            If the room has no ``summary.py``.
        """
        return dict(cls._room("summary", "summary", "it has no summary features")(arrays))

    @classmethod
    def levels(cls) -> dict[str, Level]:
        """Observables that are known before and after the detector: ``LEVELS`` of ``levels.py``.

        Returns
        -------
        dict[str, Level]
            By name; none where the room says nothing.
        """
        return dict(cls._room("levels", "LEVELS") or {})

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
        """What to cite.

        Returns
        -------
        str
            All citations of the card as BibTeX.
        """
        return cls.card.cite()

    # Getting events -------------------------------------------------------------------------------------

    @classmethod
    def folder(cls, path: str | Path, source: str | None = None, variant: str = "default") -> Path:
        """The folder of the store below ``path``, which need not be there.

        Parameters
        ----------
        path : str or Path
            A folder that may hold many datasets.
        source : str, optional
            ``published``, ``generated`` or ``imported``; of own data ``own``. The first or last, if not given.
        variant : str
            Of generated or imported events: which ones.

        Returns
        -------
        Path
            ``<path>/<name>/published``, ``<path>/<name>/generated-<variant>`` or ``.../imported-<variant>``.

        Raises
        ------
        UnknownNameError
            For another source, and for a variant that is no name of a folder.
        """
        root, source = as_path(path) / cls.name, source or cls.sources[0]
        if as_name("source", source, cls.sources) == "published":
            return root / "published"
        if not isinstance(variant, str) or not _VARIANT_NAME.fullmatch(variant):
            raise UnknownNameError(f"variant {variant!r}: use letters, digits and any of _ . + -")
        return root / f"{source}-{variant}"

    @classmethod
    def load(
        cls,
        split: str,
        path: str | Path = "./datasets",
        force_download: bool = False,
        *,
        source: str | None = None,
        variant: str = "default",
    ) -> tuple[list[Array], Array]:
        """Read a whole split into memory; published files are downloaded once.

        Parameters
        ----------
        split : str
            One of the card's, ``train`` or ``test``.
        path : str or Path
            The folder that holds the datasets.
        force_download : bool
            Fetch the published files again.
        source : str, optional
            ``published``, ``generated`` or ``imported``; of own data ``own``. The first or last, if not given; one
            never stands in for another.
        variant : str
            Of generated or imported events: which ones.

        Returns
        -------
        X : list[Array]
            The input arrays in the order of the card, (N, ...) each, in the card's units.
        y : Array
            The target, (N,) or, of vectors and labels of nodes, (N, ...).

        Raises
        ------
        UnknownNameError
            For a split or source that does not exist, and for a variant that is no name of a folder.
        FetchError
            If the published files cannot be had; it gives the line that generates the same schema.
        StoreError
            If there are no such generated events, if the folder is damaged, or if it holds another version of
            them.
        DataError
            If a published file is not what the card says.
        MissingExtraError
            If nothing that reads the published files is installed.
        """
        cls._check_split(split)
        source = source or cls.sources[0]
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
        source: str | None = None,
        variant: str = "default",
    ) -> Events:
        """Open a split memory-mapped: nothing is read until it is used.

        Published files are downloaded and converted, in chunks, the first time.

        Parameters
        ----------
        split : str
            One of the card's, ``train`` or ``test``.
        path : str or Path
            The folder that holds the datasets.
        source : str, optional
            ``published``, ``generated`` or ``imported``; of own data ``own``. The first or last, if not given.
        variant : str
            Of generated or imported events: which ones.

        Returns
        -------
        Events
            ``events.X``, ``events.y`` and all arrays by name, extras too: ``events["event_id"]``.

        Raises
        ------
        UnknownNameError, FetchError, StoreError, DataError, MissingExtraError
            As in `load`.
        """
        cls._check_split(split)
        source = source or cls.sources[0]
        folder = cls.folder(path, source, variant)
        if not folder.exists():
            if source == "own":
                raise StoreError(
                    f"no events of {cls.name} called {variant!r} in {path}: `pd4ml convert` makes them"
                )
            if source == "imported":
                line = f"pd4ml import FILE --dataset {cls.name} --variant {variant} --path {path}"
                raise StoreError(f"no imported {cls.name} called {variant!r} in {path}: `{line}` takes a file")
            if source == "generated":
                advice = cls._generate_hint("make it with {}", path, variant)
                if variant not in cls.card.variants:
                    advice = f"{unknown_name('variant', variant, cls.card.variants)}"
                raise StoreError(f"no generated {cls.name} of variant {variant!r} in {path}: {advice}")
            cls._published(path).convert(folder)
        elif source == "published":
            tidy(folder)
        store = Store(folder)
        found = (store.manifest.dataset, store.manifest.card_version)
        version = (cls.card if source in ("generated", "own") else cls.card.published).version
        if found != (cls.name, version):
            raise StoreError(
                f"{folder} holds {found[0]} (card version {found[1]}), expected {cls.name} ({version}): "
                "move it away and make it again"
            )
        events = store.events(split)
        events.card = cls.card
        return events

    @classmethod
    def at(cls, path: str | Path = "./datasets", *, source: str | None = None, variant: str = "default") -> Sample:
        """The dataset in ``path`` as a sample: what is trained on, predicted for, cut into parts.

        Nothing is read or fetched before it is opened.

        Parameters
        ----------
        path : str or Path
            The folder that holds the datasets.
        source : str, optional
            ``published``, ``generated`` or ``imported``; of own data ``own``. The first or last, if not given.
        variant : str
            Of generated or imported events: which ones.

        Returns
        -------
        Sample
            A few words that can be compared, hashed and sent to another process.

        Raises
        ------
        UnknownNameError
            For another source, and for a variant that is no name of a folder.
        """
        cls.folder(path, source, variant)  # refuses names that cannot be
        return Sample(cls, as_path(path), source or cls.sources[0], variant)

    @classmethod
    def graphs(
        cls,
        split: str,
        path: str | Path = "./datasets",
        *,
        source: str | None = None,
        variant: str = "default",
        view: FeatureView | None = None,
    ) -> LazyGraphs:
        """The split's events as packed graphs, built when they are looked at.

        Parameters
        ----------
        split : str
            One of the card's, ``train`` or ``test``.
        path : str or Path
            The folder that holds the datasets.
        source : str, optional
            ``published``, ``generated`` or ``imported``; of own data ``own``. The first or last, if not given.
        variant : str
            Of generated or imported events: which ones.
        view : FeatureView, optional
            What features must know of the data, as of a trained model (``run.view``). Without it that is fitted on
            the train split of the same folder, whichever split is asked for.

        Returns
        -------
        LazyGraphs
            One graph an event; a slice of them is a `PackedGraphs`.

        Raises
        ------
        UnknownNameError, FetchError, StoreError, MissingExtraError
            As in `load`.
        DataError
            As in `load`, and for a view that was fitted on another dataset.
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
        source: str | None = None,
        variant: str = "default",
    ) -> tuple[dict[str, NDArray[Any]], Array]:
        """Read a split as padded model inputs.

        Dense adjacency of large splits does not fit into memory; use `graphs` for those.

        Parameters
        ----------
        split : str
            One of the card's, ``train`` or ``test``.
        path : str or Path
            The folder that holds the datasets.
        graph : bool
            Give the adjacency, too.
        force_download : bool
            Fetch the published files again.
        source : str, optional
            ``published``, ``generated`` or ``imported``; of own data ``own``. The first or last, if not given.
        variant : str
            Of generated or imported events: which ones.

        Returns
        -------
        x : dict[str, NDArray]
            ``features`` (N, P, F) float32, zero for padding; where nodes are of kinds ``tokens`` (N, P) int64, -1
            for padding; with ``graph`` ``adj_matrix`` (N, P, P) uint8, symmetric, with ones on the diagonal of
            real nodes.
        y : Array
            The target, (N,) or (N, ...), in the card's unit.

        Raises
        ------
        UnknownNameError, FetchError, StoreError, MissingExtraError
            As in `load`.
        DataError
            As in `load`, and for dense arrays that are larger than the machine's memory.
        """
        if force_download and (source or cls.sources[0]) == "published":
            cls.download(path, force=True)
        graphs = cls.graphs(split, path, source=source, variant=variant)
        n_events, first = len(graphs), graphs[:1]
        n_max, n_features = first.max_nodes, first.nodes.shape[1]
        needed = n_events * n_max * (4 * n_features + 8 * (first.n_tokens > 0) + n_max * graph)
        if needed > (memory_bytes() or needed):
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
        """The summary features as one array.

        Parameters
        ----------
        arrays : Mapping[str, Array]
            Arrays of N events by the card's names, (N, ...).

        Returns
        -------
        names : tuple[str, ...]
            K names.
        values : NDArray[np.float32]
            (N, K), in the units that the room's ``summary.py`` gives.

        Raises
        ------
        DataError
            If the room has no ``summary.py``.
        """
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
        """Simulate events of all splits together, in published proportions, into a store.

        What is there already is kept; a run that was stopped goes on.

        Parameters
        ----------
        path : str or Path
            The folder that holds the datasets.
        n_events : int
            Of all splits.
        seed : int
            The events follow from it, ``n_events`` and the settings.
        workers : int or Executor
            A number of processes or any ``concurrent.futures.Executor``; the events do not depend on it.
        variant : str
            Names the folder and, if the card knows it, the settings.
        draw : Mapping[str, str], optional
            Settings with a distribution in place of a value, ``{"energy_scale": "uniform:0.95,1.05"}`` (or
            ``normal:mean,sigma``, ``choice:x,y,...``). What was drawn is kept as an extra array (N,) of that name.
        force : bool
            Replace a folder of other settings.
        **config : Any
            Options of the simulator over its defaults. With these or ``draw``, ``variant`` must be a name that the
            card does not know.

        Returns
        -------
        Store
            The folder, with its manifest.

        Raises
        ------
        DataError
            For a setting out of its range, too few events to fill all splits, a negative seed, no workers, or a
            room without a simulator.
        UnknownNameError
            For a setting or variant that does not exist.
        StoreError
            If the folder holds events of other settings.
        LockedError
            When another process that writes to it does not finish within a day.
        MissingExtraError
            If a generator is not installed.
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
        """Download the published files and verify them; what is there already is kept.

        Parameters
        ----------
        path : str or Path
            The folder that holds the datasets.
        force : bool
            Fetch them again, and convert them again if they had been.

        Returns
        -------
        list[Path]
            Where they are.

        Raises
        ------
        FetchError
            If they cannot be had; it says what was tried, and the line that generates the same schema.
        DataError
            If a file is not what the card says.
        MissingExtraError
            If nothing that reads them is installed.
        """
        published = cls._published(path, force=force)
        if force and cls.folder(path).exists():
            published.convert(cls.folder(path), force=True)
        return published.paths

    @classmethod
    def download_part(cls, n_events: int, path: str | Path = "./datasets", *, variant: str | None = None) -> Path:
        """Download the first published events only; a source must be in Parquet, its server send parts of files.

        They are found by ``source='imported'`` and the name of the part, never as the published dataset.

        Parameters
        ----------
        n_events : int
            In all splits together.
        path : str or Path
            The folder that holds the datasets.
        variant : str, optional
            What the part is to be called; ``first_<n_events>`` without it.

        Returns
        -------
        Path
            The folder of its store.

        Raises
        ------
        FetchError
            If the part cannot be had.
        DataError
            If the dataset has no such source, or not so many events.
        StoreError
            If there are other events of that name.
        """
        from pd4ml.storage.published import fetch_part

        n_events = as_whole("n_events", n_events, 1)
        variant = f"first_{n_events}" if variant is None else variant
        return fetch_part(cls.card, cls.folder(path, "imported", variant), n_events, variant)

    @classmethod
    def import_file(cls, file: str | Path, path: str | Path = "./datasets", *, variant: str | None = None) -> Path:
        """Verify a published file that one already has and place it where `download` looks for it.

        With a ``variant`` the file holds only a part of the published events, in their layout: they are converted
        and are found by ``source='imported'`` and that name, never as the published dataset.

        Parameters
        ----------
        file : str or Path
            Known by its name; it stays as it is.
        path : str or Path
            The folder that holds the datasets.
        variant : str, optional
            What a part of the published events is to be called.

        Returns
        -------
        Path
            The file in ``path``; of a part the folder of its store.

        Raises
        ------
        DataError
            If it is not one of the card's files, or not as it was published; of a part, if it has another layout.
        StoreError
            If there are other events of that name.
        """
        from pd4ml.storage.published import import_file, import_part

        if variant is not None:
            return import_part(cls.card, as_path(file, "file"), cls.folder(path, "imported", variant), variant)
        return import_file(cls.card, as_path(file, "file"), as_path(path))

    # ----------------------------------------------------------------------------------------------------

    @classmethod
    def _check_split(cls, split: str) -> None:
        as_name("split", split, cls.card.splits)

    @classmethod
    def _published(cls, path: str | Path, *, force: bool = False) -> Published:
        from pd4ml.storage.published import fetch_published

        try:
            return fetch_published(cls.card, as_path(path), force=force)
        except FetchError as error:
            hint = cls._generate_hint("events of the same schema can be generated: {}", path, "default")
            if there := sorted((as_path(path) / cls.name).glob("generated-*/manifest.json")):
                name = there[0].parent.name.partition("-")[2]
                option = "" if name == "default" else f", variant={name!r}"
                hint = f"generated events lie in {there[0].parent}: source='generated'{option} takes them"
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
