"""Benchmark: runs and the records they leave. Importing this room does not load torch; training does."""

from pd4ml.benchmark.record import Record, find_records, read_record
from pd4ml.benchmark.run import evaluate, train

__all__ = ["Record", "evaluate", "find_records", "read_record", "train"]
