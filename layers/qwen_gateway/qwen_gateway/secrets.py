"""Provider keys: one JSON secret, `{"dashscope": {"key": "sk-...", "set_at": "2026-11-24T09:00:00Z"}}`.

The operator's command fills it; a function reads it once and keeps what it read. No value ever stands in a message.
"""

import json
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from qwen_gateway.errors import ProviderNotConfigured, SecretsUnavailable
from qwen_gateway.sendable import is_sendable

if TYPE_CHECKING:
    from types_boto3_secretsmanager import SecretsManagerClient

_READ_AGAIN_BY_AGE = 300
_READ_AGAIN_AFTER_FAILURE = 60
_READ_AGAIN_WHEN_REFUSED = 60
_READ_AGAIN_WHEN_MISSING = 5

_CAUSES = {
    "AccessDeniedException": "access to the secret is denied",
    "DecryptionFailure": "the secret cannot be decrypted",
    "ResourceNotFoundException": "the secret does not exist or has no value",
    "InvalidRequestException": "the secret is about to be deleted",
}


class SecretMalformed(Exception):
    """The secret is not of the form above; the message says where, without any value."""


def entries(secret: str) -> dict[str, dict[str, Any]]:
    """Return the entries of the secret by the provider's name; each has a `key`.

    Raises:
        SecretMalformed: it is no JSON object, or an entry has no key that a header can hold.
    """
    try:
        document = json.loads(secret)
    except (ValueError, RecursionError):
        raise SecretMalformed("the secret is not JSON") from None
    if not isinstance(document, dict):
        raise SecretMalformed("the secret is not a JSON object")
    for entry in document.values():
        key = entry.get("key") if isinstance(entry, dict) else None
        if not isinstance(key, str) or not is_sendable(key):
            # Which one stays unsaid: where a hand swapped name and key, the name is the secret.
            raise SecretMalformed("an entry of the secret has no key that can be sent")
    return document


class ProviderKeys:
    """The provider keys of one environment; safe to share between threads."""

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
        self._refused_at: float | None = None
        self.failure: str | None = None
        """Why the last read failed, None when it succeeded; for a log, and without any value."""

    def key(self, provider: str) -> str:
        """Return a provider's key: the one that was read last, for as long as Secrets Manager fails.

        Raises:
            ProviderNotConfigured: the secret holds no key for the provider.
            SecretsUnavailable: nothing could be read yet.
        """
        with self._lock:
            if self._keys is None or self._is_due(_READ_AGAIN_BY_AGE):
                self._read()
            elif provider not in self._keys and self._is_due(_READ_AGAIN_WHEN_MISSING):
                # Whoever follows the advice below should not have to wait for the age.
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
        """Read again, at most once a minute, because the provider refused a key.

        Returns:
            Whether another key is known than the refused one, so that one more call makes sense.
        """
        with self._lock:
            if not self._is_recent(self._refused_at, _READ_AGAIN_WHEN_REFUSED):
                self._refused_at = self._clock()
                self._read()
            return (self._keys or {}).get(provider, refused) != refused

    def prefetch(self) -> None:
        """Read the keys before they are asked for; a failure shows only when they are."""
        with self._lock:
            if self._keys is None:
                self._read()

    def _is_due(self, age: float) -> bool:
        return not self._is_recent(self._read_at, age) and not self._is_recent(
            self._failed_at, _READ_AGAIN_AFTER_FAILURE
        )

    def _is_recent(self, moment: float | None, seconds: float) -> bool:
        return moment is not None and self._clock() - moment < seconds

    def _read(self) -> None:
        try:
            answer = self._client.get_secret_value(SecretId=self._secret_name, VersionStage="AWSCURRENT")
            keys = {provider: entry["key"] for provider, entry in entries(answer.get("SecretString", "")).items()}
        except (ClientError, BotoCoreError, SecretMalformed) as error:
            self.failure = _cause(error)
            self._failed_at = self._clock()
            return
        self.failure = self._failed_at = None
        self._read_at = self._clock()
        self._keys = keys


def _cause(error: Exception) -> str:
    if isinstance(error, SecretMalformed):
        return str(error)
    if isinstance(error, ClientError):
        return _CAUSES.get(error.response["Error"]["Code"], "Secrets Manager did not answer")
    return "Secrets Manager did not answer"
