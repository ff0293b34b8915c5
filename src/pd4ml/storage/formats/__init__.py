"""File formats of published events: one file each, found by the name it registers."""

from pd4ml.storage.formats.base import OPENING_BYTES, Format, Part, available, file_format, gather, register

__all__ = ["OPENING_BYTES", "Format", "Part", "available", "file_format", "gather", "register"]
