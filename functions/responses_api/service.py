"""OpenAI's Responses: parse, route, run; and the responses that the provider keeps, for the key that made them."""

import functools
import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol

from qwen_gateway import observability
from qwen_gateway.api import EventStreamResponse, HttpRequest, JsonResponse
from qwen_gateway.api.responses_request import ResponsesRequest
from qwen_gateway.calls import BackgroundTask, MeteredCall, MeteredCalls, OnAnswer, ignore_answer
from qwen_gateway.config import Endpoint
from qwen_gateway.errors import GatewayError, LedgerUnavailable, ProviderError, RequestInvalid
from qwen_gateway.ledger.stored_responses import StoredResponse, response_unknown
from qwen_gateway.pricing.responses_limits import responses_limits
from qwen_gateway.routing import Routes, Target
from qwen_gateway.upstream import RoutedRequest
from qwen_gateway.upstream.operations.responses import RESPONSES, StoredResponseOperation

_ENDPOINT: Endpoint = "responses"
_LIST_PARAMETERS = ("after", "limit", "order")
_SECONDS_A_DAY = 86_400
_READS_AT_ONCE = 8
_PARTS = ("message", "reasoning")
"""The parts of an output to which clients refer; calls of functions they send whole."""
_BAD_REQUEST, _NOT_FOUND = 400, 404


class StoredResponses(Protocol):
    """Which key made which response with which target."""

    def put(self, stored: StoredResponse, parts: Iterable[str]) -> None:
        """Put the items of a response and of parts of its output, or raise LedgerUnavailable."""
        ...

    def find(self, key_id: str, response_id: str, now: float) -> StoredResponse:
        """Return the response of a key, or raise ResponseUnknown or LedgerUnavailable."""
        ...

    def find_by_part(self, key_id: str, part_id: str, now: float) -> StoredResponse:
        """Return the response of a key whose output has a part; raises as `find`."""
        ...


