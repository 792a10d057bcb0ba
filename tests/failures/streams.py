"""Expected stream for each provider behaviour: tests verify the table over HTTP, and the docs show it.

A provider sends its body in parts: bytes, and pauses in seconds between them. The client requests the usage, and the
gateway calls one target once.
"""

import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from tests.builders import chunk, encode_chunks, error_body, error_event, finish, stream, text_chunks, usage
from tests.builders.provider_responses import DONE

TEXTS = ("Grü", "ße, ", "世界", ", hel", "lo.")
WHOLE = "".join(TEXTS)
MARKED = "marked words of a prompt"
LONGEST = "x" * 1_000_000
SHORT: Mapping[str, float] = MappingProxyType({"first_token": 0.6, "idle": 0.6})
"""Timeouts in seconds for the variants that a timeout ends."""
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nx-request-id: req-scripted\r\n"


class Variant(NamedTuple):
    """One form of a provider behaviour.

    `end` is the state of the connection after the last part: the body `ends`, or the provider `closes`, `resets`,
    `hangs` or `drips`. `text` is what the client receives. `limits` are the gateway's timeouts, where they matter.
    `fields` are added to the request.
    """

    description: str
    parts: tuple[bytes | float, ...] = ()
    end: str = "ends"
    text: str = WHOLE
    limits: Mapping[str, float] = MappingProxyType({})
    fields: Mapping[str, Any] = MappingProxyType({})
    head: bytes = HEAD

    @property
    def http(self) -> int:
        """The provider's HTTP status."""
        return int(self.head.split()[1])


class Row(NamedTuple):
    """A provider behaviour and its expected effects.

    `status` is the HTTP status for the client and `code` the error code, empty on success. On success `finish_reason`
    is the last one sent, and `tokens` tells whether the usage is known. The attempt's record holds `recorded_cause`
    and `charged`.
    """

    behaviour: str
    variants: tuple[Variant, ...]
    status: int = 200
    code: str = ""
    finish_reason: str = "stop"
    tokens: bool = True
    recorded_cause: str | None = None
    charged: str = "billed"
    is_final: bool = False
    """Whether the gateway may not fall back, although no output was sent."""

    @property
    def fails_before_output(self) -> bool:
        """Whether the failure precedes the first output."""
        return self.status != 200


def encode_texts(count: int) -> bytes:
    """Return the events of the first `count` texts."""
    return encode_chunks(*text_chunks(*TEXTS[:count]))


def join_texts(count: int) -> str:
    """Return the first `count` texts, joined."""
    return "".join(TEXTS[:count])


def end_with(event: bytes, after: int) -> tuple[bytes, ...]:
    """Return the first `after` texts, followed by an event, as parts."""
    return (encode_texts(after), event)


def make_error(status: int, code: str) -> Variant:
    """Return a variant that responds with an HTTP error."""
    head = b"HTTP/1.1 %d Refused\r\ncontent-type: application/json\r\nx-request-id: req-scripted\r\n" % status
    return Variant(f"{status} `{code}`", (json.dumps(error_body(MARKED, code)).encode(),), head=head)


def make_error_event(description: str, code: str, after: int) -> Variant:
    """Return a variant that ends with an error event after `after` texts."""
    return Variant(description, end_with(error_event(MARKED, code), after), text=join_texts(after))


def _add_usage(document: dict[str, Any], completion: int) -> dict[str, Any]:
    return {**document, "usage": usage(12, completion)["usage"]}


_CHUNKS = (*text_chunks(*TEXTS), finish())
_ANSWER = encode_chunks(*_CHUNKS)
_REST = stream(*_CHUNKS[2:], usage())
_FINISHED = stream(*_CHUNKS, usage())
_COMMENTED = b": hello\n\nevent: message\nid: 7\nretry: 1\n" + _FINISHED.replace(b"data:", b": ping\n\ndata:")
_REASONING = encode_chunks(*text_chunks(), chunk({"reasoning_content": "Hm. "}), chunk({"reasoning_content": "So."}))
_TWO = {"n": 2}
_COMMENTS = tuple(each for _ in range(20) for each in (b": ping\n\n", 0.1))
_ONE_FINISH = stream(*text_chunks("B", index=1), finish())
_WRONG_CALL = stream(chunk({"tool_calls": [{"index": 0, "function": 7}]}), *_CHUNKS)
_WRONG_TEXT = stream(chunk({"content": ["Hel"]}), *_CHUNKS)
_CUT_LINE = encode_chunks(chunk({"content": "世界"}))

