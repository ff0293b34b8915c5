"""What has splits that can be opened, as files of other tools."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable
from pathlib import Path

from pd4ml.arguments import as_name, as_path
from pd4ml.card import Card
from pd4ml.errors import DataError
from pd4ml.storage.store import Events

__all__ = ["Exports"]


class Exports:
    """The ways out of several splits; a `Sample` has them."""

    @property
    @abstractmethod
    def card(self) -> Card:
        """The dataset's card."""

    @abstractmethod
    def open(self, split: str) -> Events:
        """The events of a split, with their card."""

    def to_parquet(self, folder: str | Path, *, splits: Iterable[str] | None = None) -> Path:
        """Write it as ``<split>.parquet`` with a ``croissant.json``: units and origin are in the files.

        Parameters
        ----------
        folder : str or Path
            A new folder.
        splits : Iterable[str], optional
            Which of the card's; all without it.

        Returns
        -------
        Path
            The folder, which is there when it is whole.

        Raises
        ------
        StoreError
            When there is something at ``folder``.
        MissingExtraError
            Without PyArrow (``pip install 'pd4ml-physics[parquet]'``).
        """
        from pd4ml.storage.export.parquet import write_parquet_folder

        return write_parquet_folder(self._chosen(splits), as_path(folder, "folder"))

    def to_huggingface(self, folder: str | Path, *, splits: Iterable[str] | None = None) -> Path:
        """Write it as a folder that ``datasets.load_dataset`` reads; the hub takes it as it is.

        Parameters
        ----------
        folder : str or Path
            A new folder.
        splits : Iterable[str], optional
            Which of the card's; all without it.

        Returns
        -------
        Path
            The folder: Parquet in ``data/``, ``README.md``, ``croissant.json``.

        Raises
        ------
        StoreError, MissingExtraError
            As in `to_parquet`.
        """
        from pd4ml.storage.export.huggingface import write_huggingface

        return write_huggingface(self._chosen(splits), as_path(folder, "folder"))

    def to_npz(self, file: str | Path, *, splits: Iterable[str] | None = None) -> Path:
        """Write it as one archive in the layout of arXiv:2107.00656: ``X_train_0``, ..., ``y_train``, ...

        Parameters
        ----------
        file : str or Path
            Where to; an old file of this name is replaced.
        splits : Iterable[str], optional
            Which of the card's; all without it.

        Returns
        -------
        Path
            The file; extras are in it as ``<name>_<split>``.

        Raises
        ------
        DataError
            For ragged arrays.
        """
        from pd4ml.storage.export.npz import write_npz

        return write_npz(self._chosen(splits), as_path(file, "file"))

    def _chosen(self, names: Iterable[str] | None) -> dict[str, Events]:
        """The events of some splits, or of all."""
        chosen = list(self.card.splits if names is None else names)
        for name in chosen:
            as_name("split", name, self.card.splits)
        if not chosen:
            raise DataError(f"no split to export, expected some of {', '.join(self.card.splits)}")
        return {name: self.open(name) for name in chosen}
