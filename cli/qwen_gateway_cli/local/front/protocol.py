"""HTTP/1.1 as uvicorn speaks it, but for the answer to what is no HTTP: it reads like every other refusal."""

from typing import cast

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from qwen_gateway_cli.local.front.gateway import Gateway


class Protocol(H11Protocol):
    """One connection to the gateway."""

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - uvicorn's words, which are plain text
        """Refuse what cannot be read as a request, and close."""
        response = cast("Gateway", self.config.app).malformed()
        head = h11.Response(
            status_code=response.status_code, headers=[*response.raw_headers, (b"connection", b"close")]
        )
        for event in (head, h11.Data(data=bytes(response.body)), h11.EndOfMessage()):
            self.transport.write(self.conn.send(event) or b"")
        self.transport.close()
