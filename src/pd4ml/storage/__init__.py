"""Bytes on disk: verified downloads, readers of published formats, the memory-mapped store."""
