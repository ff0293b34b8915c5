"""The page about other frameworks, run as it stands, with each framework that is installed."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from helpers.jets import random_jets
from pd4ml import TopTagging
from pd4ml.cli import app
from pd4ml.datasets.top_tagging.card import CARD
from pd4ml.storage.writer import StoreWriter

PAGE = Path(__file__).parents[1] / "docs" / "how_to" / "other_frameworks.md"


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with generated jets in ``datasets``: enough to run the page, not to learn from."""
    here = tmp_path_factory.mktemp("here")
    splits = {"train": 40, "test": 48}
    folder = TopTagging.folder(here / "datasets", "generated", "default")
    with StoreWriter(folder, CARD, splits, {}) as writer:
        for seed, (split, n_events) in enumerate(splits.items()):
            extras = {spec.name: np.arange(n_events, dtype=spec.dtype) for spec in CARD.extras}
            writer.write(split, 0, 0, {**random_jets(n_events, seed), **extras})
        writer.finish("generated", "default", {})
    return here


def script(framework: str) -> str:
    """The page's Python without the sections of other frameworks."""
    sections = re.split(r"^## ", PAGE.read_text(), flags=re.MULTILINE)
    kept = [text for text in sections if text.split("\n")[0] in (framework, "Back again") or text.startswith("# ")]
    assert len(kept) == 3
    return "\n".join(re.findall(r"```python\n(.*?)```", "\n".join(kept), re.DOTALL))


@pytest.mark.parametrize(
    ("framework", "needs", "backend"),
    [("Keras", "keras", "torch"), ("Keras", "keras", "jax"), ("Keras", "keras", "tensorflow"), ("JAX", "jax", "")],
)
def test_the_page_runs(framework: str, needs: str, backend: str, here: Path) -> None:
    if missing := [name for name in (needs, backend) if name and find_spec(name) is None]:
        pytest.skip(f"{missing[0]} is not installed")
    environment = {**os.environ, "KERAS_BACKEND": backend, "JAX_PLATFORMS": "cpu"}
    (here / "scores.npz").unlink(missing_ok=True)
    done = subprocess.run(
        [sys.executable, "-c", script(framework)], cwd=here, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-3000:]
    with np.load(here / "scores.npz") as scores:
        assert scores["logit"].shape == (48,)
        assert np.isfinite(scores["logit"]).all()
    line = ["evaluate", "--predictions", str(here / "scores.npz"), "--dataset", "TopTagging"]
    told = CliRunner().invoke(app, [*line, "--path", str(here / "datasets")])
    assert told.exit_code == 0, told.output
    assert "AUC" in told.output.upper()