class ResponsesService:
    """Answers calls of clients that use Responses."""

    def __init__(self, routes: Routes, calls: MeteredCalls, stored: StoredResponses) -> None:
        self._routes = routes
        self._calls = calls
        self._stored = stored

    def create(self, request: HttpRequest, remaining_s: float) -> JsonResponse | EventStreamResponse:
        """Answer a request within the remaining seconds of the invocation.

        Raises:
            GatewayError: the request or its key was rejected; no model was called, and there is no record.
        """
        call = self._calls.start(request, remaining_s)
        call.authenticate_before_parsing()
        asked = ResponsesRequest.parse(request.body)
        if asked.references:
            asked = asked.with_parts(self._read_parts(call, asked.references))
        targets = call.route(lambda: self._find_targets(asked, call.key_id))
        routed = RoutedRequest(asked.model, targets, asked.body)
        answer = call.stream if asked.streams else call.run
        on_answer = self._keep(call.key_id, request) if asked.is_stored else ignore_answer
        return answer(RESPONSES, routed, responses_limits, on_answer)

    def retrieve(self, request: HttpRequest, remaining_s: float) -> JsonResponse:
        """Return a response that the key has made. As with the other calls below, nothing is billed or recorded.

        Raises:
            GatewayError: the request or its key was rejected; no provider was called.
        """
        if request.query.get("stream") == "true":
            raise RequestInvalid("A stored response is not streamed. Leave out stream.", param="stream")
        operation = StoredResponseOperation(_response_id(request))
        return self._run_stored(self._calls.start(request, remaining_s), operation)

    def delete(self, request: HttpRequest, remaining_s: float) -> JsonResponse:
        """Delete a response that the key has made; see `retrieve`."""
        operation = StoredResponseOperation(_response_id(request), "DELETE")
        return self._run_stored(self._calls.start(request, remaining_s), operation)

    def list_input(self, request: HttpRequest, remaining_s: float) -> JsonResponse:
        """Return the input of a response that the key has made; see `retrieve`."""
        query = {name: request.query[name] for name in _LIST_PARAMETERS if name in request.query}
        operation = StoredResponseOperation(_response_id(request), "GET", "input_items", query)
        return self._run_stored(self._calls.start(request, remaining_s), operation)

    def _find_targets(self, asked: ResponsesRequest, key_id: str) -> tuple[Target, ...]:
        """Return the targets; for a response that continues another one, only the target that has that one."""
        targets = self._routes.serving(asked.model, _ENDPOINT)
        previous = asked.previous_response_id
        if previous is None:
            return targets
        kept = self._stored.find(key_id, previous, time.time()).target
        at_provider = [target for target in targets if target.provider == kept.provider]
        same = [target for target in at_provider if target == kept]
        if not at_provider:
            reason = f" It was made at {kept.provider}, where the model {asked.model[:100]!r} has no target (any more)."
            raise response_unknown(previous, reason)
        return tuple((same or at_provider)[:1])

    def _read_parts(self, call: MeteredCall, references: Sequence[str]) -> dict[str, Any]:
        """Return the parts of earlier responses by their ids, as the provider keeps them.

        The AI SDK refers to them by default, and DashScope documents no references.
        """
        # First, so that nobody without a key can cause a read for each reference.
        call.authenticate()
        find = functools.partial(self._stored.find_by_part, call.key_id, now=time.time())
        with ThreadPoolExecutor(_READS_AT_ONCE) as pool:
            responses = dict.fromkeys(pool.map(find, references))
            answers = pool.map(functools.partial(self._read, call), responses)
            parts = {part.get("id"): part for answer in answers for part in answer.get("output") or ()}
        if missing := next((each for each in references if each not in parts), None):
            raise response_unknown(missing)
        return parts

    def _read(self, call: MeteredCall, stored: StoredResponse) -> Mapping[str, Any]:
        answer = self._run_at(call, self._check_provider(stored), StoredResponseOperation(stored.id))
        if isinstance(answer.body, GatewayError):
            raise answer.body
        return answer.body

    def _run_stored(self, call: MeteredCall, operation: StoredResponseOperation) -> JsonResponse:
        find = functools.partial(self._stored.find, call.key_id, operation.response_id, time.time())
        return self._run_at(call, call.route(lambda: self._check_provider(find())), operation)

    def _run_at(self, call: MeteredCall, target: Target, operation: StoredResponseOperation) -> JsonResponse:
        answer = call.run_unmetered(operation, RoutedRequest(target.model, (target,), {}))
        if isinstance(answer.body, ProviderError) and _is_missing(answer.body, is_list="?" in operation.path):
            return answer._replace(body=response_unknown(operation.response_id))
        return answer

    def _check_provider(self, stored: StoredResponse) -> Target:
        """Return the target of a stored response, or raise ResponseUnknown if its provider is not used any more."""
        provider = self._routes.provider(stored.target)
        if provider is None or not provider.serves(_ENDPOINT):
            raise response_unknown(stored.id, f" It was made at {stored.target.provider}, which is not used any more.")
        return stored.target

    def _keep(self, key_id: str, request: HttpRequest) -> OnAnswer:
        """Return what puts the item of an answer; without the item the response cannot be continued or read."""

        def put(target: Target, answer: Mapping[str, Any], seconds_left: float) -> None:
            is_kept: bool | None = False
            try:
                is_kept = BackgroundTask(lambda: self._put(key_id, target, answer)).wait(seconds_left)
            except LedgerUnavailable:
                pass
            except Exception as error:  # noqa: BLE001 - the answer is paid for: it goes out whatever fails here
                observability.report(error, request.ids)
            if not is_kept:
                observability.logger().warning("stored response lost", extra=request.ids.log_fields())

        return put

    def _put(self, key_id: str, target: Target, answer: Mapping[str, Any]) -> bool:
        """Put the items of an answer that the provider keeps, or of the last event of its stream; return True."""
        response, provider = answer.get("response", answer), self._routes.provider(target)
        if provider and isinstance(response.get("id"), str) and response.get("store") is not False:
            expires_at = int(time.time()) + provider.response_days * _SECONDS_A_DAY
            parts = [part["id"] for part in response.get("output") or () if _can_be_referred_to(part)]
            self._stored.put(StoredResponse(key_id, response["id"], target, expires_at), parts)
        return True


def _can_be_referred_to(part: Any) -> bool:
    return isinstance(part, dict) and part.get("type") in _PARTS and isinstance(part.get("id"), str)


def _response_id(request: HttpRequest) -> str:
    return request.path_parameters.get("response_id", "")


def _is_missing(error: ProviderError, *, is_list: bool) -> bool:
    """Return whether the provider does not have the response any more; nothing but its id can be wrong in a request."""
    return error.status == _NOT_FOUND or (error.status == _BAD_REQUEST and not is_list)
