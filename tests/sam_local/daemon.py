"""A Docker daemon: the one that runs, or else one of our own for as long as the tier takes.

Our own is installed from Debian's packages when it has to be. Its containers reach this machine and nothing beyond:
no packet is forwarded, and no rule of the firewall is touched.
"""

import json
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from tests.sam_local import debian
from tests.sam_local.commands import CommandFailed, run, run_server

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
    is_private: bool

    def run(self, *arguments: str | Path, seconds: float = _COMMAND_S) -> str:
        """Run a docker command and return its output; raises CommandFailed."""
        return run("docker", "--host", self.host, *arguments, seconds=seconds)

    def is_available(self) -> bool:
        """Whether the daemon can be talked to."""
        try:
            self.run("version", "--format", "{{.Server.Version}}")
        except CommandFailed:
            return False
        return True

    def find_host_address(self) -> "HostAddress":
        """Return the one address through which containers and this machine meet."""
        if sys.platform == "darwin":
            # There the daemon lives in a virtual machine that has a name for the loopback interface outside.
            return HostAddress("127.0.0.1", "host.docker.internal")
        options = json.loads(self.run("network", "inspect", "bridge", "--format", "{{json .Options}}"))
        bridge = options["com.docker.network.bridge.name"]
        (device,) = json.loads(run("ip", "-json", "-4", "address", "show", "dev", bridge, seconds=_COMMAND_S))
        address = device["addr_info"][0]["local"]
        return HostAddress(address, address)


class HostAddress(NamedTuple):
    """Where a server has to listen, and the name by which containers call it."""

    listen: str
    name: str


@contextmanager
def provide_docker(folder: Path) -> Iterator[Docker]:
    """Give a daemon; one that was started here keeps all that it holds in `folder`, and is gone afterwards.

    Raises:
        DockerMissing: none runs and none can be started.
        CommandFailed: the installation or the start failed.
    """
    running = _find_running_daemon()
    if running is not None:
        yield running
        return
    if not debian.can_install():
        raise DockerMissing("Docker does not run here. Start it, or run this as root on Debian, where it is installed.")
    _install_missing_packages()
    with _start_private_daemon(folder) as own:
        yield own


def remove_leftovers(folder: Path) -> None:
    """Remove what a daemon that was started in `folder` left on this machine, when it has ended.

    Raises:
        CommandFailed: it does not end.
    """
    _wait_for_end(_process_file(folder))
    # Who started a Docker in the meantime uses the bridge as it stands.
    if _bridge_mark(folder).exists() and _has_bridge() and _find_running_daemon() is None:
        run("ip", "link", "delete", _BRIDGE, seconds=_COMMAND_S)


def _find_running_daemon() -> Docker | None:
    try:
        host = run("docker", "context", "inspect", "--format", "{{.Endpoints.docker.Host}}", seconds=_COMMAND_S)
    except CommandFailed:
        return None
    daemon = Docker(host.strip(), is_private=False)
    return daemon if daemon.is_available() else None


def _install_missing_packages() -> None:
    if not all(shutil.which(command) for command in ("dockerd", "ip")):
        debian.install("docker.io", "iproute2")
    if shutil.which("docker") is None:
        # A package of its own from Debian 13 on.
        debian.install("docker-cli")


@contextmanager
def _start_private_daemon(folder: Path) -> Iterator[Docker]:
    daemon = Docker(f"unix://{folder}/docker.sock", is_private=True)
    if not _has_bridge():
        _bridge_mark(folder).touch()
    try:
        with run_server(*_command(daemon.host, folder), log=folder / "dockerd.log", is_ready=daemon.is_available):
            yield daemon
    finally:
        remove_leftovers(folder)


def _command(host: str, folder: Path) -> list[str]:
    command = ["dockerd", "--host", host, "--pidfile", str(_process_file(folder))]
    command += ["--data-root", f"{folder}/docker", "--exec-root", f"{folder}/docker-run"]
    # The machine's own settings are meant for a daemon that stays, and clash with these.
    settings = folder / "docker.json"
    settings.write_text("{}", encoding="utf-8")
    command += ["--config-file", str(settings)]
    return [*command, "--iptables=false", "--ip6tables=false", "--ip-masq=false", "--ip-forward=false"]


def _process_file(folder: Path) -> Path:
    """The daemon removes it when it ends."""
    return folder / "docker.pid"


def _bridge_mark(folder: Path) -> Path:
    """Says that the bridge was not there before."""
    return folder / "bridge-is-ours"


def _has_bridge() -> bool:
    return (_NETWORK_DEVICES / _BRIDGE).exists()


def _wait_for_end(process_file: Path) -> None:
    limit = time.monotonic() + _END_S
    while _is_alive(process_file):
        if time.monotonic() > limit:
            raise CommandFailed(f"the Docker daemon of {process_file} does not end")
        time.sleep(0.1)


def _is_alive(process_file: Path) -> bool:
    try:
        process = _PROCESSES / process_file.read_text(encoding="utf-8").strip()
        return (process / "comm").read_text(encoding="utf-8") == "dockerd\n"
    except (FileNotFoundError, ProcessLookupError):
        return False
