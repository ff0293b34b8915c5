"""Columns of other people's files: one file for each kind of file, read in chunks, nothing in them executed."""

from pd4ml.storage.columns.base import ColumnFile, open_columns

__all__ = ["ColumnFile", "open_columns"]
