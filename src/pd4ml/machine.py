"""What this process may use of the machine: cores, those that are free of others' work, memory.

A batch system or a container gives a process fewer cores than the machine has: by affinity, or by a quota of its
control group (Linux, versions 1 and 2).
"""

from __future__ import annotations

import math
import os
import platform
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

__all__ = ["CoreMeter", "cores", "free_cores", "machine", "memory_bytes"]

_PROC = Path("/proc")
_CGROUPS = Path("/sys/fs/cgroup")
_UNLIMITED = 1 << 60  # version 1 says "no limit" with a number near 2**63


def cores() -> int:
    """Cores that this process may use, at least 1: those of its affinity, or fewer by its group's quota."""
    allowed = len(_affinity()) or os.cpu_count() or 1
    return max(1, min(allowed, math.ceil(min(_quotas(), default=allowed))))


def free_cores(seconds: float = 0.25) -> float:
    """Cores that nobody else uses at present, those that this process uses included; looks for ``seconds``."""
    meter = CoreMeter()
    time.sleep(seconds)
    return meter.free()


def memory_bytes() -> int | None:
    """Bytes of memory that this process may use: the machine's, or its group's limit; None where nothing tells."""
    found = [limit for limit in _memory_limits() if limit < _UNLIMITED]
    if hasattr(os, "sysconf"):  # not on Windows
        with suppress(ValueError, OSError):  # names that this system has not
            found.append(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    return min(found, default=None)


def machine() -> dict[str, Any]:
    """Processor, cores that this process may use, platform; no name of the machine."""
    return {"cpu": _cpu_name(), "cores": cores(), "platform": f"{sys.platform} {platform.machine()}"}


class CoreMeter:
    """Tells how many cores were free of others' work since it was made, or since it was last asked.

    On Linux the idle time of this process's cores is read (its resolution is 10 ms a core); elsewhere the load
    average of the last minute stands for it.
    """

    def __init__(self) -> None:
        self._before = _Ticks.now()

    def free(self) -> float:
        """Free cores, from 0 to `cores`, those that this process itself used included."""
        before, after = self._before, _Ticks.now()
        self._before = after
        most = cores()
        total = after.total - before.total
        if total > 0:
            idle = (after.idle - before.idle) / total * after.n_cores
            own = (after.own - before.own) / max(after.wall - before.wall, 1e-9)
            return min(float(most), max(0.0, idle + own))
        if hasattr(os, "getloadavg"):
            others = os.getloadavg()[0] - (after.own - before.own) / max(after.wall - before.wall, 1e-9)
            return min(float(most), max(0.0, most - max(0.0, others)))
        return float(most)


class _Ticks(NamedTuple):
    """Time of this process's cores, all and idle, in the kernel's unit; of this process and of the clock, in s."""

    total: float
    idle: float
    n_cores: int
    own: float
    wall: float

    @classmethod
    def now(cls) -> _Ticks:
        total = idle = 0.0
        allowed = _affinity()
        try:
            lines = (_PROC / "stat").read_text(encoding="utf-8").splitlines()
        except OSError:
            lines = []
        for line in lines:
            name, *numbers = line.split() or [""]
            if name.startswith("cpu") and name[3:].isdigit() and int(name[3:]) in allowed:
                # user nice system idle iowait irq softirq steal; guests are in user
                values = [float(number) for number in numbers[:8]]
                total += sum(values)
                idle += sum(values[3:5])
        spent = os.times()
        return cls(total, idle, len(allowed), spent.user + spent.system, time.monotonic())


def _affinity() -> set[int]:
    """The numbers of the cores that this process may run on; none where the system does not tell."""
    return set(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else set()


def _quotas() -> Iterator[float]:
    """Cores that quotas of control groups allow."""
    for folder in _groups("cpu"):
        try:
            quota, period = (folder / "cpu.max").read_text(encoding="utf-8").split()
        except (OSError, ValueError):
            quota, period = _text(folder / "cpu.cfs_quota_us"), _text(folder / "cpu.cfs_period_us")
        if quota.isdigit() and period.isdigit() and int(quota) > 0 and int(period) > 0:
            yield int(quota) / int(period)


def _memory_limits() -> Iterator[int]:
    """Bytes that control groups allow."""
    for folder in _groups("memory"):
        for name in ("memory.max", "memory.limit_in_bytes"):
            if (text := _text(folder / name)).isdigit():
                yield int(text)


def _groups(controller: str) -> Iterator[Path]:
    """The folders of this process's control groups for ``controller``, and of those above them.

    A container may see its own group as the root, so the root is always among them.
    """
    for line in _text(_PROC / "self" / "cgroup").splitlines():
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if controllers and controller not in controllers.split(","):
            continue
        root = _CGROUPS / controller if controllers else _CGROUPS
        here = root / path.strip("/")
        yield from (folder for folder in (here, *here.parents) if folder == root or root in folder.parents)


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return ""


def _cpu_name() -> str:
    lines = _text(_PROC / "cpuinfo").splitlines()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, "") or platform.processor() or platform.machine()
