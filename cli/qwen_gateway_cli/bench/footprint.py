"""What a process takes of the machine (Linux)."""

import os
from pathlib import Path

_TICK_MS = 1000 / os.sysconf("SC_CLK_TCK")
_USER, _SYSTEM = 11, 12
"""Positions in /proc/PID/stat behind the command's name."""


def memory_mb(pid: int) -> float:
    """Return what a process holds in memory now (resident set), in MB of 2^20 bytes."""
    return _status_mb(pid, "VmRSS")


def peak_mb(pid: int) -> float:
    """Return the most that a process has held in memory until now, in MB of 2^20 bytes."""
    return _status_mb(pid, "VmHWM")


def processor_ms(pid: int) -> float:
    """Return the processor time of a process and its threads since its start; the clock ticks every 10 ms."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[_USER]) + int(fields[_SYSTEM])) * _TICK_MS


def _status_mb(pid: int, name: str) -> float:
    status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    kibibytes = next(line for line in status.splitlines() if line.startswith(name)).split()[1]
    return int(kibibytes) / 1024
