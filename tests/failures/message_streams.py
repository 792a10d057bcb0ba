"""Expected stream of a message for each provider behaviour, as `streams` has it for chat completions."""

import json

from tests.builders.messages import block, encode_events, message_end, message_error, message_start, text_block
from tests.failures.streams import HEAD, MARKED, SHORT, TEXTS, Row, Variant, join_texts

_START = encode_events(message_start(), text_block()[0])
_DELTAS = [encode_events(event) for event in text_block(*TEXTS)[1:-1]]
_STOP = encode_events(text_block()[-1])
_END = encode_events(*message_end())
_ANSWER = _START + b"".join(_DELTAS) + _STOP
_FINISHED = _ANSWER + _END
_NO_USAGE = encode_events(*message_end(usage=None))
_UNKNOWN = encode_events({"type": "weather_report", "rain": True})
_PINGS = tuple(each for _ in range(20) for each in (encode_events({"type": "ping"}), 0.1))
_THINKING = encode_events(
    *block(0, {"type": "thinking", "thinking": "", "signature": ""}, {"type": "thinking_delta", "thinking": "Hm."})
)
_WRONG_DELTA = encode_events({"type": "content_block_delta", "index": 0, "delta": "Hel"})
_WITHOUT_USAGE = message_start(usage=None)
_ANSWER_WITHOUT_USAGE = encode_events(_WITHOUT_USAGE, *text_block(*TEXTS))


def encode_texts(count: int) -> bytes:
    """Return the events up to the first `count` texts."""
    return _START + b"".join(_DELTAS[:count])


def make_error(status: int, kind: str) -> Variant:
    """Return a variant that responds with an HTTP error in Anthropic's form."""
    head = b"HTTP/1.1 %d Refused\r\ncontent-type: application/json\r\nx-request-id: req-scripted\r\n" % status
    body = {"type": "error", "error": {"type": kind, "message": MARKED}}
    return Variant(f"{status} `{kind}`", (json.dumps(body).encode(),), head=head)


def make_error_event(kind: str, after: int) -> Variant:
    """Return a variant that ends with an error event after `after` texts."""
    parts = (encode_texts(after), message_error(MARKED, kind))
    return Variant(f"an error event `{kind}`", parts, text=join_texts(after))


