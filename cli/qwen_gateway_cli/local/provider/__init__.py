"""A stand-in for Qwen: DashScope's manners over HTTP on loopback, and faults on demand.

It is served by `python -m qwen_gateway_cli.local.provider --port N`, or for tests by `running_provider()`. Any bearer
key without the word "invalid" in it is accepted, or `accepted_key` alone where one is set; another, or none, gets a
401. `/_control` says how to answer:

    PUT     sets the fields that the document names; the others stay, and a null brings a default back
    GET     shows the settings, what is left of each fault, and the chat calls received
    DELETE  forgets all of it

    {"latency_ms": 0, "chunks": 4, "chunk_gap_ms": 0,
     "prompt_tokens": null, "completion_tokens": null, "reasoning_tokens": null,
     "cached_tokens": null, "cache_creation_tokens": null,
     "accepted_key": null, "models": null,
     "faults": [{"model": "*", "times": 1, "kind": "error", "status": 429, "code": "limit_requests", "message": "...",
                 "headers": {"Retry-After": "2"}, "delay_ms": 0, "after_chunks": 0}]}

A fault strikes the next `times` calls that ask for its model, after `delay_ms`, and adds its headers to the answer:

    error        status and an error body
    html         an HTML page, with status 200 unless another is given
    hang         silence until the client leaves
    disconnect   the TCP connection is closed
    truncate     the body ends cleanly, without finish_reason and [DONE]
    drip         the body comes byte by byte, one each `chunk_gap_ms` or else each 200 ms
    bad_json     a chunk, or the whole answer, lacks its last bracket
    error_event  the error stands in a body of status 200, in a stream as its last event

The last six first let `after_chunks` deltas of a stream through; of a whole answer, its first half for any number
above 0. With `after_chunks` 0 a hang comes before the headers and a disconnect before any byte; a truncated body is
empty. Token counts that are null are derived from the request and the answer. `models` names all that is listed
and served; null stands for DashScope's.
"""

from qwen_gateway_cli.local.provider.server import RunningProvider, running_provider

__all__ = ["RunningProvider", "running_provider"]
