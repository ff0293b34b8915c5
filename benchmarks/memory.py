"""Peak resident memory of a training on as many jets as are published: 1.6 million, 5 GB of constituents.

The store is filled with a block of random jets again and again; the training, of FCN with Lightning, takes
shuffled batches from all of it and validates. Pages of the mapped file that a process looks at count as its
resident memory; reading lets go of them. ``python benchmarks/memory.py`` prints the row as JSON; it needs 6 GB of
disk.
"""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from pd4ml import TopTagging
from pd4ml.storage.manifest import MANIFEST_NAME, ArrayFile, Manifest

__all__ = ["rows"]

JETS, BLOCK, LIMIT_GB = {"train": 1_600_000, "test": 1_000}, 20_000, 3.0
STEPS, VALID_STEPS, BATCH = 200, 50, 1024


def make_store(path: Path) -> None:
    """A store of random jets; its hashes are none, which only ``verify`` would notice."""
    sys.path.insert(0, str(Path(__file__).parent))
    block, rng = importlib.import_module("features").random_jets(BLOCK), np.random.default_rng(0)
    folder = TopTagging.folder(path, "generated")
    card, arrays = TopTagging.card, {}
    for split, n in JETS.items():
        files = {}
        (folder / split).mkdir(parents=True)
        for spec in card.arrays:
            file, shape = f"{split}/{spec.name}.npy", (n, *spec.shape)
            values = np.lib.format.open_memmap(folder / file, mode="w+", dtype=spec.dtype, shape=shape)
            if spec.name == "constituents":
                for start in range(0, n, BLOCK):
                    values[start : start + BLOCK] = block[: n - start]
            elif spec.name == card.target.name:
                values[:] = rng.integers(0, 2, n)
            values.flush()
            files[spec.name] = ArrayFile(file, spec.dtype, shape, "0" * 64, spec.per_event, spec in card.extras)
        arrays[split] = files
    manifest = Manifest(card.name, card.version, "generated", "default", card.target.name, arrays, {}, "")
    (folder / MANIFEST_NAME).write_text(manifest.to_json())


def train(path: str) -> None:
    """Train for some hundred steps and print what the kernel says of this process's memory, in GB."""
    from lightning.pytorch import Trainer

    from pd4ml.models import build
    from pd4ml.training import load_recipe
    from pd4ml.training.data import TrainingData
    from pd4ml.training.material import prepare
    from pd4ml.training.module import TaskLoss, TrainingModule
    from pd4ml.training.network import model_inputs

    recipe = load_recipe("fcn").override(batch_size=BATCH, max_epochs=1)
    material = prepare({"train": TopTagging.at(path, source="generated")}, recipe)
    task = material.task
    model = build("fcn", model_inputs(material.graphs(material.train), task))
    module = TrainingModule(model, recipe, task, 1, TaskLoss(task))
    data = TrainingData(material, batch_size=BATCH, seed=1, edges=False)
    quiet: dict[str, Any] = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False}
    trainer = Trainer(
        max_epochs=1, limit_train_batches=STEPS, limit_val_batches=VALID_STEPS, enable_checkpointing=False, **quiet
    )
    trainer.fit(module, data.train_dataloader(), data.val_dataloader())
    lines = (line.split() for line in Path("/proc/self/status").read_text().splitlines())
    memory = {line[0][:-1]: int(line[1]) / 1e6 for line in lines if line[0] in ("VmHWM:", "RssAnon:", "RssFile:")}
    print(json.dumps(memory))


def rows() -> list[dict[str, Any]]:
    """Peak resident memory of the process, anonymous and of files."""
    with tempfile.TemporaryDirectory() as folder:
        make_store(Path(folder))
        command = [sys.executable, __file__, folder]
        output = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, timeout=1800).stdout
    memory = json.loads(output.splitlines()[-1])
    return [
        {
            "name": f"peak resident memory of a training on {JETS['train']:,} jets, {STEPS + VALID_STEPS} batches",
            "ours": memory["VmHWM"],
            "unit": "GB",
            "other": LIMIT_GB,
            "other_name": "the limit that is wanted",
            "ratio": memory["VmHWM"] / LIMIT_GB,
            "target": "at most 1",
            "repeats": 1,
            "at_the_end": {"anonymous_gb": memory["RssAnon"], "files_gb": memory["RssFile"]},
        }
    ]


if __name__ == "__main__":
    if len(sys.argv) > 1:
        train(sys.argv[1])
    else:
        print(json.dumps(rows(), indent=1))