ROWS = (
    Row(
        "answers",
        (
            Variant("event by event", (_START, *_DELTAS, _STOP, *map(encode_events, message_end()))),
            Variant("all at once", (_FINISHED,)),
            Variant("byte by byte", tuple(bytes([byte]) for byte in _FINISHED)),
            Variant("lines that end in CRLF", (_FINISHED.replace(b"\n", b"\r\n"),)),
            Variant("comments and pings between", (_FINISHED.replace(b"event:", b": hello\n\nevent:"), *_PINGS[:2])),
            Variant("an unknown event", (encode_texts(2), _UNKNOWN, b"".join(_DELTAS[2:]) + _STOP + _END)),
            Variant(
                "an unknown event after the end of the text",
                (_ANSWER, _END.replace(b"event: message_stop", _UNKNOWN + b"event: message_stop")),
            ),
            Variant("thinking first", (encode_events(message_start()) + _THINKING, _FINISHED)),
            Variant("no end of the stream", (_ANSWER, encode_events(message_end()[0]))),
            Variant("open connection after the end", (_FINISHED,), "hangs"),
            Variant("data without names", (_FINISHED.replace(b"event: ", b": "),)),
        ),
    ),
    Row(
        "answers without usage",
        (
            Variant("none", (_ANSWER_WITHOUT_USAGE, _NO_USAGE)),
            Variant(
                "cut after the stop reason",
                (_ANSWER_WITHOUT_USAGE, encode_events(message_end(usage=None)[0])),
                "closes",
            ),
            Variant(
                "no data after the stop reason",
                (_ANSWER_WITHOUT_USAGE, encode_events(message_end(usage=None)[0])),
                "hangs",
                limits=SHORT,
            ),
        ),
        tokens=False,
    ),
    Row("finishes without output", (Variant("start and end", (encode_events(message_start()), _END), text=""),)),
    Row(
        "throttles before the first output",
        (make_error(429, "rate_limit_error"),),
        status=429,
        code="provider_throttled",
        recorded_cause="ProviderThrottled",
        charged="none",
    ),
    Row(
        "throttles before the first output, in the stream",
        (make_error_event("rate_limit_error", 0),),
        status=429,
        code="provider_throttled",
        recorded_cause="ProviderThrottled",
        charged="presumed",
    ),
    Row(
        "has no capacity",
        (make_error(529, "overloaded_error"), make_error_event("overloaded_error", 0)),
        status=503,
        code="provider_overloaded",
        recorded_cause="ProviderOverloaded",
        charged="presumed",
    ),
    Row(
        "fails before the first output",
        (make_error(500, "api_error"), make_error_event("api_error", 0)),
        status=503,
        code="provider_failed",
        recorded_cause="ProviderFault",
        charged="presumed",
    ),
    Row(
        "rejects the provider key",
        (make_error(401, "authentication_error"),),
        status=502,
        code="provider_auth_failed",
        recorded_cause="ProviderKeyRefused",
        charged="none",
    ),
    Row(
        "rejects the request before the first output",
        (make_error_event("invalid_request_error", 0),),
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
            Variant("cut before the first event", (), "closes"),
            Variant("cut after the start", (_START,), "closes"),
            Variant("reset after the start", (_START, 0.1), "resets"),
            Variant("no JSON", (b"event: message_start\ndata: {\n\n",)),
            Variant("no object", (b"data: [1]\n\n",)),
            Variant("a delta of wrong form", (_WRONG_DELTA,)),
            Variant(
                "an HTML page", (b"<html><body>Bad gateway</body></html>",), head=HEAD.replace(b"event-stream", b"html")
            ),
        ),
        status=502,
        code="provider_answer_broken",
        recorded_cause="ProviderAnswerBroken",
        charged="presumed",
    ),
    Row(
        "sends nothing",
        (
            Variant("no data", (), "hangs", limits=SHORT),
            Variant("the start alone", (_START,), "hangs", limits=SHORT),
            Variant("pings alone", _PINGS, limits=SHORT),
        ),
        status=504,
        code="provider_timeout",
        recorded_cause="ProviderTimeout",
        charged="presumed",
    ),
    Row(
        "breaks off in the middle",
        (
            Variant("cut after an event", (encode_texts(3),), "closes", text=join_texts(3)),
            Variant("reset after an event", (encode_texts(3), 0.1), "resets", text=join_texts(3)),
            Variant("cut within an event", (encode_texts(3) + _DELTAS[3][:40],), "closes", text=join_texts(3)),
            Variant("ended without a stop reason", (encode_texts(3) + _STOP,), text=join_texts(3)),
            Variant(
                "`message_stop` without a stop reason",
                (encode_texts(3), encode_events(message_end()[1])),
                text=join_texts(3),
            ),
            Variant("no JSON", (encode_texts(3), b"event: content_block_delta\ndata: {\n\n"), text=join_texts(3)),
            Variant("no UTF-8", (encode_texts(3), b'data: {"type": "\xff"}\n\n'), text=join_texts(3)),
            Variant("a delta of wrong form", (encode_texts(3), _WRONG_DELTA), text=join_texts(3)),
        ),
        code="provider_answer_broken",
        recorded_cause="ProviderAnswerBroken",
        charged="presumed",
    ),
    Row(
        "fails in the middle",
        (make_error_event("api_error", 2),),
        code="provider_failed",
        recorded_cause="ProviderFault",
        charged="presumed",
    ),
    Row(
        "has no capacity in the middle",
        (make_error_event("overloaded_error", 2),),
        code="provider_overloaded",
        recorded_cause="ProviderOverloaded",
        charged="presumed",
    ),
    Row(
        "throttles in the middle",
        (make_error_event("rate_limit_error", 2),),
        code="provider_throttled",
        recorded_cause="ProviderThrottled",
        charged="presumed",
    ),
    Row(
        "stalls in the middle",
        (
            Variant("no data", (encode_texts(2),), "hangs", text=join_texts(2), limits=SHORT),
            Variant("single bytes", (encode_texts(2),), "drips", text=join_texts(2), limits=SHORT),
            Variant("pings alone", (encode_texts(2), *_PINGS), text=join_texts(2), limits=SHORT),
        ),
        code="provider_timeout",
        recorded_cause="ProviderTimeout",
        charged="presumed",
    ),
)
