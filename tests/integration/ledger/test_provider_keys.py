"""Provider keys read with the real Secrets Manager client."""

import pytest

from qwen_gateway import aws as aws_clients
from qwen_gateway.errors import ProviderNotConfigured, SecretsUnavailable
from qwen_gateway.provider_keys.secrets_manager import ProviderKeys
from tests.integration.emulated_aws import Aws
from tests.integration.mock_server import serve_aws_error, serve_response


@pytest.fixture
def keys(aws: Aws) -> ProviderKeys:
    return ProviderKeys(aws_clients.secretsmanager(), aws.provider_keys_secret)


def test_the_error_on_a_fresh_stack_names_the_command_to_run(keys: ProviderKeys) -> None:
    with pytest.raises(ProviderNotConfigured, match="qwen-gateway secrets set dashscope"):
        keys.key("dashscope", 5)


def test_a_stored_key_is_read(aws: Aws, keys: ProviderKeys) -> None:
    aws.store_provider_keys(dashscope="sk-one")
    assert keys.key("dashscope", 5) == "sk-one"


def test_a_new_value_is_read_after_the_provider_refused_the_old_one(aws: Aws, keys: ProviderKeys) -> None:
    aws.store_provider_keys(dashscope="sk-one")
    keys.key("dashscope", 5)
    aws.store_provider_keys(dashscope="sk-new")
    assert keys.reload_refused("dashscope", "sk-one", 5)
    assert keys.key("dashscope", 5) == "sk-new"


def test_the_error_for_a_deleted_secret_names_the_cause(aws: Aws, keys: ProviderKeys) -> None:
    aws.secretsmanager.delete_secret(SecretId=aws.provider_keys_secret, ForceDeleteWithoutRecovery=True)
    with pytest.raises(SecretsUnavailable, match="does not exist"):
        keys.key("dashscope", 5)


def test_a_binary_secret_is_malformed(aws: Aws, keys: ProviderKeys) -> None:
    aws.secretsmanager.put_secret_value(SecretId=aws.provider_keys_secret, SecretBinary=b"sk-one")
    with pytest.raises(SecretsUnavailable, match="not JSON"):
        keys.key("dashscope", 5)


@pytest.mark.parametrize(
    ("status", "code", "cause"),
    [
        (400, "AccessDeniedException", "denied"),
        (400, "DecryptionFailure", "decrypted"),
        (400, "ThrottlingException", "did not answer"),
        (500, "InternalServiceError", "did not answer"),
    ],
)
def test_an_error_of_secrets_manager_is_reported_by_its_cause(
    aws_environment: None, monkeypatch: pytest.MonkeyPatch, status: int, code: str, cause: str
) -> None:
    with serve_aws_error(status, code) as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        with pytest.raises(SecretsUnavailable, match=cause):
            ProviderKeys(aws_clients.secretsmanager(), "a-secret").key("dashscope", 5)


def test_a_response_that_is_not_json_gives_no_key(aws_environment: None, monkeypatch: pytest.MonkeyPatch) -> None:
    with serve_response(200, "<html>") as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        with pytest.raises(SecretsUnavailable):
            ProviderKeys(aws_clients.secretsmanager(), "a-secret").key("dashscope", 5)
