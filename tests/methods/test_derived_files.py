"""Derived runs of others: members are as many as they say, and lie in the run's own folder."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from helpers.toy import Toy
from pd4ml.errors import DataError
from pd4ml.methods.derived import ESTIMATOR
from pd4ml.sample import FeatureView


def load(folder: Path, members: object) -> None:
    told = {"format": 1, "kind": "ensemble", "members": members, "options": {}}
    (folder / "derived.json").write_text(json.dumps(told))
    np.savez(folder / "derived.npz")
    ESTIMATOR.load(folder, Toy, FeatureView("Toy", {}), None)


@pytest.mark.parametrize("members", [0, -1, 0.5, None, "1", 10**6, [1]])
def test_members_are_a_number_of_them(tmp_path: Path, members: object) -> None:
    with pytest.raises(DataError, match=r"derived\.json cannot be used \(.*members"):
        load(tmp_path, members)


@pytest.mark.parametrize("target", [".", "..", "elsewhere"])
def test_members_are_no_links(tmp_path: Path, target: str) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "member0").symlink_to(target)
    with pytest.raises(DataError, match="member0 is a link"):
        load(tmp_path / "run", 2)
