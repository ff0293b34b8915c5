"""Trainings that measure how many threads they use: beside busy processes, and on a quiet machine.

The CPU time beside five busy processes for each core is compared with that of one thread without them; the wall
time on a quiet machine, which this script cannot make, with that of the best number that is set. Each is measured
in a process of its own, which first trains a little, so that neither imports nor what is compiled counts.
``python benchmarks/threads.py`` prints JSON; ``python benchmarks/threads.py FCN`` the rows of one network.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pd4ml import TopTagging
from pd4ml.machine import cores

__all__ = ["rows"]

JETS, BATCH = 1_000, 32  # 20 steps an epoch, since a fifth is tested on, and one validated on
LOADED_EPOCHS, BUSY = 4, 5
# Recipe, and epochs, so that a training takes seconds: the first steps always have one thread.
NETWORKS = {
    "FCN": ("fcn", 50),
    "GraphNet": ("graph_net", 8),
    "FilterNet": ("filter_net_quick", 8),
    "ParticleNet-Lite": ("particle_net_lite", 8),
}
REPEATS = 2


def measure(path: str, network: str, threads: str) -> None:
    """Print CPU and wall seconds of trainings in this process; ``threads`` may be ``loaded`` or ``measured``."""
    recipe, epochs = NETWORKS[network]
    trained(path, recipe, 1, 1, n_events=100)
    if threads == "loaded":
        quiet = trained(path, recipe, 1, LOADED_EPOCHS)
        with busy_processes(BUSY * cores()):
            found = [quiet, trained(path, recipe, None, LOADED_EPOCHS)]
    else:
        number = None if threads == "measured" else int(threads)
        found = [trained(path, recipe, number, epochs) for _ in range(REPEATS)]
    print(json.dumps(found))


def trained(
    path: str, name: str, threads: int | None, epochs: int, n_events: int | None = None
) -> tuple[float, float, int]:
    """CPU and wall seconds of a training, and the number of threads of most of its epochs."""
    from pd4ml.training import load_recipe
    from pd4ml.training.fitted import Options
    from pd4ml.training.network import ESTIMATOR

    recipe = load_recipe(name).override(batch_size=BATCH, max_epochs=epochs, patience=epochs)
    sample = TopTagging.at(path, source="generated")
    with tempfile.TemporaryDirectory() as folder:
        cpu, wall = time.process_time(), time.perf_counter()
        options = Options(n_events=n_events, threads=threads, device="cpu")
        fitted = ESTIMATOR.fit({"train": sample}, recipe, Path(folder), options)
        return time.process_time() - cpu, time.perf_counter() - wall, fitted.facts.threads


@contextmanager
def busy_processes(n: int) -> Iterator[None]:
    """``n`` others that do nothing but work."""
    others = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(n)]
    try:
        yield
    finally:
        for other in others:
            other.kill()
            other.wait()


def in_a_process(*arguments: str) -> list[tuple[float, float, int]]:
    """What `measure` prints, where nothing sets a number of threads."""
    unset = ("OMP_NUM_THREADS", "MKL_NUM_THREADS")
    environment = {name: value for name, value in os.environ.items() if name not in unset}
    command = [sys.executable, __file__, "--measure", *arguments]
    printed = subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout
    return [(cpu, wall, n) for cpu, wall, n in json.loads(printed.splitlines()[-1])]


def network_rows(path: str, network: str) -> list[dict[str, Any]]:
    """The two rows of a network."""
    most = cores()
    quiet, loaded = in_a_process(path, network, "loaded")
    numbers = sorted({*(2**i for i in range(most.bit_length())), most})
    walls = {n: min(wall for _, wall, _ in in_a_process(path, network, str(n))) for n in numbers}
    _, ours, chosen = min(in_a_process(path, network, "measured"), key=lambda found: found[1])
    best = min(walls, key=walls.__getitem__)
    return [
        {
            "name": f"{network}, CPU time of a training beside {BUSY * most} busy processes on {most} cores",
            "unit": "s",
            "ours": loaded[0],
            "other": quiet[0],
            "other_name": "one thread, without them",
            "ratio": loaded[0] / quiet[0],
            "target": "at most 1.5",
            "repeats": 1,
            "threads": loaded[2],
        },
        {
            "name": f"{network}, a training on a quiet machine, threads measured",
            "unit": "s",
            "ours": ours,
            "other": walls[best],
            "other_name": f"the best number, {best}",
            "ratio": walls[best] / ours,
            "target": "at least 0.95",
            "repeats": REPEATS,
            "threads": chosen,
            "seconds_by_threads": walls,
        },
    ]


def rows(networks: list[str] | None = None) -> list[dict[str, Any]]:
    """All rows, on jets made for them."""
    with tempfile.TemporaryDirectory() as folder:
        TopTagging.generate(folder, n_events=JETS, seed=1)
        return [row for network in networks or NETWORKS for row in network_rows(folder, network)]


if __name__ == "__main__":
    if sys.argv[1:2] == ["--measure"]:
        measure(*sys.argv[2:])
    else:
        print(json.dumps(rows(sys.argv[1:]), indent=1))
