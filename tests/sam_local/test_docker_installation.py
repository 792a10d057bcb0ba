"""Installation of Docker and debootstrap on a machine without them."""

import os
from pathlib import Path

import pytest

from tests.sam_local import substitute_image
from tests.sam_local.commands import CommandFailed
from tests.sam_local.daemon import DockerMissing, provide_docker
from tests.sam_local.fake_machine import FakeMachine
from tests.sam_local.prepare import install_docker

ARCHIVE = "http://archive.example/debian"
FAILS = "exit 1"


@pytest.fixture
def debian(machine: FakeMachine, monkeypatch: pytest.MonkeyPatch) -> FakeMachine:
    """Return a Debian machine, with this process as root."""
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    machine.add_apt(ARCHIVE)
    return machine


def list_installed(machine: FakeMachine) -> list[str]:
    command = "-qq install --yes --no-install-recommends "
    return [call.removeprefix(command) for call in machine.calls("apt-get") if call.startswith(command)]


def try_to_start_docker(folder: Path) -> None:
    install_docker()
    with pytest.raises(CommandFailed, match="dockerd does not start"), provide_docker(folder):
        pass


@pytest.mark.parametrize(
    ("package_of_the_client", "packages"),
    [("docker.io", ["docker.io iproute2"]), ("docker-cli", ["docker.io iproute2", "docker-cli"])],
    ids=["Debian 12", "Debian 13"],
)
def test_docker_is_installed_where_it_is_missing(
    debian: FakeMachine, tmp_path: Path, package_of_the_client: str, packages: list[str]
) -> None:
    debian.add("dockerd", FAILS, package="docker.io")
    debian.add("docker", FAILS, package=package_of_the_client)
    debian.add("ip", package="iproute2")

    try_to_start_docker(tmp_path)

    assert debian.calls("apt-get")[0] == "-qq update"
    assert list_installed(debian) == packages
    assert len(debian.calls("dockerd")) == 1


def test_present_commands_are_not_installed(debian: FakeMachine, tmp_path: Path) -> None:
    for command in ("dockerd", "docker", "ip"):
        debian.add(command, FAILS)

    try_to_start_docker(tmp_path)

    assert debian.calls("apt-get") == []


def test_the_private_daemon_changes_neither_firewall_nor_forwarding(debian: FakeMachine, tmp_path: Path) -> None:
    for command in ("dockerd", "docker", "ip"):
        debian.add(command, FAILS)

    try_to_start_docker(tmp_path)

    (call,) = debian.calls("dockerd")
    assert {"--iptables=false", "--ip6tables=false", "--ip-masq=false", "--ip-forward=false"} <= set(call.split())


def test_a_running_daemon_is_used(debian: FakeMachine, tmp_path: Path) -> None:
    debian.add("docker", "echo unix:///run/docker.sock")

    with provide_docker(tmp_path) as daemon:
        assert (daemon.host, daemon.is_private) == ("unix:///run/docker.sock", False)

    assert debian.calls("apt-get") == []


def test_other_systems_without_docker_get_an_error_with_advice(machine: FakeMachine, tmp_path: Path) -> None:
    with pytest.raises(DockerMissing, match="Start it"):
        install_docker()
    with pytest.raises(DockerMissing, match="make docker"), provide_docker(tmp_path):
        pass


def test_tests_do_not_install_docker(debian: FakeMachine, tmp_path: Path) -> None:
    with pytest.raises(DockerMissing, match="dockerd, docker, ip are not installed"), provide_docker(tmp_path):
        pass

    assert debian.calls("apt-get") == []


def test_tests_do_not_build_the_substitute_image(
    debian: FakeMachine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(substitute_image, "CACHE", tmp_path / "cache")

    with pytest.raises(CommandFailed, match="make docker"):
        substitute_image.get_file_system("x86_64")

    assert debian.calls("apt-get") == []


def test_debootstrap_is_installed_for_the_substitute_image_and_uses_apts_archive(
    debian: FakeMachine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(substitute_image, "CACHE", tmp_path / "cache")
    debian.add("debootstrap", FAILS, package="debootstrap")

    with pytest.raises(CommandFailed, match="debootstrap"):
        substitute_image.build_file_system("x86_64", tmp_path)

    assert list_installed(debian) == ["debootstrap debian-archive-keyring"]
    assert debian.calls("debootstrap")[0].endswith(f"trixie {tmp_path}/image {ARCHIVE}")
