"""Responses that the provider keeps: who may continue, read and delete them, and where they go."""

import time
from typing import Any

import pytest

from qwen_gateway.ledger.dynamodb import ledger_unavailable
from qwen_gateway_cli.local.mock_qwen import RunningMockQwen
from tests.builders import responses_request
from tests.builders.responses import RESPONSE_ID, whole_response
from tests.integration.chat.aws_calls import record_aws_calls
from tests.integration.chat.conftest import Answer, Gateway, MakeGateway
from tests.integration.chat.fake_provider import respond_with, run_fake_provider, sse_response

DOLLAR = 10**12
SEVEN_DAYS_S = 7 * 86_400
CALLS = [("GET", ""), ("GET", "input_items"), ("DELETE", "")]
UNKNOWN = (404, "invalid_request_error", "response_not_found")


def make_response(gateway: Gateway, *, streamed: bool = False, **fields: Any) -> str:
    """Return the id of a new response."""
    asked = responses_request(**fields)
    response = gateway.stream_response(asked).final if streamed else gateway.respond(asked).body
    return str(response["id"])


def items(gateway: Gateway) -> list[dict[str, Any]]:
    """Return the items of the usage table that are no records, those of parts first."""
    found = gateway.aws.dynamodb.scan(TableName=gateway.aws.usage_table)["Items"]
    return sorted((item for item in found if not item["sk"]["S"].startswith("USE#")), key=lambda item: item["sk"]["S"])


def assert_unknown(answer: Answer) -> None:
    assert answer.error == UNKNOWN


