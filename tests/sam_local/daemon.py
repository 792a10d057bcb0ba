"""A Docker daemon: the one that runs, or else one of our own for as long as the tier takes.

Our own is installed from Debian's packages when it has to be. Its containers reach this machine and nothing beyond:
no packet is forwarded, and no rule of the firewall is touched.
"""

import json
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from tests.sam_local import debian
from tests.sam_local.commands import CommandFailed, last_lines, run, stop

_NETWORK_DEVICES = Path("/sys/class/net")
_BRIDGE = "docker0"
_COMMAND_S = 30
_READY_S = 30


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
def docker() -> Iterator[Docker]:
    """Give a daemon; one that was started here is gone afterwards, with all that it held.

    Raises:
        DockerMissing: none runs and none can be started.
        CommandFailed: the installation or the start failed.
    """
    running = _running()
    if running is not None:
        yield running
        return
    if not debian.can_install():
        raise DockerMissing("Docker does not run here. Start it, or run this as root on Debian, where it is installed.")
    if not all(shutil.which(command) for command in ("docker", "dockerd", "ip")):
        debian.install("docker.io", "iproute2")
    with _own() as own:
        yield own


def _running() -> Docker | None:
    try:
        host = run("docker", "context", "inspect", "--format", "{{.Endpoints.docker.Host}}", seconds=_COMMAND_S)
    except CommandFailed:
        return None
    daemon = Docker(host.strip(), is_ours=False)
    return daemon if daemon.answers() else None


@contextmanager
def _own() -> Iterator[Docker]:
    scratch = Path(tempfile.mkdtemp(prefix="qwen-gateway-docker-"))
    had_bridge = _has_bridge()
    daemon = Docker(f"unix://{scratch}/docker.sock", is_ours=True)
    log = scratch / "dockerd.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            _command(daemon.host, scratch),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        _await(daemon, process, log)
        yield daemon
    finally:
        stop(process, signal.SIGTERM)
        if _has_bridge() and not had_bridge:
            run("ip", "link", "delete", _BRIDGE, seconds=_COMMAND_S)
        shutil.rmtree(scratch)


def _command(host: str, scratch: Path) -> list[str]:
    # The daemon must not outlive us, however we end.
    command = ["setpriv", "--pdeathsig", "TERM", "dockerd", "--host", host]
    command += ["--data-root", f"{scratch}/data", "--exec-root", f"{scratch}/exec", "--pidfile", f"{scratch}/pid"]
    # The machine's own settings are meant for a daemon that stays, and clash with these.
    command += ["--config-file", str(_no_settings(scratch))]
    return [*command, "--iptables=false", "--ip6tables=false", "--ip-masq=false", "--ip-forward=false"]


def _no_settings(scratch: Path) -> Path:
    settings = scratch / "daemon.json"
    settings.write_text("{}", encoding="utf-8")
    return settings


def _await(daemon: Docker, process: subprocess.Popen[bytes], log: Path) -> None:
    limit = time.monotonic() + _READY_S
    while not daemon.answers():
        if process.poll() is not None or time.monotonic() > limit:
            raise CommandFailed(f"dockerd does not start:\n{last_lines(log.read_text(errors='replace'))}")
        time.sleep(0.1)


def _has_bridge() -> bool:
    return (_NETWORK_DEVICES / _BRIDGE).exists()
