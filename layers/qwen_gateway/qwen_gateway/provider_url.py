"""What the URL of a provider may be, decided without DNS: the configuration is checked when it is loaded."""

import re
from urllib.parse import urlsplit

_PRIVATE_NETWORKS = (
    *("127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16"),
    *("::1/128", "fc00::/7", "fe80::/10"),
)
"""Loopback, private (RFC 1918, RFC 4193) and link-local addresses."""
_PRIVATE_NAME = re.compile(r"[a-z][a-z0-9-]*|[a-z0-9.-]+\.(?:localhost|internal|local)")
"""Names that public DNS cannot have: a single label, for example of a container, or below a reserved domain."""


def find_url_problem(url: str, *, needs_key: bool) -> str | None:
    """Return why a provider cannot have this URL, with the remedy, or None. The text never contains the URL."""
    try:
        parts = urlsplit(url)
        host, has_user, _ = parts.hostname, "@" in parts.netloc, parts.port
    except ValueError:
        return "the address of the server is invalid"
    if has_user:
        return (
            "a URL must not contain a user or a password: remove everything before the @, and store the key with "
            "qwen-gateway secrets set, in the environment, or as api_key"
        )
    if not host:
        return "the URL has no host"
    if parts.scheme == "http" and needs_key and not _is_private(host):
        return (
            "a provider's key is sent unencrypted only to a private address, localhost, or a name without a dot or "
            "below .internal or .local: use https://, or set needs_key = false for a server without authentication"
        )
    return None


def _is_private(host: str) -> bool:
    import ipaddress  # noqa: PLC0415 - a configuration with https alone does not need it

    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return _PRIVATE_NAME.fullmatch(host) is not None
    address = getattr(address, "ipv4_mapped", None) or address
    return any(address in ipaddress.ip_network(network) for network in _PRIVATE_NETWORKS)
