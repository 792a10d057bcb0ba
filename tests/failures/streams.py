"""What the client of a stream sees of what a provider does: one table, which tests hold to what is seen over HTTP.

A provider sends its body in parts: bytes, and pauses in seconds between them. The client asks for the usage, and one
target is asked once.
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
HURRIED: Mapping[str, float] = MappingProxyType({"first_token": 0.6, "silence": 0.6})
"""Limits for those that wait until one of them ends it, in seconds."""
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nx-request-id: req-scripted\r\n"


class Way(NamedTuple):
    """One way in which a provider does it.

    `end` is what becomes of the connection after the last part: the body `ends`, or the provider `closes`, `resets`,
    `hangs` or `drips`. `text` is what the client reads until then, `limits` are the gateway's where they matter, and
    `asks` is what the request asks for.
    """

    words: str
    parts: tuple[bytes | float, ...] = ()
    end: str = "ends"
    text: str = WHOLE
    limits: Mapping[str, float] = MappingProxyType({})
    asks: Mapping[str, Any] = MappingProxyType({})
    head: bytes = HEAD

    @property
    def http(self) -> int:
        """The provider's status."""
        return int(self.head.split()[1])


class Row(NamedTuple):
    """What a provider does, and what is seen of it.

    `status` is the HTTP status that the client gets, `code` the error's, empty when it is answered; then `finish` is
    its last finish_reason and `tokens` says whether the usage is known. `recorded` is the cause that the attempt's
    record keeps, `charged` what it says of the bill.
    """

    what: str
    ways: tuple[Way, ...]
    status: int = 200
    code: str = ""
    finish: str = "stop"
    tokens: bool = True
    recorded: str | None = None
    charged: str = "billed"
    is_final: bool = False
    """Whether no other target may be asked although nothing was said yet."""

    @property
    def says_nothing(self) -> bool:
        """Whether the failure comes before the first output."""
        return self.status != 200


def said(count: int) -> bytes:
    """Return the events of an answer's first texts."""
    return encode_chunks(*text_chunks(*TEXTS[:count]))


def texts(count: int) -> str:
    """Return what a client has read after so many chunks of text."""
    return "".join(TEXTS[:count])


def told(event: bytes, after: int) -> tuple[bytes, ...]:
    """Return the parts of an answer that an event ends after so many texts."""
    return (said(after), event)


def refused(status: int, code: str) -> Way:
    """Return a way that is no stream at all."""
    head = b"HTTP/1.1 %d Refused\r\ncontent-type: application/json\r\nx-request-id: req-scripted\r\n" % status
    return Way(f"{status} `{code}`", (json.dumps(error_body(MARKED, code)).encode(),), head=head)


def failing(words: str, code: str, after: int) -> Way:
    """Return a way that ends with an error event."""
    return Way(words, told(error_event(MARKED, code), after), text=texts(after))


def _with_usage(document: dict[str, Any], completion: int) -> dict[str, Any]:
    return {**document, "usage": usage(12, completion)["usage"]}


_CHUNKS = (*text_chunks(*TEXTS), finish())
_ANSWER = encode_chunks(*_CHUNKS)
_REST = stream(*_CHUNKS[2:], usage())
_FINISHED = stream(*_CHUNKS, usage())
_COMMENTED = b": hello\n\nevent: message\nid: 7\nretry: 1\n" + _FINISHED.replace(b"data:", b": ping\n\ndata:")
_THOUGHT = encode_chunks(*text_chunks(), chunk({"reasoning_content": "Hm. "}), chunk({"reasoning_content": "So."}))
_TWO = {"n": 2}
_WRONG_CALL = stream(chunk({"tool_calls": [{"index": 0, "function": 7}]}), *_CHUNKS)
_WRONG_TEXT = stream(chunk({"content": ["Hel"]}), *_CHUNKS)
_CUT_LINE = encode_chunks(chunk({"content": "世界"}))

