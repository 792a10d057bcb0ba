"""A certificate authority for providers that speak TLS."""

import ssl

import trustme


class Authority(trustme.CA):
    """One that only the tests know."""

    def certify(self, host: str) -> ssl.SSLContext:
        """Return the context of a server that has a certificate for this name."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.issue_cert(host).configure_cert(context)
        return context