class TestContinuing:
    @pytest.mark.parametrize("streamed", [True, False])
    def test_the_history_is_the_providers(self, gateway: Gateway, *, streamed: bool) -> None:
        first = make_response(gateway, streamed=streamed)

        answer = gateway.respond(responses_request(input="And now?", previous_response_id=first))

        assert (answer.status, answer.body["previous_response_id"]) == (200, first)
        assert answer.body["usage"]["input_tokens"] > len("And now?")

    def test_it_goes_to_the_target_that_has_the_response(
        self, make_gateway: MakeGateway, provider: RunningMockQwen
    ) -> None:
        provider.control({"faults": [{"model": "qwen-plus", "status": 503, "code": "ModelUnavailable", "times": 9}]})
        gateway = make_gateway(provider.url, attempts=4)
        first = make_response(gateway)
        provider.control({"faults": []})

        answer = gateway.respond(responses_request(previous_response_id=first))

        assert answer.headers["x-gateway-model"] == "qwen-flash"

    def test_it_never_falls_back(self, make_gateway: MakeGateway, provider: RunningMockQwen) -> None:
        gateway = make_gateway(provider.url, attempts=4)
        first = make_response(gateway)
        provider.control({"faults": [{"model": "qwen-plus", "status": 503, "code": "ModelUnavailable", "times": 9}]})

        answer = gateway.respond(responses_request(previous_response_id=first))

        assert answer.error == (503, "server_error", "provider_overloaded")
        assert {call["model"] for call in provider.calls()} == {"qwen-plus"}

    def test_another_model_of_the_same_provider_may_go_on(self, gateway: Gateway) -> None:
        first = make_response(gateway)

        answer = gateway.respond(responses_request(model="qwen-flash", previous_response_id=first))

        assert answer.headers["x-gateway-model"] == "qwen-flash"

    def test_its_input_is_bounded_by_the_models_limit(self, gateway: Gateway, provider: RunningMockQwen) -> None:
        key = gateway.add_key(budget=DOLLAR // 10)
        first = gateway.respond(responses_request(), key=key).body["id"]

        answer = gateway.respond(responses_request(previous_response_id=first), key=key)

        # A million tokens of input cost more than is left.
        assert answer.error == (402, "insufficient_quota", "budget_exhausted")
        assert len(provider.calls()) == 1

    @pytest.mark.parametrize("forged", ["resp_unknown", "../models", "resp?x=1", "x" * 5_000, ""])
    def test_a_forged_id_is_unknown(self, gateway: Gateway, provider: RunningMockQwen, forged: str) -> None:
        assert_unknown(gateway.respond(responses_request(previous_response_id=forged)))
        assert provider.calls() == []
        assert gateway.records() == []

    def test_that_of_another_key_is_unknown(self, gateway: Gateway, provider: RunningMockQwen) -> None:
        first = make_response(gateway)

        assert_unknown(gateway.respond(responses_request(previous_response_id=first), key=gateway.add_key()))
        assert len(provider.calls()) == 1

    def test_a_key_that_is_not_accepted_learns_nothing(self, gateway: Gateway) -> None:
        first, revoked = make_response(gateway), gateway.add_key(disabled=True)

        for previous in (first, "resp_unknown"):
            answer = gateway.respond(responses_request(previous_response_id=previous), key=revoked)
            assert answer.status == 401

    def test_one_that_the_provider_forgot_is_unknown(self, gateway: Gateway) -> None:
        first = make_response(gateway)
        gateway.stored("DELETE", first)

        whole = gateway.respond(responses_request(previous_response_id=first))
        stream = gateway.stream_response(responses_request(previous_response_id=first))

        assert_unknown(whole)
        assert (stream.status, stream.error["code"]) == (404, "response_not_found")

    def test_one_whose_target_is_gone_is_unknown_and_says_why(
        self, make_gateway: MakeGateway, provider: RunningMockQwen
    ) -> None:
        mine = {"base_url": f"{provider.url}/v1", "endpoints": ["responses"], "needs_key": False}
        routes = {"mine": [{"model": "qwen-plus", "provider": "other"}]}
        before = make_gateway(provider.url, more={"providers": {"other": mine}, "routes": routes})
        first = make_response(before, model="mine")

        after = make_gateway(provider.url, more={"routes": {"mine": [{"model": "qwen-plus"}]}})
        answers = [
            after.respond(responses_request(model="mine", previous_response_id=first)),
            after.stored("GET", first),
        ]

        for answer in answers:
            assert_unknown(answer)
            assert "It was made at other" in answer.body["error"]["message"]

    def test_a_conversation_is_not_served(self, gateway: Gateway, provider: RunningMockQwen) -> None:
        answer = gateway.respond(responses_request(conversation={"id": "conv_1"}))

        assert_unknown(answer)
        assert answer.body["error"]["param"] == "conversation"
        assert "previous_response_id" in answer.body["error"]["message"]
        assert provider.calls() == []


class TestTheItem:
    def test_it_says_who_made_the_response_where_and_for_how_long(self, gateway: Gateway) -> None:
        before = int(time.time())
        first = make_response(gateway)

        part, item = items(gateway)
        assert item.keys() == part.keys() == {"pk", "sk", "response", "provider", "model", "expires_at"}
        assert (item["sk"], part["response"]) == ({"S": f"RSP#{first}"}, {"S": first})
        assert (item["provider"], item["model"]) == ({"S": "dashscope"}, {"S": "qwen-plus"})
        assert before + SEVEN_DAYS_S <= int(item["expires_at"]["N"]) <= time.time() + SEVEN_DAYS_S

    def test_there_is_none_for_a_response_that_is_not_stored(self, gateway: Gateway) -> None:
        request = responses_request(store=False)
        made = [gateway.respond(request).body, gateway.stream_response(request).final]

        assert items(gateway) == []
        for response in made:
            assert_unknown(gateway.stored("GET", response["id"]))

    def test_there_is_none_for_a_failed_response(self, gateway: Gateway, provider: RunningMockQwen) -> None:
        provider.control({"faults": [{"kind": "truncate", "after_chunks": 1}]})

        assert gateway.stream_response(responses_request()).error["code"] == "provider_answer_broken"
        assert items(gateway) == []

    def test_an_old_one_is_unknown_before_dynamodb_deletes_it(self, make_gateway: MakeGateway) -> None:
        with run_fake_provider(respond_with(sse_response(whole_response("Hi.")))) as provider:
            gateway = make_gateway(provider.url)
            first = make_response(gateway)
            _, item = items(gateway)
            old = {**item, "expires_at": {"N": str(int(time.time()) - 1)}}
            gateway.aws.dynamodb.put_item(TableName=gateway.aws.usage_table, Item=old)

            assert first == RESPONSE_ID
            assert_unknown(gateway.respond(responses_request(previous_response_id=first)))

    @pytest.mark.parametrize("failure", [ledger_unavailable(), TypeError()], ids=["DynamoDB", "a fault of the gateway"])
    @pytest.mark.parametrize("streamed", [False, True])
    def test_without_it_the_answer_goes_out_and_cannot_be_continued(
        self,
        gateway: Gateway,
        monkeypatch: pytest.MonkeyPatch,
        failure: Exception,
        *,
        streamed: bool,
    ) -> None:
        def fail(*_: object) -> None:
            raise failure

        monkeypatch.setattr("qwen_gateway.ledger.stored_responses.StoredResponses.put", fail)

        made = make_response(gateway, streamed=streamed)

        assert made.startswith("resp_")
        assert_unknown(gateway.respond(responses_request(previous_response_id=made)))


class TestReferences:
    """The AI SDK names messages and reasoning of earlier responses in place of their content."""

    def test_they_are_sent_with_their_content(self, gateway: Gateway, provider: RunningMockQwen) -> None:
        provider.control({"reasoning_tokens": 5})
        output = gateway.respond(responses_request()).body["output"]
        assert [part["type"] for part in output] == ["reasoning", "message"]
        references = [{"type": "item_reference", "id": part["id"]} for part in output]

        answer = gateway.respond(responses_request(input=[*references, {"role": "user", "content": "And now?"}]))

        assert answer.status == 200
        assert provider.calls()[-1]["body"]["input"] == [*output, {"role": "user", "content": "And now?"}]

    def test_each_is_one_read_beside_that_of_the_key(self, gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
        (part,) = gateway.respond(responses_request()).body["output"]
        operations = record_aws_calls(monkeypatch)

        answer = gateway.respond(responses_request(input=[{"type": "item_reference", "id": part["id"]}]))

        assert answer.status == 200
        assert operations.count("GetItem") == 2

    def test_a_request_with_them_may_fall_back(self, make_gateway: MakeGateway, provider: RunningMockQwen) -> None:
        gateway = make_gateway(provider.url, attempts=4)
        (part,) = gateway.respond(responses_request()).body["output"]
        provider.control({"faults": [{"model": "qwen-plus", "status": 503, "code": "ModelUnavailable", "times": 9}]})

        answer = gateway.respond(responses_request(input=[{"type": "item_reference", "id": part["id"]}]))

        assert (answer.status, answer.headers["x-gateway-model"]) == (200, "qwen-flash")

    def test_those_of_another_key_and_forged_ones_are_unknown(
        self, gateway: Gateway, provider: RunningMockQwen
    ) -> None:
        (part,) = gateway.respond(responses_request()).body["output"]
        another = gateway.add_key()

        for reference in (part["id"], "msg_unknown", "../x", RESPONSE_ID):
            asked = responses_request(input=[{"type": "item_reference", "id": reference}])
            assert_unknown(gateway.respond(asked, key=another))
        assert len(provider.calls()) == 1

    def test_a_part_is_no_response(self, gateway: Gateway) -> None:
        (part,) = gateway.respond(responses_request()).body["output"]

        assert_unknown(gateway.stored("GET", part["id"]))
        assert_unknown(gateway.respond(responses_request(previous_response_id=part["id"])))

    def test_one_that_the_provider_forgot_is_unknown(self, gateway: Gateway) -> None:
        made = gateway.respond(responses_request()).body
        gateway.stored("DELETE", made["id"])

        reference = {"type": "item_reference", "id": made["output"][0]["id"]}
        assert_unknown(gateway.respond(responses_request(input=[reference])))


class TestReadingAndDeleting:
    def test_the_key_that_made_it_reads_lists_and_deletes_it(self, gateway: Gateway) -> None:
        first = make_response(gateway)

        assert gateway.stored("GET", first).body["output"][0]["type"] == "message"
        listed = gateway.stored("GET", first, "input_items").body
        assert [item["content"][0]["text"] for item in listed["data"]] == ["Say hello."]
        assert gateway.stored("DELETE", first).body == {"id": first, "object": "response", "deleted": True}
        assert_unknown(gateway.stored("GET", first))

    def test_the_list_of_the_input_has_pages(self, gateway: Gateway) -> None:
        second = make_response(gateway, input="And now?", previous_response_id=make_response(gateway))

        page = gateway.stored("GET", second, "input_items", query={"limit": "1", "order": "asc", "x": "1"}).body
        rest = gateway.stored("GET", second, "input_items", query={"after": page["last_id"], "order": "asc"}).body

        assert (page["data"][0]["content"][0]["text"], page["has_more"]) == ("Say hello.", True)
        assert rest["data"][-1]["content"][0]["text"] == "And now?"

    @pytest.mark.parametrize(("method", "part"), CALLS)
    def test_they_only_authenticate(self, gateway: Gateway, provider: RunningMockQwen, method: str, part: str) -> None:
        key = gateway.add_key(rpm=1)
        first = gateway.respond(responses_request(), key=key).body["id"]
        (record,) = gateway.records()
        calls = provider.calls()

        assert gateway.stored(method, first, part, key=key).status == 200
        assert gateway.records() == [record]
        assert provider.calls() == calls

    @pytest.mark.parametrize(("method", "part"), CALLS)
    def test_another_key_finds_nothing(self, gateway: Gateway, method: str, part: str) -> None:
        first = make_response(gateway)

        assert_unknown(gateway.stored(method, first, part, key=gateway.add_key()))
        assert gateway.stored("GET", first).status == 200

    @pytest.mark.parametrize(("method", "part"), CALLS)
    @pytest.mark.parametrize("settings", [{"disabled": True}, {"expires": 1}])
    def test_a_key_that_is_not_accepted_is_refused(
        self, gateway: Gateway, method: str, part: str, settings: dict[str, Any]
    ) -> None:
        answer = gateway.stored(method, "resp_unknown", part, key=gateway.add_key(**settings))

        assert answer.error[:2] == (401, "authentication_error")

    @pytest.mark.parametrize("forged", ["resp_unknown", "..", "a/b", "a%2Fb", ""])
    def test_a_forged_id_is_unknown(self, gateway: Gateway, forged: str) -> None:
        assert_unknown(gateway.stored("GET", forged))

    def test_a_stored_response_is_not_streamed(self, gateway: Gateway) -> None:
        answer = gateway.stored("GET", make_response(gateway), query={"stream": "true"})

        assert answer.error == (400, "invalid_request_error", "invalid_request")

    def test_the_providers_failure_is_told(self, gateway: Gateway, provider: RunningMockQwen) -> None:
        first = make_response(gateway)
        provider.control({"accepted_key": "sk-another"})

        assert gateway.stored("GET", first).error == (502, "server_error", "provider_auth_failed")
