"""Checkpoints of others: what is packed, larger than it looks, executable or foreign is refused."""

from __future__ import annotations

import pickle
import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning.pytorch import LightningModule
from torch import nn

from pd4ml.errors import DataError
from pd4ml.training.checkpoints import last_epoch
from pd4ml.training.weights import read_checkpoint


class Executes:
    def __reduce__(self) -> tuple[Any, ...]:
        return pytest.fail, ("a pickle was executed",)


def packed(file: Path) -> None:
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data/0", bytes(1 << 20))


def pickled(file: Path) -> None:
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("archive/data.pkl", pickle.dumps(Executes()))
        archive.writestr("archive/version", "3")


def shown_often(file: Path) -> None:
    torch.save({"a": torch.ones(1).expand(2**30)}, file)


@pytest.mark.parametrize(
    ("write", "message"),
    [(packed, "it is packed"), (pickled, "cannot be read"), (shown_often, "larger than what it holds of them")],
)
def test_what_is_no_checkpoint(tmp_path: Path, write: Any, message: str) -> None:
    write(tmp_path / "a.ckpt")
    with pytest.raises(DataError, match=message):
        read_checkpoint(tmp_path / "a.ckpt")


class Small(LightningModule):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(2, 3)


def test_a_checkpoint_of_another_training_starts_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file, module = tmp_path / "last.ckpt", Small()
    parts = dict.fromkeys(("global_step", "loops", "callbacks", "optimizer_states", "lr_schedulers"), 0)
    whole = {"epoch": 3, "state_dict": module.state_dict(), **parts}
    torch.save(whole, file)
    assert last_epoch(file, module) == (file, 4)
    other = {"layer.weight": torch.zeros(3, 3), "layer.bias": torch.zeros(3)}
    changes: list[dict[str, Any]] = [{"epoch": "3"}, {"state_dict": {}}, {"state_dict": 1}, {"state_dict": other}]
    for change in changes:
        torch.save({**whole, **change}, file)
        assert last_epoch(file, module) == (None, 0)
        assert "is of another training; starting from the first epoch" in capsys.readouterr().err
