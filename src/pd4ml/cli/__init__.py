"""The ``pd4ml`` command: it parses, calls the library and prints. Only results go to standard output."""

from pd4ml.cli import (
    benchmark,
    between,
    calibrate,
    collaborate,
    compete,
    contribute,
    convert,
    data,
    doctor,
    evaluation,
    export,
    laplace,
    leaderboard,
    report,
    runs,
    training,
    unfold,
)
from pd4ml.cli.app import app, main

__all__ = [
    "app",
    "benchmark",
    "between",
    "calibrate",
    "collaborate",
    "compete",
    "contribute",
    "convert",
    "data",
    "doctor",
    "evaluation",
    "export",
    "laplace",
    "leaderboard",
    "main",
    "report",
    "runs",
    "training",
    "unfold",
]
