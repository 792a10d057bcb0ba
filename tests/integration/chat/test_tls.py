"""The key and the prompt go only to whom the certificate names."""

from tests.builders import chat_request, whole_stream
from tests.integration.chat.authority import Authority
from tests.integration.chat.conftest import MakeGateway
from tests.integration.chat.scripted import event_stream, says, scripted_provider


def test_a_certificate_that_nobody_signed_gets_neither_key_nor_prompt(
    make_gateway: MakeGateway, unknown: Authority
) -> None:
    with scripted_provider(says(event_stream(whole_stream())), unknown.certify("localhost")) as provider:
        gateway = make_gateway(provider.url)
        answer = gateway.chat(chat_request())

    assert answer.error == (503, "server_error", "provider_unreachable")
    assert provider.requests == []
    assert gateway.records()[0]["attempts"][0]["charged"] == "none"


def test_a_certificate_that_is_trusted_opens_the_way(make_gateway: MakeGateway, trusted: Authority) -> None:
    with scripted_provider(says(event_stream(whole_stream())), trusted.certify("localhost")) as provider:
        assert make_gateway(provider.url).chat(chat_request()).status == 200


def test_a_trusted_certificate_of_another_name_does_not(make_gateway: MakeGateway, trusted: Authority) -> None:
    with scripted_provider(says(event_stream(whole_stream())), trusted.certify("other.example")) as provider:
        assert make_gateway(provider.url).chat(chat_request()).status == 503
        assert provider.requests == []
