"""ROOT files: the branches of a tree, read with uproot (scikit-hep.org/uproot5), which needs no ROOT."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any

from pd4ml.errors import DataError, missing_extra, one_line, unknown_name
from pd4ml.storage.columns.base import ColumnFile

__all__ = ["FILE", "RootColumns"]


class RootColumns(ColumnFile):
    """The branches of the tree ``inside``; of the one with most branches, if it is not named."""

    @cached_property
    def _tree(self) -> Any:
        try:
            import uproot
        except ImportError as error:
            raise missing_extra("ROOT files", "root", error) from error
        with self.readable():
            file = uproot.open(self.path)
            classes = file.classnames(recursive=True)
            kinds = ("TTree", "ROOT::RNTuple")
            trees = list(dict.fromkeys(name.partition(";")[0] for name, kind in classes.items() if kind in kinds))
            if not trees:
                raise DataError(f"{self.path} holds no tree: {one_line(', '.join(classes)) or 'nothing'}")
            if self.inside and self.inside not in trees:
                raise unknown_name(f"tree of {self.path.name}", self.inside, trees)
            return file[self.inside or max(trees, key=lambda name: len(file[name].keys()))]

    @cached_property
    def columns(self) -> dict[str, str]:
        """Branches, with the types that the file gives."""
        with self.readable():
            return {name: str(branch.typename) for name, branch in self._tree.items(recursive=True)}

    @property
    def n_rows(self) -> int:
        """Entries of the tree."""
        with self.readable():
            return int(self._tree.num_entries)

    def chunks(self, names: Sequence[str], n_rows: int) -> Iterator[dict[str, Any]]:
        """Entries, some at a time."""
        from pd4ml.storage.columns.ragged_columns import plain

        self.check(names)
        for start in range(0, self.n_rows, n_rows):
            stop = min(start + n_rows, self.n_rows)
            with self.readable():
                found = {n: plain(self._tree[n].array(entry_start=start, entry_stop=stop)) for n in names}
            if any(len(column) != stop - start for column in found.values()):
                raise DataError(f"{self.path} is damaged: it promises {self.n_rows:,} entries and holds fewer")
            yield found


FILE = RootColumns
