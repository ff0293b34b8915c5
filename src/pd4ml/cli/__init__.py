"""The ``pd4ml`` command: it parses, calls the library and prints. Only results go to standard output."""

from pd4ml.cli import (
    benchmark,
    between,
    collaborate,
    compete,
    contribute,
    convert,
    data,
    decorrelate,
    doctor,
    evaluation,
    export,
    leaderboard,
    report,
    runs,
    training,
)
from pd4ml.cli.app import app, main

__all__ = [
    "app",
    "benchmark",
    "between",
    "collaborate",
    "compete",
    "contribute",
    "convert",
    "data",
    "decorrelate",
    "doctor",
    "evaluation",
    "export",
    "leaderboard",
    "main",
    "report",
    "runs",
    "training",
]
