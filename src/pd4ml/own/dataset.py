"""OwnDataset: somebody's own events as a dataset, made from what their folder or a trained model says."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from pd4ml.arguments import as_name, as_path
from pd4ml.dataset import Dataset
from pd4ml.errors import DataError, StoreError, UnknownNameError
from pd4ml.generation.simulator import Simulator
from pd4ml.graphs.packed import PackedGraphs
from pd4ml.own.features import fit, table
from pd4ml.own.graph import coordinate_columns, graphs
from pd4ml.own.layout import SOURCE, Layout
from pd4ml.own.summary import summary
from pd4ml.sample import FeatureView
from pd4ml.storage.manifest import MANIFEST_NAME, Manifest
from pd4ml.storage.store import Array, Events

__all__ = ["OwnDataset", "check_name", "layout_of", "own_dataset", "own_folder"]

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}")
_DRAWN_AT_LEAST = 4.0


class OwnDataset(Dataset, register=False):
    """Events that somebody brought; its subclasses, one for each dataset, are made by `own_dataset`."""

    layout: ClassVar[Layout]
    sources = (SOURCE,)

    @classmethod
    def folder(cls, path: str | Path, source: str | None = None, variant: str = "default") -> Path:
        """``<path>/<name>/own-<variant>``."""
        as_name(f"source of {cls.name}, which is your own data,", source or SOURCE, cls.sources)
        return own_folder(path, cls.name, variant)

    @classmethod
    def open(
        cls,
        split: str,
        path: str | Path = "./datasets",
        *,
        source: str | None = None,
        variant: str = "default",
    ) -> Events:
        """As of any dataset; StoreError for events with other arrays, that were handed in under the same name."""
        events = super().open(split, path, source=source, variant=variant)
        found = layout_of(cls.folder(path, source, variant))
        if (found.card.arrays, found.roles) != (cls.card.arrays, cls.layout.roles):
            raise StoreError(f"variant {variant!r} of {cls.name} in {path} has other arrays: hand it in anew")
        return events

    @classmethod
    def as_pickled(cls) -> _Reference:
        """What the layout says; the class is made again from it."""
        return _Reference(cls.layout.to_dict())

    @classmethod
    def simulator(cls) -> Simulator:
        """There is none."""
        raise DataError(f"{cls.name} is your own data: its events cannot be generated")

    @classmethod
    def _has_simulator(cls) -> bool:
        return False

    @classmethod
    def download(cls, path: str | Path = "./datasets", *, force: bool = False) -> list[Path]:
        """There is nothing to fetch."""
        raise DataError(f"{cls.name} is your own data: there is nothing to download")

    @classmethod
    def fit_features(cls, events: Events) -> dict[str, Any]:
        """Centre and spread of every column."""
        return {"columns": fit(events, cls.layout)}

    @classmethod
    def described(cls) -> dict[str, Any]:
        """The layout, by which a trained model can be used where the events are not."""
        return {"own": cls.layout.to_dict()}

    @classmethod
    def build_graphs(
        cls, arrays: Mapping[str, Array], fitted: Mapping[str, Any], *, edges: bool = True
    ) -> PackedGraphs:
        """Graphs as the layout's `GraphOptions` say."""
        return graphs(arrays, fitted["columns"], cls.layout, edges=edges)

    @classmethod
    def coordinates(cls) -> tuple[int, ...]:
        """Those that the layout names, or all columns."""
        return coordinate_columns(cls.layout)

    @classmethod
    def summary(cls, arrays: Mapping[str, Array]) -> dict[str, Array]:
        """The numbers of events, and what sets and images amount to."""
        return dict(summary(arrays, cls.layout))

    @classmethod
    def observables(cls, arrays: Mapping[str, Array]) -> dict[str, NDArray[Any]]:
        """The values of every column."""
        found = {}
        for spec in cls.card.inputs:
            values = table(spec, arrays[spec.name], cls.layout.roles[spec.name])
            for i, column in enumerate(values.T):
                name = (
                    spec.columns[i] if spec.columns else f"{spec.name} {i}" if values.shape[1] > 1 else spec.name
                )
                found[f"{name} [{_unit(spec.unit, name)}]"] = column
        return found

    @classmethod
    def draw(cls, event: Mapping[str, Array], axes: Any) -> None:
        """An image as it is; a set in its first two coordinates, larger where the first other column is."""
        if images := cls.layout.of_role("grid"):
            image = np.asarray(event[images[0].name], np.float64)
            image = image if image.ndim == 2 else image.sum(axis=-1)
            axes.figure.colorbar(axes.imshow(image, interpolation="none"), cax=axes.inset_axes((1.03, 0, 0.05, 1)))
            return
        sets = cls.layout.of_role("set")
        if not sets:
            super().draw(event, axes)
            return
        for spec in sets:
            array = np.asarray(event[spec.name], np.float64)
            rows = array.reshape(len(array), -1) if spec.ragged else table(spec, array[None], "set")
            names = list(spec.columns) or [str(i) for i in range(rows.shape[1])]
            along = [names.index(c) for c in cls.layout.graph.coordinates if c in names][:2]
            along += [i for i in range(len(names)) if i not in along][: 2 - len(along)]
            size = next((rows[:, i] for i in range(len(names)) if i not in along), np.ones(len(rows)))
            largest = np.abs(size).max(initial=0) or 1.0
            points = rows[:, along] if len(along) == 2 else np.column_stack([np.arange(len(rows)), rows[:, 0]])
            axes.scatter(*points.T, s=_DRAWN_AT_LEAST + 60 * np.abs(size) / largest, alpha=0.6, label=spec.name)
            labels = [names[i] for i in along] if len(along) == 2 else ["entry", names[0]]
            axes.set(xlabel=labels[0], ylabel=labels[1])
        if len(sets) > 1:
            axes.legend()


