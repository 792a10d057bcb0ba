"""The key and the prompt go only to whom the certificate names."""

import datetime as dt
import ssl
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.builders import chat_request, whole_stream
from tests.integration.chat.conftest import MakeGateway
from tests.integration.chat.scripted import event_stream, says, scripted_provider


def self_signed(folder: Path, host: str = "localhost") -> ssl.SSLContext:
    """A server's context with a certificate that nobody has reason to trust, kept in `provider.pem`."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    plain = serialization.NoEncryption()
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    both = folder / "provider.pem"
    both.write_bytes(certificate.public_bytes(serialization.Encoding.PEM) + pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(both)
    return context


def test_a_certificate_that_nobody_signed_gets_neither_key_nor_prompt(
    make_gateway: MakeGateway, tmp_path: Path
) -> None:
    with scripted_provider(says(event_stream(whole_stream())), self_signed(tmp_path)) as provider:
        gateway = make_gateway(provider.url)
        answer = gateway.chat(chat_request())

    assert answer.error == (503, "server_error", "provider_unreachable")
    assert provider.requests == []
    assert gateway.records()[0]["attempts"][0]["charged"] == "none"


def test_a_certificate_that_is_trusted_opens_the_way(
    make_gateway: MakeGateway, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    context = self_signed(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "provider.pem"))

    with scripted_provider(says(event_stream(whole_stream())), context) as provider:
        assert make_gateway(provider.url).chat(chat_request()).status == 200


def test_a_trusted_certificate_of_another_name_does_not(
    make_gateway: MakeGateway, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    context = self_signed(tmp_path, "other.example")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "provider.pem"))

    with scripted_provider(says(event_stream(whole_stream())), context) as provider:
        assert make_gateway(provider.url).chat(chat_request()).status == 503
        assert provider.requests == []
