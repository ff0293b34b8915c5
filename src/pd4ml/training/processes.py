"""Several processes that train together: how many there are, which one this is, how they part."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import NamedTuple

from pd4ml.arguments import as_whole
from pd4ml.errors import DataError

__all__ = ["Processes", "is_first_process", "leave_group", "processes", "started_from_outside"]

_RANKS = ("RANK", "SLURM_PROCID", "LOCAL_RANK")  # of torchrun, srun, and what Lightning starts itself


class Processes(NamedTuple):
    """Processes on each machine, and machines."""

    per_node: int
    nodes: int


def processes(devices: int) -> Processes:
    """Those that torchrun or Slurm started; else ``devices`` that are to be started on this machine."""
    devices = as_whole("devices", devices, 1)
    if not started_from_outside():
        if devices > 1 and not Path(getattr(sys.modules["__main__"], "__file__", "")).is_file():
            raise DataError(
                f"devices={devices} starts the program again in each process, and what is typed or comes from a "
                "notebook or `python -c` is no file to start: put it into a script, or use devices=1"
            )
        return Processes(devices, 1)
    if "LOCAL_WORLD_SIZE" in os.environ:
        per_node = int(os.environ["LOCAL_WORLD_SIZE"])
        return Processes(per_node, int(os.environ["WORLD_SIZE"]) // per_node)
    nodes = int(os.environ["SLURM_STEP_NUM_NODES"])
    return Processes(int(os.environ["SLURM_STEP_NUM_TASKS"]) // nodes, nodes)


def started_from_outside() -> bool:
    """Whether torchrun, or srun with more than one task, started this process."""
    return "LOCAL_WORLD_SIZE" in os.environ or int(os.environ.get("SLURM_STEP_NUM_TASKS", 1)) > 1


def is_first_process() -> bool:
    """Whether this process is the one that writes."""
    return all(int(os.environ.get(name, 0)) == 0 for name in _RANKS)


def leave_group() -> None:
    """Wait for each other and part; all processes but the first end here."""
    import torch

    if not (torch.distributed.is_available() and torch.distributed.is_initialized()):
        return
    torch.distributed.barrier()
    first = torch.distributed.get_rank() == 0
    torch.distributed.destroy_process_group()
    if not first:
        sys.exit(0)
