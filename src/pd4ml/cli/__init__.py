"""The ``pd4ml`` command: it parses, calls the library and prints. Only results go to standard output."""

from pd4ml.cli import (
    benchmark,
    between,
    collaborate,
    compete,
    contribute,
    convert,
    data,
    doctor,
    evaluation,
    export,
    infer,
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
    "doctor",
    "evaluation",
    "export",
    "infer",
    "leaderboard",
    "main",
    "report",
    "runs",
    "training",
]
