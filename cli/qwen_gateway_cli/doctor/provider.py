"""All checks of one provider, in the order in which one makes the next worth asking."""

from collections.abc import Iterator

from qwen_gateway import catalog
from qwen_gateway.config import NO_KEY, Configuration
from qwen_gateway.routing import Routes, Target
from qwen_gateway_cli.doctor import asking, clock, listing, regions
from qwen_gateway_cli.doctor.asking import NoReply, Reply
from qwen_gateway_cli.doctor.chat import tiny_chat
from qwen_gateway_cli.doctor.finding import Finding, State
from qwen_gateway_cli.doctor.keys import Keys
from qwen_gateway_cli.provider_key import wrong_with

_REGION_S = 5


class ProviderExamination:
    """Examines a provider. One that no route needs may be without a key, unless it was asked for by name."""

    def __init__(self, configuration: Configuration, keys: Keys, name: str, *, by_name: bool) -> None:
        self.subject = name
        self.skew: float | None = None
        self._configuration = configuration
        self._keys = keys
        self._provider = configuration.providers[name]
        self._routed = _routed(configuration, name)
        self._known = _known(configuration, name)
        self._is_needed = by_name or bool(self._known)

    def findings(self) -> Iterator[Finding]:
        """Ask step by step, and end where a failure makes the next question pointless."""
        if self._provider.needs_workspace:
            yield self._missing("no workspace", f"Set providers.{self.subject}.workspace in gateway.toml.")
        elif not self._provider.needs_key:
            yield from self._without_key()
        elif (key := self._keys.of(self.subject)) is None:
            yield self._missing(f"no key in {self._keys.place}", f"Store one: {self._keys.set(self.subject)}")
        elif wrong := wrong_with(key):
            yield self._finding("key", State.FAILED, wrong, f"Set it again: {self._keys.set(self.subject)}")
        else:
            yield self._finding("key", State.OK, f"in {self._keys.place}")
            yield from self._asked(key)

    def _without_key(self) -> Iterator[Finding]:
        if self._is_needed:
            yield self._finding("key", State.OK, "none needed (needs_key = false)")
            yield from self._asked(NO_KEY)
        else:
            yield self._missing("needs no key", "")

    def _missing(self, what: str, advice: str) -> Finding:
        if self._is_needed:
            return self._finding("key", State.FAILED, f"{what}, and a route needs this provider", advice)
        return self._finding("key", State.NOT_CONFIGURED, f"{what}, and no route needs this provider")

    def _asked(self, key: str) -> Iterator[Finding]:
        try:
            reply = asking.models(self._provider.url, key)
        except NoReply as silence:
            advice = "Check base_url in gateway.toml, and that this machine may connect there without a proxy."
            yield self._finding("accepted", State.FAILED, f"{self._provider.url}: {silence}", advice)
            return
        self.skew = clock.skew(reply.date, reply.asked, reply.answered)
        accepted = listing.judge_acceptance(self.subject, reply, self._set_key)
        yield accepted
        if listing.refuses_key(reply):
            yield from self._region(key)
        elif accepted.state is not State.FAILED:
            yield from self._models_and_chat(reply, key)

    @property
    def _set_key(self) -> str:
        """What stores a key that is used."""
        command = self._keys.set(self.subject)
        return command if self._provider.needs_key else f"needs_key = true in gateway.toml, and {command}"

    def _region(self, key: str) -> Iterator[Finding]:
        if others := regions.others(self.subject, self._configuration.providers):
            yield regions.find_home(self.subject, others, lambda url: _takes(url, key), self._keys.set)

    def _models_and_chat(self, reply: Reply, key: str) -> Iterator[Finding]:
        names = listing.listed(reply)
        if names is not None:
            yield listing.judge_models(self.subject, names, self._routed, self._known)
        if model := self._cheapest(names or frozenset()):
            yield tiny_chat(self._configuration, Target(self.subject, model), key)

    def _cheapest(self, names: frozenset[str]) -> str | None:
        """The model to ask: the cheapest of the catalog, or else a route's, or else any that is listed."""
        if self._provider.catalog:
            return catalog.cheapest(self._provider.catalog)
        return next(iter(self._known), min(names, default=None))

    def _finding(self, check: str, state: State, found: str, advice: str = "") -> Finding:
        return Finding(self.subject, check, state, found, advice)


def _routed(configuration: Configuration, name: str) -> set[str]:
    """The provider's models that routes of the configuration name."""
    default = configuration.default_provider
    targets = [target for chain in configuration.routes.values() for target in chain]
    return {target.model for target in targets if (target.provider or default) == name}


def _known(configuration: Configuration, name: str) -> list[str]:
    """The provider's models that any route leads to, those of the configuration first."""
    chains = Routes(configuration).all().values()
    return list(dict.fromkeys(target.model for chain in chains for target in chain if target.provider == name))


def _takes(url: str, key: str) -> bool:
    try:
        return listing.listed(asking.models(url, key, _REGION_S)) is not None
    except NoReply:
        return False
