"""Provider keys from one JSON secret: `{"dashscope": {"key": "sk-...", "set_at": "2026-11-24T09:00:00Z"}}`.

The operator's command writes the secret. A function reads it once and caches the keys. No message contains a value of
the secret.
"""

import json
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from qwen_gateway.errors import ProviderNotConfigured, SecretsUnavailable
from qwen_gateway.provider_keys import is_valid_header_value

if TYPE_CHECKING:
    from types_boto3_secretsmanager import SecretsManagerClient

# Seconds after which the secret is read again.
_MAX_AGE_S = 300
_AFTER_FAILURE_S = 60
_AFTER_REJECTED_KEY_S = 60
_AFTER_MISSING_KEY_S = 5

_CAUSES = {
    "AccessDeniedException": "access to the secret is denied",
    "DecryptionFailure": "the secret cannot be decrypted",
    "ResourceNotFoundException": "the secret does not exist or has no value",
    "InvalidRequestException": "the secret is about to be deleted",
}


class SecretMalformed(Exception):
    """The secret has the wrong format; the message describes the problem without any value."""


def parse_secret(secret: str) -> dict[str, dict[str, Any]]:
    """Return the entries of the secret by provider name; each has a `key`.

    Raises:
        SecretMalformed: it is not a JSON object, or an entry has no key that is a valid header value.
    """
    try:
        document = json.loads(secret)
    except (ValueError, RecursionError):
        raise SecretMalformed("the secret is not JSON") from None
    if not isinstance(document, dict):
        raise SecretMalformed("the secret is not a JSON object")
    for entry in document.values():
        key = entry.get("key") if isinstance(entry, dict) else None
        if not isinstance(key, str) or not is_valid_header_value(key):
            # The message omits the provider's name: when somebody swapped name and key, the name is the secret.
            raise SecretMalformed("an entry of the secret has no key that can be sent")
    return document


class ProviderKeys:
    """The provider keys of one execution environment; thread-safe."""

    def __init__(
        self, client: "SecretsManagerClient", secret_name: str, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._client = client
        self._secret_name = secret_name
        self._clock = clock
        self._lock = threading.Lock()
        self._keys: dict[str, str] | None = None
        self._read_at = 0.0
        self._failed_at: float | None = None
        self._rejected_at: float | None = None
        self.failure: str | None = None
        """Why the last read failed, None after a successful read. It contains no value and may be logged."""

    def key(self, provider: str) -> str:
        """Return a provider's key. While Secrets Manager fails, return the key that was read last.

        Raises:
            ProviderNotConfigured: the secret holds no key for the provider.
            SecretsUnavailable: no read has succeeded yet.
        """
        with self._lock:
            if self._keys is None or self._is_due(_MAX_AGE_S):
                self._read()
            elif provider not in self._keys and self._is_due(_AFTER_MISSING_KEY_S):
                # A key that was stored on the advice of the message below is used within seconds.
                self._read()
            if self._keys is None:
                raise SecretsUnavailable(f"The gateway cannot read its provider keys: {self.failure}.", retry_after=1)
            if provider not in self._keys:
                raise ProviderNotConfigured(
                    f"The gateway has no key for the provider {provider!r}. "
                    f"Its owner stores one with: qwen-gateway secrets set {provider}"
                )
            return self._keys[provider]

    def reload_refused(self, provider: str, refused: str) -> bool:
        """Read the secret again, at most once a minute, because the provider rejected a key.

        Returns:
            Whether the key differs from the rejected one, so that a retry makes sense.
        """
        with self._lock:
            if not self._is_recent(self._rejected_at, _AFTER_REJECTED_KEY_S):
                self._rejected_at = self._clock()
                self._read()
            return (self._keys or {}).get(provider, refused) != refused

    def prefetch(self) -> None:
        """Read the keys in advance. A failure is ignored: `key` reads again."""
        with self._lock:
            if self._keys is None:
                self._read()

    def _is_due(self, age_s: float) -> bool:
        return not self._is_recent(self._read_at, age_s) and not self._is_recent(self._failed_at, _AFTER_FAILURE_S)

    def _is_recent(self, moment: float | None, seconds: float) -> bool:
        return moment is not None and self._clock() - moment < seconds

    def _read(self) -> None:
        try:
            output = self._client.get_secret_value(SecretId=self._secret_name, VersionStage="AWSCURRENT")
            keys = {name: entry["key"] for name, entry in parse_secret(output.get("SecretString", "")).items()}
        except (ClientError, BotoCoreError, SecretMalformed) as error:
            self.failure = _describe(error)
            self._failed_at = self._clock()
            return
        self.failure = self._failed_at = None
        self._read_at = self._clock()
        self._keys = keys


def _describe(error: Exception) -> str:
    if isinstance(error, SecretMalformed):
        return str(error)
    if isinstance(error, ClientError):
        return _CAUSES.get(error.response["Error"]["Code"], "Secrets Manager did not answer")
    return "Secrets Manager did not answer"
