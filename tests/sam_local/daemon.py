"""The Docker daemon: the running one, else a private one for the duration of the tests.

The private daemon is installed from Debian's packages if necessary. Its containers reach only this machine: it forwards
no packets and changes no firewall rule.
"""

import json
import os
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from tests.sam_local.commands import CommandFailed, run, run_server

_NETWORK_DEVICES = Path("/sys/class/net")
_PROCESSES = Path("/proc")
_BRIDGE = "docker0"
_COMMAND_S = 30
_END_S = 30


class DockerMissing(Exception):
    """Docker does not run and cannot be started; the message tells what to do."""


class Docker(NamedTuple):
    """A Docker daemon."""

    host: str
    is_private: bool

    def run(self, *arguments: str | Path, seconds: float = _COMMAND_S) -> str:
        """Run a docker command and return its output.

        Raises:
            CommandFailed: the command fails.
        """
        return run("docker", "--host", self.host, *arguments, seconds=seconds)

    def is_available(self) -> bool:
        """Whether the daemon responds."""
        try:
            self.run("version", "--format", "{{.Server.Version}}")
        except CommandFailed:
            return False
        return True

    def find_host_address(self) -> "HostAddress":
        """Return the address of this machine for servers here and for clients in containers."""
        if sys.platform == "darwin":
            # On macOS the daemon runs in a virtual machine, which has a name for the host's loopback interface.
            return HostAddress("127.0.0.1", "host.docker.internal")
        options = json.loads(self.run("network", "inspect", "bridge", "--format", "{{json .Options}}"))
        bridge = options["com.docker.network.bridge.name"]
        (device,) = json.loads(run("ip", "-json", "-4", "address", "show", "dev", bridge, seconds=_COMMAND_S))
        address = device["addr_info"][0]["local"]
        return HostAddress(address, address)


class HostAddress(NamedTuple):
    """The address on which a server listens, and its host name inside containers."""

    listen: str
    name: str


@contextmanager
def provide_docker(folder: Path) -> Iterator[Docker]:
    """Yield the running daemon, else start a private one that keeps its data in `folder` and stops afterwards.

    Raises:
        DockerMissing: no daemon runs and none can be started.
        CommandFailed: the start failed.
    """
    running = find_running_daemon()
    if running is not None:
        yield running
        return
    missing = find_missing_programs()
    if missing or os.geteuid() != 0:
        lacks = f" and {', '.join(missing)} are not installed" if missing else ""
        raise DockerMissing(
            f"Docker does not run here{lacks}. Start it, or run `make docker` as root on Debian, then this as root."
        )
    with _start_private_daemon(folder) as started:
        yield started


def remove_leftovers(folder: Path) -> None:
    """Wait for the private daemon of `folder` to end, then remove its network bridge.

    Raises:
        CommandFailed: the daemon does not end in time.
    """
    _wait_for_end(_get_process_file(folder))
    # A Docker daemon started in the meantime uses the bridge.
    if _get_bridge_marker(folder).exists() and _has_bridge() and find_running_daemon() is None:
        run("ip", "link", "delete", _BRIDGE, seconds=_COMMAND_S)


def find_running_daemon() -> Docker | None:
    """Return the daemon that runs on this machine, if any."""
    try:
        host = run("docker", "context", "inspect", "--format", "{{.Endpoints.docker.Host}}", seconds=_COMMAND_S)
    except CommandFailed:
        return None
    daemon = Docker(host.strip(), is_private=False)
    return daemon if daemon.is_available() else None


def find_missing_programs() -> list[str]:
    """Return the programs that a private daemon needs and that are not installed."""
    return [program for program in ("dockerd", "docker", "ip") if shutil.which(program) is None]


@contextmanager
def _start_private_daemon(folder: Path) -> Iterator[Docker]:
    daemon = Docker(f"unix://{folder}/docker.sock", is_private=True)
    if not _has_bridge():
        _get_bridge_marker(folder).touch()
    try:
        with run_server(*_build_command(daemon.host, folder), log=folder / "dockerd.log", is_ready=daemon.is_available):
            yield daemon
    finally:
        remove_leftovers(folder)


def _build_command(host: str, folder: Path) -> list[str]:
    command = ["dockerd", "--host", host, "--pidfile", str(_get_process_file(folder))]
    command += ["--data-root", f"{folder}/docker", "--exec-root", f"{folder}/docker-run"]
    # The system-wide settings file may conflict with these options.
    settings = folder / "docker.json"
    settings.write_text("{}", encoding="utf-8")
    command += ["--config-file", str(settings)]
    return [*command, "--iptables=false", "--ip6tables=false", "--ip-masq=false", "--ip-forward=false"]


def _get_process_file(folder: Path) -> Path:
    """Return the path of the process id file, which the daemon removes when it ends."""
    return folder / "docker.pid"


def _get_bridge_marker(folder: Path) -> Path:
    """Return the path of the marker file for a bridge that this daemon created."""
    return folder / "bridge-is-ours"


def _has_bridge() -> bool:
    return (_NETWORK_DEVICES / _BRIDGE).exists()


def _wait_for_end(process_file: Path) -> None:
    deadline = time.monotonic() + _END_S
    while _is_alive(process_file):
        if time.monotonic() > deadline:
            raise CommandFailed(f"the Docker daemon of {process_file} does not end")
        time.sleep(0.1)


def _is_alive(process_file: Path) -> bool:
    try:
        process = _PROCESSES / process_file.read_text(encoding="utf-8").strip()
        return (process / "comm").read_text(encoding="utf-8") == "dockerd\n"
    except (FileNotFoundError, ProcessLookupError):
        return False
