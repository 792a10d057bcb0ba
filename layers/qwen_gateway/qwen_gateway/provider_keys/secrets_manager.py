"""Provider keys from one JSON secret: `{"dashscope": {"key": "sk-...", "set_at": "2026-11-24T09:00:00Z"}}`.

The operator's command writes the secret; the stack creates it without a value, and then there are no keys. A function
reads it once and caches the keys. No message contains a value of the secret.
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

_REFRESH_WAIT_S = 2.0
"""For a newer value, when a key is known."""

_NO_ANSWER = "Secrets Manager did not answer"
_CAUSES = {
    "AccessDeniedException": "access to the secret is denied",
    "DecryptionFailure": "the secret cannot be decrypted",
    "ResourceNotFoundException": "the secret does not exist",
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


def read_secret(client: "SecretsManagerClient", secret_name: str) -> dict[str, dict[str, Any]]:
    """Return the entries of the secret by provider name; there are none as long as the secret has no value.

    Raises:
        SecretMalformed: as `parse_secret`; or the value is binary.
        ClientError, BotoCoreError: it could not be read, or does not exist.
    """
    try:
        output = client.get_secret_value(SecretId=secret_name)
    except ClientError as error:
        if _means_no_value(error):
            return {}
        raise
    secret = output.get("SecretString", "")
    # An emulator answers with the secret's name and no value, or an empty one; another server without a name.
    has_no_value = not secret and "ARN" in output and "SecretBinary" not in output
    return {} if has_no_value else parse_secret(secret)


def _means_no_value(error: ClientError) -> bool:
    """Return whether a secret exists, but has no value. Only the message differs from that of a missing secret."""
    details = error.response["Error"]
    is_missing = details.get("Message", "").endswith("the specified secret.")
    return details["Code"] == "ResourceNotFoundException" and not is_missing


class ProviderKeys:
    """The provider keys of one execution environment; thread-safe.

    A thread of its own reads the secret, so that a call waits no longer than it has time, and no lock is held. Calls
    that need a value at the same time wait for the same read.
    """

    def __init__(
        self, client: "SecretsManagerClient", secret_name: str, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._client = client
        self._secret_name = secret_name
        self._clock = clock
        self._lock = threading.Lock()
        self._reading: threading.Event | None = None
        self._keys: dict[str, str] | None = None
        self._read_at = 0.0
        self._failed_at: float | None = None
        self._rejected_at: float | None = None
        self.failure: str | None = None
        """Why the last read failed, None after a successful read. It contains no value and may be logged."""

    def key(self, provider: str, seconds: float) -> str:
        """Return a provider's key within `seconds`. While Secrets Manager fails, return the key that was read last.

        Raises:
            ProviderNotConfigured: the secret holds no key for the provider.
            SecretsUnavailable: no read has succeeded yet.
        """
        with self._lock:
            known = self._keys is not None and provider in self._keys
            # A key that was stored on the advice of the message below is used within seconds.
            is_due = self._keys is None or self._is_due(_MAX_AGE_S if known else _AFTER_MISSING_KEY_S)
            reading = self._start_read() if is_due else None
        if reading:
            reading.wait(max(0.0, min(seconds, _REFRESH_WAIT_S) if known else seconds))
        with self._lock:
            keys, failure = self._keys, self.failure or _NO_ANSWER
        if keys is None:
            raise SecretsUnavailable(f"The gateway cannot read its provider keys: {failure}.", retry_after=1)
        if provider not in keys:
            raise ProviderNotConfigured(
                f"The gateway has no key for the provider {provider!r}. "
                f"Its owner stores one with: qwen-gateway secrets set {provider}"
            )
        return keys[provider]

    def reload_refused(self, provider: str, refused: str, seconds: float) -> bool:
        """Read the secret again, at most once a minute, because the provider rejected a key. Wait up to `seconds`.

        Returns:
            Whether the key differs from the rejected one, so that a retry makes sense.
        """
        with self._lock:
            reading = self._reading
            if not self._is_recent(self._rejected_at, _AFTER_REJECTED_KEY_S):
                self._rejected_at = self._clock()
                reading = self._start_read()
        if reading:
            reading.wait(max(0.0, seconds))
        with self._lock:
            return (self._keys or {}).get(provider, refused) != refused

    def prefetch(self) -> None:
        """Read the keys in advance, in this thread. A failure is ignored: `key` reads again."""
        with self._lock:
            if self._keys is not None or self._reading is not None:
                return
            done = self._reading = threading.Event()
        self._read(done)

    def _is_due(self, age_s: float) -> bool:
        return not self._is_recent(self._read_at, age_s) and not self._is_recent(self._failed_at, _AFTER_FAILURE_S)

    def _is_recent(self, moment: float | None, seconds: float) -> bool:
        return moment is not None and self._clock() - moment < seconds

    def _start_read(self) -> threading.Event:
        """Return the event that the current or a new read sets at its end. The caller holds the lock."""
        if self._reading is None:
            self._reading = threading.Event()
            threading.Thread(target=self._read, args=(self._reading,), name="read-secret", daemon=True).start()
        return self._reading

    def _read(self, done: threading.Event) -> None:
        keys: dict[str, str] | None = None
        failure: str | None = None
        try:
            keys = {name: entry["key"] for name, entry in read_secret(self._client, self._secret_name).items()}
        except Exception as error:  # noqa: BLE001 - the calls that wait get SecretsUnavailable
            failure = _describe(error)
        with self._lock:
            self._reading = None
            self.failure = failure
            self._failed_at = self._clock() if failure else None
            if keys is not None:
                self._keys, self._read_at = keys, self._clock()
        done.set()


def _describe(error: Exception) -> str:
    if isinstance(error, SecretMalformed):
        return str(error)
    if isinstance(error, ClientError):
        return _CAUSES.get(error.response["Error"]["Code"], _NO_ANSWER)
    return _NO_ANSWER if isinstance(error, BotoCoreError) else f"an unhandled {type(error).__name__}"
