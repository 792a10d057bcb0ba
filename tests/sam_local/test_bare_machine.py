"""What is installed where something is missing."""

import os
from pathlib import Path

import pytest

from tests.sam_local import stand_in_image
from tests.sam_local.commands import CommandFailed
from tests.sam_local.daemon import DockerMissing, docker
from tests.sam_local.machine import Machine
from tests.sam_local.prepare import install_docker

ARCHIVE = "http://archive.example/debian"
FAILS = "exit 1"


@pytest.fixture
def debian(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> Machine:
    """Debian, as root."""
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    machine.add_apt(ARCHIVE)
    return machine


def installed(machine: Machine) -> list[str]:
    command = "-qq install --yes --no-install-recommends "
    return [call.removeprefix(command) for call in machine.calls("apt-get") if call.startswith(command)]


def try_to_start_docker(folder: Path) -> None:
    install_docker()
    with pytest.raises(CommandFailed, match="dockerd does not start"), docker(folder):
        pass


@pytest.mark.parametrize(
    ("package_of_the_client", "packages"),
    [("docker.io", ["docker.io iproute2"]), ("docker-cli", ["docker.io iproute2", "docker-cli"])],
    ids=["Debian 12", "Debian 13"],
)
def test_docker_is_installed_where_there_is_none(
    debian: Machine, tmp_path: Path, package_of_the_client: str, packages: list[str]
) -> None:
    debian.add("dockerd", FAILS, package="docker.io")
    debian.add("docker", FAILS, package=package_of_the_client)
    debian.add("ip", package="iproute2")

    try_to_start_docker(tmp_path)

    assert debian.calls("apt-get")[0] == "-qq update"
    assert installed(debian) == packages
    assert len(debian.calls("dockerd")) == 1


def test_what_is_there_is_not_installed(debian: Machine, tmp_path: Path) -> None:
    for command in ("dockerd", "docker", "ip"):
        debian.add(command, FAILS)

    try_to_start_docker(tmp_path)

    assert debian.calls("apt-get") == []


def test_our_daemon_touches_neither_firewall_nor_forwarding(debian: Machine, tmp_path: Path) -> None:
    for command in ("dockerd", "docker", "ip"):
        debian.add(command, FAILS)

    try_to_start_docker(tmp_path)

    (call,) = debian.calls("dockerd")
    assert {"--iptables=false", "--ip6tables=false", "--ip-masq=false", "--ip-forward=false"} <= set(call.split())


def test_a_daemon_that_runs_is_used(debian: Machine, tmp_path: Path) -> None:
    debian.add("docker", "echo unix:///run/docker.sock")

    with docker(tmp_path) as daemon:
        assert (daemon.host, daemon.is_ours) == ("unix:///run/docker.sock", False)

    assert debian.calls("apt-get") == []


def test_without_docker_another_system_is_told_what_helps(machine: Machine, tmp_path: Path) -> None:
    with pytest.raises(DockerMissing, match="Start it"):
        install_docker()
    with pytest.raises(DockerMissing, match="make docker"), docker(tmp_path):
        pass


def test_without_its_programs_docker_is_not_installed_by_a_test(debian: Machine, tmp_path: Path) -> None:
    with pytest.raises(DockerMissing, match="lacks dockerd, docker, ip"), docker(tmp_path):
        pass

    assert debian.calls("apt-get") == []


def test_without_its_file_system_the_stand_in_image_is_not_built_by_a_test(
    debian: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stand_in_image, "CACHE", tmp_path / "cache")

    with pytest.raises(CommandFailed, match="make docker"):
        stand_in_image.file_system("x86_64")

    assert debian.calls("apt-get") == []


def test_debootstrap_is_installed_for_the_stand_in_image_and_takes_apts_archive(
    debian: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stand_in_image, "CACHE", tmp_path / "cache")
    debian.add("debootstrap", FAILS, package="debootstrap")

    with pytest.raises(CommandFailed, match="debootstrap"):
        stand_in_image.prepare("x86_64", tmp_path)

    assert installed(debian) == ["debootstrap debian-archive-keyring"]
    assert debian.calls("debootstrap")[0].endswith(f"trixie {tmp_path}/image {ARCHIVE}")
