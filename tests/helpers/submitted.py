"""Scores of a toy's events, and files of them as other tools write them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pd4ml.evaluation.names import parse_columns
from pd4ml.evaluation.submission import read_submission
from pd4ml.evaluation.truth import Truth

N = 200
RNG = np.random.default_rng(3)
LABELS = RNG.integers(0, 2, N)
LOGIT = RNG.normal(3.0 * LABELS - 1.5)
SCORE = 1 / (1 + np.exp(-LOGIT))
ORDER = RNG.permutation(N)
TRUTH = Truth(
    "classification", LABELS, np.arange(N), "split test of Toy", "0" * 64, 2, "test", classes=("QCD", "top")
)
P = np.stack([1 - SCORE, SCORE], axis=1)

pd: Any = pytest.importorskip("pandas", reason="pandas is not installed: its files cannot be tried")
Write = Callable[[Any, Path], Path]


def to_csv(frame: Any, folder: Path) -> Path:
    frame.to_csv(folder / "p.csv", index=frame.index.name is not None)
    return folder / "p.csv"


def to_parquet(frame: Any, folder: Path) -> Path:
    frame.to_parquet(folder / "p.parquet")
    return folder / "p.parquet"


def to_npz(frame: Any, folder: Path) -> Path:
    np.savez(
        folder / "p.npz", **{str(name): frame[name].to_numpy() for name in frame if frame[name].dtype != object}
    )
    return folder / "p.npz"


def to_npy(frame: Any, folder: Path) -> Path:
    np.save(folder / "p.npy", frame.select_dtypes("number").to_records(index=False))
    return folder / "p.npy"


WRITERS: dict[str, Write] = {"csv": to_csv, "parquet": to_parquet, "npz": to_npz, "npy": to_npy}


def shuffled(**more: Any) -> Any:
    return pd.DataFrame({"score": SCORE[ORDER], **more})


def read(file: Path, truth: Truth = TRUTH, columns: str | None = None) -> np.ndarray:
    return read_submission(file, truth, parse_columns(columns)).output


def same(output: np.ndarray) -> None:
    np.testing.assert_allclose(output, LOGIT, rtol=1e-4, atol=1e-5)
