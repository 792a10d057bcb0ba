"""A mock of Qwen: DashScope's API over HTTP on loopback, with faults on demand.

Run it with `python -m qwen_gateway_cli.local.mock_qwen --port N`, or in tests with `run_mock_qwen()`. It accepts any
bearer key without the word "invalid", or only `accepted_key` when that is set; every other request gets a 401.
`/_control` configures the responses:

    PUT     sets the fields of the document; other fields keep their value, and null restores the default
    GET     returns the settings, the remaining times of each fault, and the chat calls received
    DELETE  resets the settings and deletes the calls

    {"latency_ms": 0, "chunks": 4, "chunk_gap_ms": 0,
     "prompt_tokens": null, "completion_tokens": null, "reasoning_tokens": null,
     "cached_tokens": null, "cache_creation_tokens": null, "tool_calls": null,
     "accepted_key": null, "models": null,
     "faults": [{"model": "*", "times": 1, "kind": "error", "status": 429, "code": "limit_requests", "message": "...",
                 "headers": {"Retry-After": "2"}, "delay_ms": 0, "after_chunks": 0}]}

A fault applies to the next `times` calls of its model, after `delay_ms`, and adds its headers to the response:

    error        a status and an error body
    html         an HTML page, with status 200 by default
    hang         no data until the client disconnects
    disconnect   the TCP connection is closed
    truncate     the body ends cleanly, without finish_reason and [DONE]
    drip         the body is sent byte by byte, one each `chunk_gap_ms` (200 ms by default)
    bad_json     a chunk, or the whole response, lacks its last bracket
    error_event  an error in a body of status 200; in a stream, the last event

The last six first send `after_chunks` deltas of a stream, or the first half of a whole response for any number above 0.
With `after_chunks` 0 a hang starts before the headers, a disconnect occurs before any byte, and a truncated body is
empty. Token counts that are null are derived from the request and the response. `models` lists every model that is
listed and served; null means DashScope's models.
"""

from qwen_gateway_cli.local.mock_qwen.server import RunningMockQwen, run_mock_qwen

__all__ = ["RunningMockQwen", "run_mock_qwen"]
