"""Network access and time limits of the tiers, hypothesis profiles, and one TLS context for every client."""

import functools
import os
import ssl
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import settings
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from qwen_gateway import catalog
from qwen_gateway.routing import Routes

TESTS = Path(__file__).parent
SLOW_TIERS = ("stack", "sam_local", "smoke")
LOOPBACK = ["127.0.0.1", "::1", "localhost"]
A_YEAR = timedelta(days=365)
SLOW_TIERS_S = 300
THOROUGH_S = 900

settings.register_profile("quick", max_examples=25, derandomize=True, database=None, deadline=None)
settings.register_profile("thorough", parent=settings.get_profile("quick"), max_examples=1_000)
settings.load_profile("quick")


class TierScheduling(LoadScopeScheduling):
    """Send the stack tier to one worker, because its tests share one stack, and every other file to one worker.

    A file's tests share servers and a built layer; those of the ledger share nothing, and some of them take minutes.
    xdist's own groups (`--dist loadgroup`) do not work with pytest 9.2.
    """

    def _split_scope(self, nodeid: str) -> str:
        if nodeid.startswith("tests/stack/"):
            return "tests/stack"
        return nodeid if nodeid.startswith("tests/integration/ledger/") else nodeid.partition("::")[0]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Start one worker more than there are processors, because many tests wait for others."""
    return (os.process_cpu_count() or 1) + 1


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> TierScheduling:
    """Distribute tests by `TierScheduling`, whatever `--dist` says."""
    return TierScheduling(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Allow unit tests no socket and all others loopback only, and set the time limits."""
    is_thorough = settings.get_current_profile_name() == "thorough"
    for item in items:
        tier = _find_tier(item.path)
        if tier != "unit":
            item.add_marker(pytest.mark.allow_hosts(LOOPBACK))
        elif item.get_closest_marker("enable_socket") is None:
            item.add_marker(pytest.mark.disable_socket)
        if tier in SLOW_TIERS:
            item.add_marker(pytest.mark.timeout(SLOW_TIERS_S))
        elif is_thorough and getattr(getattr(item, "obj", None), "is_hypothesis_test", False):
            item.add_marker(pytest.mark.timeout(THOROUGH_S))


@functools.cache
def _find_tier(path: Path) -> str:
    return path.relative_to(TESTS).parts[0]


@pytest.fixture(scope="session", autouse=True)
def _one_tls_context() -> Iterator[None]:
    """Share one default TLS context, because reading the certificate authorities takes 17 ms or more.

    `SSL_CERT_FILE` and `SSL_CERT_DIR` decide which authorities a context reads, so their values are part of the key.
    """
    create = ssl.create_default_context
    shared = functools.cache(lambda *_: create())

    def create_default_context(*arguments: object, **named: object) -> ssl.SSLContext:
        if arguments or named:
            return create(*arguments, **named)  # type: ignore[arg-type]
        return shared(*(os.environ.get(name) for name in ("SSL_CERT_FILE", "SSL_CERT_DIR")))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ssl, "create_default_context", create_default_context)
        yield


@pytest.fixture(scope="session", autouse=True)
def clock_after_catalog() -> Iterator[Callable[[], float]]:
    """Return the clock of all routes that are made without one: a year after the last retirement of the catalog."""
    models = [model for name in catalog.sections() for model in catalog.section(name).values()]
    clock = (max(model.retirement.date for model in models if model.retirement) + A_YEAR).timestamp
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Routes.__init__, "__defaults__", (clock,))
        yield clock
