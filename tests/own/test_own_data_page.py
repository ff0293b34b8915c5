"""The page on one's own data does what it says."""

from __future__ import annotations

import re
import shutil
import tomllib
from pathlib import Path
from typing import Any

import pytest

from pd4ml.own.card_file import CardFile

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "how_to" / "own_data.md").read_text()
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
NANO = ROOT.parent / "shared" / "realdata" / "cms_pfnano_10events.root"


def test_its_lines_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    for block in BLOCKS[:2]:
        exec(compile(block, "own_data.md", "exec"), names)
    assert "graphs: nodes" in capsys.readouterr().out
    if not NANO.exists():
        pytest.skip(f"the real sample {NANO.name} is not beside the repository")
    shutil.copy(NANO, "nano.root")
    exec(compile(BLOCKS[2], "own_data.md", "exec"), names)
    assert sum(names["sample"].card.splits.values()) == 24


def test_its_card_can_be_read() -> None:
    (text,) = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    card = CardFile.from_dict(tomllib.loads(text))
    assert set(card.inputs["hits"].columns) == {"x", "y", "layer", "energy"}
