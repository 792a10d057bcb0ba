"""A Docker daemon: the one that runs, or else one of our own for as long as the tier takes.

Its programs have to be installed: `make docker` does that. Its containers reach this machine and nothing beyond:
no packet is forwarded, and no rule of the firewall is touched.
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

from tests.sam_local.commands import CommandFailed, run, server

_NETWORK_DEVICES = Path("/sys/class/net")
_PROCESSES = Path("/proc")
_BRIDGE = "docker0"
_COMMAND_S = 30
_END_S = 30


class DockerMissing(Exception):
    """There is no Docker and none can be started; the message says what helps."""


class Docker(NamedTuple):
    """A daemon by its address."""

    host: str
    is_ours: bool

    def run(self, *arguments: str | Path, seconds: float = _COMMAND_S) -> str:
        """Run a docker command and return its output; raises CommandFailed."""
        return run("docker", "--host", self.host, *arguments, seconds=seconds)

    def answers(self) -> bool:
        """Whether the daemon can be talked to."""
        try:
            self.run("version", "--format", "{{.Server.Version}}")
        except CommandFailed:
            return False
        return True

    def reach(self) -> "Reach":
        """Return the one address through which containers and this machine meet."""
        if sys.platform == "darwin":
            # There the daemon lives in a virtual machine that has a name for the loopback interface outside.
            return Reach("127.0.0.1", "host.docker.internal")
        options = json.loads(self.run("network", "inspect", "bridge", "--format", "{{json .Options}}"))
        bridge = options["com.docker.network.bridge.name"]
        (device,) = json.loads(run("ip", "-json", "-4", "address", "show", "dev", bridge, seconds=_COMMAND_S))
        address = device["addr_info"][0]["local"]
        return Reach(address, address)


class Reach(NamedTuple):
    """Where a server has to listen, and the name by which containers call it."""

    listen: str
    name: str


@contextmanager
def docker(scratch: Path) -> Iterator[Docker]:
    """Give a daemon; one that was started here keeps all that it holds in `scratch`, and is gone afterwards.

    Raises:
        DockerMissing: none runs and none can be started.
        CommandFailed: the start failed.
    """
    running = running_docker()
    if running is not None:
        yield running
        return
    missing = missing_programs()
    if missing or os.geteuid() != 0:
        raise DockerMissing(
            f"Docker does not run here{' and lacks ' + ', '.join(missing) if missing else ''}. "
            "Start it, or run `make docker` as root on Debian and then this as root."
        )
    with _own(scratch) as own:
        yield own


def remove_remains(scratch: Path) -> None:
    """Remove what a daemon that was started in `scratch` left on this machine, when it has ended.

    Raises:
        CommandFailed: it does not end.
    """
    _await_end(_process_file(scratch))
    # Who started a Docker in the meantime uses the bridge as it stands.
    if _bridge_mark(scratch).exists() and _has_bridge() and running_docker() is None:
        run("ip", "link", "delete", _BRIDGE, seconds=_COMMAND_S)


def missing_programs() -> list[str]:
    """Return the programs that a daemon of our own needs and that are not installed."""
    return [program for program in ("dockerd", "docker", "ip") if shutil.which(program) is None]


def running_docker() -> Docker | None:
    """Return the daemon that runs on this machine, if any."""
    try:
        host = run("docker", "context", "inspect", "--format", "{{.Endpoints.docker.Host}}", seconds=_COMMAND_S)
    except CommandFailed:
        return None
    daemon = Docker(host.strip(), is_ours=False)
    return daemon if daemon.answers() else None


@contextmanager
def _own(scratch: Path) -> Iterator[Docker]:
    daemon = Docker(f"unix://{scratch}/docker.sock", is_ours=True)
    if not _has_bridge():
        _bridge_mark(scratch).touch()
    try:
        with server(*_command(daemon.host, scratch), log=scratch / "dockerd.log", is_ready=daemon.answers):
            yield daemon
    finally:
        remove_remains(scratch)


def _command(host: str, scratch: Path) -> list[str]:
    command = ["dockerd", "--host", host, "--pidfile", str(_process_file(scratch))]
    command += ["--data-root", f"{scratch}/docker", "--exec-root", f"{scratch}/docker-run"]
    # The machine's own settings are meant for a daemon that stays, and clash with these.
    settings = scratch / "docker.json"
    settings.write_text("{}", encoding="utf-8")
    command += ["--config-file", str(settings)]
    return [*command, "--iptables=false", "--ip6tables=false", "--ip-masq=false", "--ip-forward=false"]


def _process_file(scratch: Path) -> Path:
    """The daemon removes it when it ends."""
    return scratch / "docker.pid"


def _bridge_mark(scratch: Path) -> Path:
    """Says that the bridge was not there before."""
    return scratch / "bridge-is-ours"


def _has_bridge() -> bool:
    return (_NETWORK_DEVICES / _BRIDGE).exists()


def _await_end(process_file: Path) -> None:
    limit = time.monotonic() + _END_S
    while _lives(process_file):
        if time.monotonic() > limit:
            raise CommandFailed(f"the Docker daemon of {process_file} does not end")
        time.sleep(0.1)


def _lives(process_file: Path) -> bool:
    try:
        process = _PROCESSES / process_file.read_text(encoding="utf-8").strip()
        return (process / "comm").read_text(encoding="utf-8") == "dockerd\n"
    except (FileNotFoundError, ProcessLookupError):
        return False
