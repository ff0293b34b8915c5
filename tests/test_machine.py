"""What the machine is said to have, under quotas, affinities and others' work."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pd4ml import machine as module
from pd4ml.machine import CoreMeter, cores, free_cores, machine, memory_bytes


def fake_groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cgroup: str, files: dict[str, str]) -> None:
    """A /proc and a /sys/fs/cgroup with these files."""
    for name, text in {"proc/self/cgroup": cgroup, **files}.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.setattr(module, "_PROC", tmp_path / "proc")
    monkeypatch.setattr(module, "_CGROUPS", tmp_path / "cgroup")
    monkeypatch.setattr(module, "_affinity", lambda: set(range(16)))


@pytest.mark.parametrize(
    ("cgroup", "files", "n_cores", "n_bytes"),
    [
        (
            "0::/job/step\n",
            {"cgroup/job/cpu.max": "350000 100000\n", "cgroup/job/step/memory.max": "4096\n"},
            4,
            4096,
        ),
        ("0::/job\n", {"cgroup/job/cpu.max": "max 100000\n", "cgroup/job/memory.max": "max\n"}, 16, None),
        ("0::/outside\n", {"cgroup/cpu.max": "50000 100000\n"}, 1, None),  # a container sees its own as the root
        (
            "4:memory:/a\n3:cpu,cpuacct:/a\n",
            {
                "cgroup/cpu/a/cpu.cfs_quota_us": "200000\n",
                "cgroup/cpu/a/cpu.cfs_period_us": "100000\n",
                "cgroup/memory/a/memory.limit_in_bytes": "8192\n",
            },
            2,
            8192,
        ),
        (
            "4:memory:/a\n3:cpu:/a\n",
            {
                "cgroup/cpu/a/cpu.cfs_quota_us": "-1\n",
                "cgroup/memory/a/memory.limit_in_bytes": f"{2**63 - 4096}\n",
            },
            16,
            None,
        ),
        ("nonsense\n", {}, 16, None),
    ],
)
def test_limits_of_control_groups_are_honoured(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    cgroup: str,
    files: dict[str, str],
    n_cores: int,
    n_bytes: int | None,
) -> None:
    fake_groups(tmp_path, monkeypatch, cgroup, files)
    monkeypatch.delattr("os.sysconf")
    assert cores() == n_cores
    assert memory_bytes() == n_bytes


def test_without_limits_memory_is_the_machines() -> None:
    found = memory_bytes()
    assert found is not None
    assert 0 < found <= os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system has no affinity")
def test_affinity_is_honoured() -> None:
    before = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(before)})
        assert cores() == 1
        assert free_cores(0.05) <= 1
    finally:
        os.sched_setaffinity(0, before)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc/stat")
def test_others_work_is_seen_and_ones_own_is_not() -> None:
    """With two busy processes on each core next to nothing is free, but what this process itself has."""
    meter, end = CoreMeter(), time.monotonic() + 0.5
    while time.monotonic() < end:
        pass
    assert meter.free() > 0.2
    busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(2 * (os.cpu_count() or 1))]
    try:
        time.sleep(0.5)
        assert free_cores(1.0) < 0.5
    finally:
        for process in busy:
            process.kill()
            process.wait()


def test_elsewhere_the_load_average_stands_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_PROC", Path("/nonexistent"))
    monkeypatch.setattr(module, "cores", lambda: 8)
    monkeypatch.setattr("os.getloadavg", lambda: (5.0, 5.0, 5.0))
    assert free_cores(0.05) == pytest.approx(3, abs=1.1)
    monkeypatch.delattr("os.getloadavg")
    assert free_cores(0.05) == 8


def test_the_machine_is_not_named() -> None:
    found = machine()
    assert set(found) == {"cpu", "cores", "platform"}
    assert found["cpu"]
    assert os.uname().nodename not in str(found)