ROWS = (
    Row(
        "answers",
        (
            Variant("chunk by chunk", (*map(encode_chunks, (*_CHUNKS, usage())), DONE)),
            Variant("all at once", (_FINISHED,)),
            Variant("byte by byte", tuple(bytes([byte]) for byte in _FINISHED)),
            Variant("lines that end in CRLF", (_FINISHED.replace(b"\n", b"\r\n"),)),
            Variant("comments and other fields between", (_COMMENTED,)),
            Variant("a byte order mark first", (b"\xef\xbb\xbf" + stream(*_CHUNKS[1:], usage()),)),
            Variant(
                "line breaks within chunks",
                (_FINISHED.replace(b', "delta"', b',\ndata: "delta"').replace(b', "model"', b',\r"model"'),),
            ),
            Variant("a chunk of 1 MB", (stream(*text_chunks(LONGEST), finish(), usage()),), text=LONGEST),
            Variant("reasoning first", (_REASONING, _FINISHED)),
            Variant(
                "two choices",
                (encode_texts(5), stream(*text_chunks("B", index=1), finish(index=1), finish(), usage())),
                fields=_TWO,
            ),
            Variant("no `[DONE]`", (_ANSWER, encode_chunks(usage()))),
            Variant("open connection after `[DONE]`", (_FINISHED,), "hangs"),
            Variant("usage with the finish", (stream(*_CHUNKS[:-1], _add_usage(finish(), 3)),)),
            Variant("usage in every chunk", (stream(*(_add_usage(each, at - 3) for at, each in enumerate(_CHUNKS))),)),
            Variant("usage twice", (stream(*_CHUNKS, usage(1, 1), usage()),)),
            Variant(
                "pauses shorter than each timeout",
                (0.7, encode_texts(1), 0.7, _REST[:9], 0.3, _REST[9:]),
                limits={"first_token": 1.4, "idle": 1.4},
            ),
            Variant("first output later than the idle timeout", (0.6, _FINISHED), limits={"idle": 0.2}),
            Variant(
                "gap longer than the first-token timeout", (encode_texts(1), 1.5, _REST), limits={"first_token": 1}
            ),
        ),
    ),
    Row(
        "answers without usage",
        (
            Variant("none", (_ANSWER + DONE,)),
            Variant("neither usage nor `[DONE]`", (_ANSWER,)),
            Variant("cut after the finish", (_ANSWER,), "closes"),
            Variant("reset after the finish", (_ANSWER, 0.1), "resets"),
            Variant("no data after the finish", (_ANSWER,), "hangs", limits=SHORT),
            Variant("usage of wrong form", (stream(*_CHUNKS, {**usage(), "usage": "12 + 3"}),)),
        ),
        tokens=False,
    ),
    Row(
        "finishes without output",
        (
            Variant("finish alone", (stream(finish(), usage()),), text=""),
            Variant("role and finish", (stream(*text_chunks(), finish(), usage()),), text=""),
        ),
    ),
    Row(
        "stops the answer because of its content",
        (
            Variant(
                "`finish_reason` `content_filter`",
                (encode_texts(2), stream(finish("content_filter"), usage())),
                text=join_texts(2),
            ),
        ),
        finish_reason="content_filter",
    ),
    Row(
        "throttles before the first output",
        (make_error(429, "limit_requests"),),
        status=429,
        code="provider_throttled",
        recorded_cause="ProviderThrottled",
        charged="none",
    ),
    Row(
        "throttles before the first output, in the stream",
        (make_error_event("an error event after the role", "limit_requests", 0),),
        status=429,
        code="provider_throttled",
        recorded_cause="ProviderThrottled",
        charged="presumed",
    ),
    Row(
        "fails before the first output",
        (make_error(500, "InternalError"), make_error_event("an error event after the role", "InternalError", 0)),
        status=503,
        code="provider_failed",
        recorded_cause="ProviderFault",
        charged="presumed",
    ),
    Row(
        "rejects the provider key",
        (make_error(401, "invalid_api_key"),),
        status=502,
        code="provider_auth_failed",
        recorded_cause="ProviderKeyRefused",
        charged="none",
    ),
    Row(
        "rejects the content before the first output",
        (make_error_event("an error event after the role", "data_inspection_failed", 0),),
        status=400,
        code="provider_refused",
        recorded_cause="ProviderRefused",
        charged="presumed",
        is_final=True,
    ),
    Row(
        "sends a malformed answer before the first output",
        (
            Variant("an empty body"),
            Variant("`[DONE]` alone", (DONE,)),
            Variant("cut before the first event", (), "closes"),
            Variant("cut after the role", (encode_texts(0),), "closes"),
            Variant("reset after the role", (encode_texts(0), 0.1), "resets"),
            Variant("no JSON", (b"data: {\n\n",)),
            Variant("a tool call of wrong form", (_WRONG_CALL,)),
            Variant("a text of wrong form", (_WRONG_TEXT,)),
            Variant(
                "an HTML page",
                (b"<html><body>Bad gateway</body></html>",),
                head=HEAD.replace(b"text/event-stream", b"text/html"),
            ),
        ),
        status=502,
        code="provider_answer_broken",
        recorded_cause="ProviderAnswerBroken",
        charged="presumed",
    ),
    Row(
        "stalls before the first output",
        (
            Variant("no data", (), "hangs", limits=SHORT),
            Variant("a role and no more data", (encode_texts(0),), "hangs", limits=SHORT),
            Variant("single bytes", (), "drips", limits=SHORT),
            Variant("comments alone", _COMMENTS, limits=SHORT),
        ),
        status=504,
        code="provider_timeout",
        recorded_cause="ProviderTimeout",
        charged="presumed",
    ),
    Row(
        "sends a malformed answer in the middle",
        (
            Variant("cut after 1 chunk", (encode_texts(1),), "closes", text=join_texts(1)),
            Variant("cut after 5 chunks", (encode_texts(5),), "closes"),
            Variant("reset", (encode_texts(2), 0.1), "resets", text=join_texts(2)),
            Variant("cut in mid-line", (encode_texts(2), _CUT_LINE[:30]), "closes", text=join_texts(2)),
            Variant(
                "cut within a character",
                (encode_texts(2), _CUT_LINE.partition("世".encode())[0] + b"\xe4"),
                "closes",
                text=join_texts(2),
            ),
            Variant("ended without a `finish_reason`", (encode_texts(3),), text=join_texts(3)),
            Variant("`[DONE]` without a `finish_reason`", (encode_texts(3), DONE), text=join_texts(3)),
            Variant("no JSON", end_with(b"data: {\n\n", 3), text=join_texts(3)),
            Variant("no UTF-8", end_with(b'data: {"choices": "\xff"}\n\n', 3), text=join_texts(3)),
            Variant(
                "a chunk of wrong form", end_with(stream({"choices": [{"delta": 7}]}, *_CHUNKS), 3), text=join_texts(3)
            ),
            Variant(
                "a tool call of wrong form",
                (encode_texts(1), encode_chunks(*_CHUNKS[2:4]) + _WRONG_CALL),
                text=join_texts(3),
            ),
            Variant("a text of wrong form", (encode_texts(3), _WRONG_TEXT), text=join_texts(3)),
            Variant("one of two choices without an end", (encode_texts(5), _ONE_FINISH), fields=_TWO),
            Variant("cut after one of two choices", (encode_texts(5), encode_chunks(finish())), "closes", fields=_TWO),
        ),
        code="provider_answer_broken",
        recorded_cause="ProviderAnswerBroken",
        charged="presumed",
    ),
    Row(
        "fails in the middle",
        (make_error_event("an error event", "InternalError", 2),),
        code="provider_failed",
        recorded_cause="ProviderFault",
        charged="presumed",
    ),
    Row(
        "throttles in the middle",
        (make_error_event("an error event", "limit_requests", 2),),
        code="provider_throttled",
        recorded_cause="ProviderThrottled",
        charged="presumed",
    ),
    Row(
        "rejects the content in the middle",
        (make_error_event("an error event", "data_inspection_failed", 2),),
        code="provider_refused",
        recorded_cause="ProviderRefused",
        charged="presumed",
    ),
    Row(
        "stalls in the middle",
        (
            Variant("no data", (encode_texts(2),), "hangs", text=join_texts(2), limits=SHORT),
            Variant("single bytes", (encode_texts(2),), "drips", text=join_texts(2), limits=SHORT),
            Variant("comments alone", (encode_texts(2), *_COMMENTS), text=join_texts(2), limits=SHORT),
        ),
        code="provider_timeout",
        recorded_cause="ProviderTimeout",
        charged="presumed",
    ),
)