@dataclass(frozen=True)
class _Reference:
    """An own dataset where it cannot be sent as a class: its layout."""

    layout: dict[str, Any]

    def dataset(self) -> type[Dataset]:
        """The class."""
        return own_dataset(Layout.from_dict(self.layout))


_MADE: dict[str, type[OwnDataset]] = {}


def own_dataset(layout: Layout) -> type[OwnDataset]:
    """The dataset of a layout; equal layouts are the same dataset.

    Parameters
    ----------
    layout : Layout
        The card, the roles of its arrays, and the options of its graphs.

    Returns
    -------
    type[OwnDataset]
        A subclass of `Dataset`, known by its name from now on.

    Raises
    ------
    DataError
        For a name that cannot be one.
    """
    check_name(layout.card.name)
    key = repr(layout.to_dict())
    if key not in _MADE:
        space = {"card": layout.card, "layout": layout, "__doc__": layout.card.title, "__module__": __name__}
        _MADE[key] = type(layout.card.name, (OwnDataset,), space, register=False)
    return _MADE[key]


def check_name(name: object) -> None:
    """DataError for what is no name of a dataset, or that of one which everybody has."""
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise DataError(f"name {name!r}: use a letter, then letters, digits, _ or -")
    if any(known.name.lower() == name.lower() for known in Dataset.datasets_register):
        raise DataError(f"{name} is a dataset that everybody has: give your own data another name")


def own_folder(path: str | Path, name: str, variant: str = "default") -> Path:
    """The folder of own events; UnknownNameError for a variant that is no name of a folder."""
    if not isinstance(variant, str) or not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.+-]*", variant):
        raise UnknownNameError(f"variant {variant!r}: use letters, digits and any of _ . + -")
    return as_path(path) / name / f"{SOURCE}-{variant}"


def layout_of(folder: Path) -> Layout:
    """What a folder of own events says of them; StoreError or DataError in one line if it says nothing."""
    manifest = Manifest.read(folder)
    if manifest.source != SOURCE:
        raise StoreError(f"{folder} holds {manifest.source} events, not somebody's own")
    layout = Layout.from_dict(manifest.provenance.get("own"))
    if layout.card.name != manifest.dataset:
        raise StoreError(f"{folder} is damaged: it is called {manifest.dataset} and {layout.card.name}")
    return layout


class _OwnFinder:
    """Own datasets in folders, in trained models, and those that this process has made."""

    def find(self, name: str, path: Path | None) -> type[Dataset] | None:
        wanted = name.lower()
        for folder in [] if path is None else _folders(path):
            if folder.parent.name.lower() == wanted:
                return own_dataset(layout_of(folder))
        return next((d for d in reversed(_MADE.values()) if d.name.lower() == wanted), None)

    def all(self, path: Path) -> list[type[Dataset]]:
        found = {folder.parent.name: folder for folder in _folders(path)}
        return [own_dataset(layout_of(folder)) for folder in found.values()]

    def fitted(self, view: FeatureView) -> type[Dataset] | None:
        return own_dataset(Layout.from_dict(view.values["own"])) if "own" in view.values else None


def _folders(path: Path) -> list[Path]:
    """The folders of own events below ``path``."""
    return [folder for folder in sorted(path.glob(f"*/{SOURCE}-*")) if (folder / MANIFEST_NAME).exists()]


def _unit(unit: str, column: str) -> str:
    """The unit of a column, where that of an array lists them as ``pt GeV, eta 1``."""
    for part in unit.split(", "):
        name, space, own = part.rpartition(" ")
        if space and name == column:
            return own
    return unit if ", " not in unit else "unknown"


Dataset.datasets_register.add_finder(_OwnFinder())