ROWS = (
    Row(
        "answers",
        (
            Way("chunk by chunk", (*map(encode_chunks, (*_CHUNKS, usage())), DONE)),
            Way("all at once", (_FINISHED,)),
            Way("byte by byte", tuple(bytes([byte]) for byte in _FINISHED)),
            Way("lines that end in CRLF", (_FINISHED.replace(b"\n", b"\r\n"),)),
            Way("comments and other fields between", (_COMMENTED,)),
            Way("a byte order mark first", (b"\xef\xbb\xbf" + stream(*_CHUNKS[1:], usage()),)),
            Way(
                "line breaks within chunks",
                (_FINISHED.replace(b', "delta"', b',\ndata: "delta"').replace(b', "model"', b',\r"model"'),),
            ),
            Way("a chunk of 1 MB", (stream(*text_chunks(LONGEST), finish(), usage()),), text=LONGEST),
            Way("thoughts first", (_THOUGHT, _FINISHED)),
            Way(
                "two choices",
                (said(5), stream(*text_chunks("B", index=1), finish(index=1), finish(), usage())),
                asks=_TWO,
            ),
            Way("no `[DONE]`", (_ANSWER, encode_chunks(usage()))),
            Way("silence after `[DONE]`", (_FINISHED,), "hangs"),
            Way("usage with the finish", (stream(*_CHUNKS[:-1], _with_usage(finish(), 3)),)),
            Way("usage in every chunk", (stream(*(_with_usage(each, at - 3) for at, each in enumerate(_CHUNKS))),)),
            Way("usage twice", (stream(*_CHUNKS, usage(1, 1), usage()),)),
            Way(
                "pauses shorter than each limit",
                (0.7, said(1), 0.7, _REST[:9], 0.3, _REST[9:]),
                limits={"first_token": 1.4, "silence": 1.4},
            ),
            Way("a first output later than silence may last", (0.6, _FINISHED), limits={"silence": 0.2}),
            Way(
                "silence longer than a first output may take",
                (said(1), 1.5, _REST),
                limits={"first_token": 1},
            ),
        ),
    ),
    Row(
        "answers, but tells no usage",
        (
            Way("none", (_ANSWER + DONE,)),
            Way("neither usage nor `[DONE]`", (_ANSWER,)),
            Way("cut after the finish", (_ANSWER,), "closes"),
            Way("reset after the finish", (_ANSWER, 0.1), "resets"),
            Way("silence after the finish", (_ANSWER,), "hangs", limits=HURRIED),
            Way("usage of wrong form", (stream(*_CHUNKS, {**usage(), "usage": "12 + 3"}),)),
        ),
        tokens=False,
    ),
    Row(
        "says nothing, but finishes",
        (
            Way("finish alone", (stream(finish(), usage()),), text=""),
            Way("role and finish", (stream(*text_chunks(), finish(), usage()),), text=""),
        ),
    ),
    Row(
        "ends the answer for its content",
        (Way("`finish_reason` `content_filter`", (said(2), stream(finish("content_filter"), usage())), text=texts(2)),),
        finish="content_filter",
    ),
    Row(
        "throttles before the first output",
        (refused(429, "limit_requests"),),
        status=429,
        code="provider_throttled",
        recorded="ProviderThrottled",
        charged="none",
    ),
    Row(
        "throttles before it, in the stream",
        (failing("an error event after the role", "limit_requests", 0),),
        status=429,
        code="provider_throttled",
        recorded="ProviderThrottled",
        charged="presumed",
    ),
    Row(
        "fails before it",
        (refused(500, "InternalError"), failing("an error event after the role", "InternalError", 0)),
        status=503,
        code="provider_failed",
        recorded="ProviderFault",
        charged="presumed",
    ),
    Row(
        "refuses our key",
        (refused(401, "invalid_api_key"),),
        status=502,
        code="provider_auth_failed",
        recorded="ProviderKeyRefused",
        charged="none",
    ),
    Row(
        "refuses the content before it",
        (failing("an error event after the role", "data_inspection_failed", 0),),
        status=400,
        code="provider_refused",
        recorded="ProviderRefused",
        charged="presumed",
        is_final=True,
    ),
    Row(
        "breaks its answer before it",
        (
            Way("an empty body"),
            Way("`[DONE]` alone", (DONE,)),
            Way("cut before the first event", (), "closes"),
            Way("cut after the role", (said(0),), "closes"),
            Way("reset after the role", (said(0), 0.1), "resets"),
            Way("no JSON", (b"data: {\n\n",)),
            Way("a tool call of wrong form", (_WRONG_CALL,)),
            Way("a text of wrong form", (_WRONG_TEXT,)),
            Way("no event stream", (_FINISHED,), head=HEAD.replace(b"text/event-stream", b"text/html")),
        ),
        status=502,
        code="provider_answer_broken",
        recorded="ProviderAnswerBroken",
        charged="presumed",
    ),
    Row(
        "is silent before it",
        (
            Way("nothing", (), "hangs", limits=HURRIED),
            Way("a role and nothing", (said(0),), "hangs", limits=HURRIED),
            Way("single bytes", (), "drips", limits=HURRIED),
            Way("comments alone", tuple(each for _ in range(20) for each in (b": ping\n\n", 0.1)), limits=HURRIED),
        ),
        status=504,
        code="provider_timeout",
        recorded="ProviderTimeout",
        charged="presumed",
    ),
    Row(
        "breaks its answer in the middle",
        (
            Way("cut after 1 chunk", (said(1),), "closes", text=texts(1)),
            Way("cut after 5 chunks", (said(5),), "closes"),
            Way("reset", (said(2), 0.1), "resets", text=texts(2)),
            Way("cut in mid-line", (said(2), _CUT_LINE[:30]), "closes", text=texts(2)),
            Way(
                "cut within a character",
                (said(2), _CUT_LINE.partition("世".encode())[0] + b"\xe4"),
                "closes",
                text=texts(2),
            ),
            Way("ended without a `finish_reason`", (said(3),), text=texts(3)),
            Way("`[DONE]` without a `finish_reason`", (said(3), DONE), text=texts(3)),
            Way("no JSON", told(b"data: {\n\n", 3), text=texts(3)),
            Way("no UTF-8", told(b'data: {"choices": "\xff"}\n\n', 3), text=texts(3)),
            Way("a chunk of wrong form", told(stream({"choices": [{"delta": 7}]}, *_CHUNKS), 3), text=texts(3)),
            Way("a tool call of wrong form", (said(1), encode_chunks(*_CHUNKS[2:4]) + _WRONG_CALL), text=texts(3)),
            Way("a text of wrong form", (said(3), _WRONG_TEXT), text=texts(3)),
            Way(
                "one of two choices without an end", (said(5), stream(*text_chunks("B", index=1), finish())), asks=_TWO
            ),
            Way("cut after one of two choices", (said(5), encode_chunks(finish())), "closes", asks=_TWO),
        ),
        code="provider_answer_broken",
        recorded="ProviderAnswerBroken",
        charged="presumed",
    ),
    Row(
        "fails in the middle",
        (failing("an error event", "InternalError", 2),),
        code="provider_failed",
        recorded="ProviderFault",
        charged="presumed",
    ),
    Row(
        "throttles in the middle",
        (failing("an error event", "limit_requests", 2),),
        code="provider_throttled",
        recorded="ProviderThrottled",
        charged="presumed",
    ),
    Row(
        "refuses the content in the middle",
        (failing("an error event", "data_inspection_failed", 2),),
        code="provider_refused",
        recorded="ProviderRefused",
        charged="presumed",
    ),
    Row(
        "is silent in the middle",
        (
            Way("nothing", (said(2),), "hangs", text=texts(2), limits=HURRIED),
            Way("single bytes", (said(2),), "drips", text=texts(2), limits=HURRIED),
            Way(
                "comments alone",
                (said(2), *(each for _ in range(20) for each in (b": ping\n\n", 0.1))),
                text=texts(2),
                limits=HURRIED,
            ),
        ),
        code="provider_timeout",
        recorded="ProviderTimeout",
        charged="presumed",
    ),
)
