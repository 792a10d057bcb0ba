"""Errors of the operator's writes. Their messages are for the operator."""


class KeyAdministrationError(Exception):
    """An operation failed and changed nothing; the message is for the operator."""


class KeyNotFound(KeyAdministrationError):
    """No key has this id."""

    def __init__(self, key_id: str) -> None:
        super().__init__(f"There is no API key with the id {key_id[:64]!r}.")


class KeyInactive(KeyAdministrationError):
    """The key is revoked or expired, and the operation needs one that is not."""


class KeyConflict(KeyAdministrationError):
    """Another operation changed the key between the read and the write."""


class LimitInvalid(KeyAdministrationError):
    """These limits cannot stand together."""


class HoldOpen(KeyAdministrationError):
    """A call whose hold is open cannot be corrected yet."""

    def __init__(self) -> None:
        super().__init__(
            "The hold of this request is still open. Repeat the command when reconcile has closed it, "
            "or run: qwen-gateway reconcile --now"
        )


class RefundRefused(KeyAdministrationError):
    """This request cannot be refunded."""
