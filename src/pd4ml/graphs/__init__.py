"""Graphs from events: builders, the packed form, conversions."""

from pd4ml.graphs.packed import PackedGraphs

__all__ = ["PackedGraphs"]
