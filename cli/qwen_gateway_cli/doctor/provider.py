"""The checks of one provider: its key, its list of models, and a call of a few tokens to each of its endpoints."""

import time
from collections.abc import Iterator, Mapping
from contextlib import closing
from typing import Any

from qwen_gateway import catalog
from qwen_gateway.config import NO_KEY, Configuration, Retries
from qwen_gateway.errors import (
    GatewayError,
    ProviderModelMissing,
    ProviderOutOfCredit,
    ProviderThrottled,
    ProviderTimeout,
    ProviderUnreachable,
)
from qwen_gateway.pricing import Prices
from qwen_gateway.pricing.price_list import price_list
from qwen_gateway.provider_keys.environment import EnvironmentKeys
from qwen_gateway.routing import Routes, Target
from qwen_gateway.upstream import Deadline, RoutedRequest, Transport, Upstream
from qwen_gateway.upstream.operations import Operation
from qwen_gateway.upstream.operations.chat import CHAT
from qwen_gateway.upstream.operations.embeddings import EMBEDDINGS
from qwen_gateway.upstream.operations.messages import MESSAGES
from qwen_gateway.upstream.operations.responses import RESPONSES
from qwen_gateway_cli.doctor import http, models_check, plans
from qwen_gateway_cli.doctor.finding import Finding, State
from qwen_gateway_cli.doctor.http import NoReply, Reply
from qwen_gateway_cli.doctor.provider_keys import ProviderKeys
from qwen_gateway_cli.doctor.runner import measure_clock_skew
from qwen_gateway_cli.secrets import find_key_problem

CHAT_TIMEOUT_S = 30
_REGION_TIMEOUT_S = 5
_CHAT_REQUEST = {"messages": [{"role": "user", "content": "Say hello."}], "max_tokens": 16}
_RESPONSES_REQUEST = {"input": "Say hello.", "max_output_tokens": 16, "store": False}
_EMBEDDINGS_REQUEST = {"input": "Hello."}
_CHAT_ADVICE: dict[type[GatewayError], str] = {
    ProviderOutOfCredit: "Pay there, and wait a few minutes.",
    ProviderModelMissing: "Correct [routes] in gateway.toml, or enable the model in the provider's console.",
    ProviderThrottled: "Other clients use the account now, or its limits are low: see the provider's console.",
    ProviderTimeout: "Run the check again; a local server may still be loading the model.",
    ProviderUnreachable: "Check base_url in gateway.toml, and that this machine can connect to it.",
}


class ProviderExamination:
    """The checks of one provider.

    A missing key is a failure only when a route needs the provider, or when the operator selected it by name.
    """

    def __init__(self, configuration: Configuration, keys: ProviderKeys, name: str, *, is_selected: bool) -> None:
        self.subject = name
        self.clock_skew_s: float | None = None
        self._configuration = configuration
        self._keys = keys
        self._provider = configuration.providers[name]
        self._routed_models = _list_routed_models(configuration, name)
        self._known_models = _list_known_models(configuration, name)
        self._is_needed = is_selected or bool(self._known_models)

    def run(self) -> Iterator[Finding]:
        """Run the checks in order, and stop where a failure makes the next one useless."""
        yield from self._check_key()
        if finding := _check_retirements(self._configuration, self.subject):
            yield finding
        is_billed = self._provider.needs_key and self.subject in self._keys.values
        if is_billed and (finding := models_check.judge_prices(self.subject, self._list_unpriced_models())):
            yield finding

    def _check_key(self) -> Iterator[Finding]:
        if self._provider.needs_workspace:
            yield self._report_missing("no workspace", f"Set providers.{self.subject}.workspace in gateway.toml.")
        elif not self._provider.needs_key:
            yield from self._check_without_key()
        elif (key := self._keys.values.get(self.subject)) is None:
            yield self._report_missing(
                f"no key in {self._keys.source}", f"Store one: {self._keys.set_command(self.subject)}"
            )
        elif problem := find_key_problem(key):
            yield self._report_key(State.FAILED, problem, f"Set it again: {self._keys.set_command(self.subject)}")
        else:
            yield self._report_key(State.OK, f"in {self._keys.source}")
            yield from self._check_with_key(key)

    def _check_without_key(self) -> Iterator[Finding]:
        if self._is_needed:
            yield self._report_key(State.OK, "none needed (needs_key = false)")
            yield from self._check_with_key(NO_KEY)
        else:
            yield self._report_missing("needs no key", "")

    def _check_with_key(self, key: str) -> Iterator[Finding]:
        try:
            reply = http.get_models(self._provider.url, key)
        except NoReply as error:
            advice = "Check base_url in gateway.toml, and that this machine can connect to it without a proxy."
            yield Finding(self.subject, "accepted", State.FAILED, f"{self._provider.url}: {error}", advice)
            return
        self.clock_skew_s = measure_clock_skew(reply.date, reply.sent, reply.received)
        finding = models_check.judge_key(self.subject, reply, self._set_command)
        yield finding
        if models_check.is_key_refused(reply):
            yield from self._check_regions(key)
        elif finding.state is not State.FAILED:
            yield from self._check_models_and_chat(reply, key)

    def _check_regions(self, key: str) -> Iterator[Finding]:
        regions = models_check.find_other_regions(self.subject, self._configuration.providers)
        if regions is None:
            return
        region = models_check.find_key_region(regions, lambda url: _is_key_accepted(url, key))
        candidates = [] if region else plans.list_plans(self.subject, self._provider)
        if plan := plans.find_key_plan(candidates, lambda url: _is_key_accepted(url, key)):
            yield plans.report_plan(self.subject, plan, self._set_command)
        else:
            scope = _find_scope(self._configuration, self.subject, region) if region else ""
            yield models_check.judge_region(self.subject, regions, region, scope, self._keys.set_command)

    def _check_models_and_chat(self, reply: Reply, key: str) -> Iterator[Finding]:
        names = models_check.parse_models(reply)
        if names is not None:
            yield models_check.judge_models(self.subject, names, self._routed_models, self._known_models)
        if model := self._choose_chat_model(names or frozenset()):
            chat = self._check_call("chat", CHAT, model, _CHAT_REQUEST, key)
            yield chat
            if chat.state is State.OK:
                yield from self._check_other_endpoints(model, key)

    def _list_unpriced_models(self) -> list[str]:
        prices, now = Prices(self._configuration), time.time()
        return [model for model in self._known_models if not prices.current(Target(self.subject, model), now)]

    def _choose_chat_model(self, names: frozenset[str]) -> str | None:
        """Return the catalog's model for test calls, or else a model of a route, or else a listed model."""
        if self._provider.catalog:
            return catalog.test_model(self._provider.catalog)
        return next(iter(self._known_models), min(names, default=None))

    def _check_other_endpoints(self, model: str, key: str) -> Iterator[Finding]:
        """Check what the provider serves beside chat. A failure is a warning: not every account may use it."""
        if self._provider.serves("messages"):
            yield _as_warning(self._check_call("messages", MESSAGES, model, _CHAT_REQUEST, key))
        if self._provider.serves("responses"):
            yield _as_warning(self._check_call("responses", RESPONSES, model, _RESPONSES_REQUEST, key))
        if self._provider.serves("embeddings") and (embedding := self._choose_embedding_model()):
            yield _as_warning(self._check_call("embeddings", EMBEDDINGS, embedding, _EMBEDDINGS_REQUEST, key))

    def _choose_embedding_model(self) -> str | None:
        """Return the first model of the catalog that gives embeddings."""
        models = catalog.section(self._provider.catalog).values() if self._provider.catalog else ()
        return next((model.id for model in models if model.embedding), None)

    def _check_call(
        self, check: str, operation: Operation, model: str, request: Mapping[str, Any], key: str
    ) -> Finding:
        """Send one small request through the gateway's own upstream code, without retries."""
        target = Target(self.subject, model)
        without_retries = self._configuration.model_copy(update={"retries": Retries(attempts=1)})
        with closing(Transport()) as transport:
            upstream = Upstream(without_retries, EnvironmentKeys({self.subject: key}), transport)
            outcome = upstream.complete(operation, RoutedRequest(model, (target,), request), Deadline(CHAT_TIMEOUT_S))
        latency_ms = outcome.attempts[-1].latency_ms if outcome.attempts else None
        if isinstance(outcome.result, GatewayError):
            advice = next((text for kind, text in _CHAT_ADVICE.items() if isinstance(outcome.result, kind)), "")
            found = f"{model}: {outcome.result.message}"
            return Finding(self.subject, check, State.FAILED, found, advice, latency_ms)
        return Finding(self.subject, check, State.OK, f"{model} answered", latency_ms=latency_ms)

    @property
    def _set_command(self) -> str:
        """How the operator stores a key that the gateway uses."""
        command = self._keys.set_command(self.subject)
        return command if self._provider.needs_key else f"needs_key = true in gateway.toml, and {command}"

    def _report_missing(self, problem: str, advice: str) -> Finding:
        if self._is_needed:
            return self._report_key(State.FAILED, f"{problem}, and a route needs this provider", advice)
        return self._report_key(State.NOT_CONFIGURED, f"{problem}, and no route needs this provider")

    def _report_key(self, state: State, found: str, advice: str = "") -> Finding:
        return Finding(self.subject, "key", state, found, advice)


def _as_warning(finding: Finding) -> Finding:
    return finding._replace(state=State.WARNING) if finding.state is State.FAILED else finding


def _find_scope(configuration: Configuration, own: str, other: str) -> str:
    """Return the deployment scope of another provider's prices, if it has other prices than this one."""
    lists = [configuration.providers[name].prices for name in (own, other)]
    return price_list(lists[1]).scope if lists[1] and lists[0] != lists[1] else ""


def _check_retirements(configuration: Configuration, name: str) -> Finding | None:
    """Look at the models of all routes of a provider, those that are not called any more included."""
    routes = Routes(configuration)
    chains = (*routes.configured.values(), *routes.all().values())
    targets = {target.model: target for chain in chains for target in chain if target.provider == name}
    retirements = {model: each for model, target in targets.items() if (each := routes.retirement(target))}
    retired = [model for model in retirements if routes.is_retired(targets[model])]
    return models_check.judge_retirements(name, retirements, retired)


def _list_routed_models(configuration: Configuration, name: str) -> list[set[str]]:
    """Return the provider's models of each route of the configuration that names some."""
    chains = Routes(configuration).configured.values()
    models = [{target.model for target in chain if target.provider == name} for chain in chains]
    return [each for each in models if each]


def _list_known_models(configuration: Configuration, name: str) -> list[str]:
    """Return the provider's models that any route leads to, those of the configuration first."""
    chains = Routes(configuration).all().values()
    return list(dict.fromkeys(target.model for chain in chains for target in chain if target.provider == name))


def _is_key_accepted(url: str, key: str) -> bool:
    try:
        return models_check.parse_models(http.get_models(url, key, _REGION_TIMEOUT_S)) is not None
    except NoReply:
        return False
