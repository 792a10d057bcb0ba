"""Expected stream of a response for each provider behaviour, as `streams` has it for chat completions."""

import json

from tests.builders.responses import begin, complete, encode_events, end_text, fail, text_delta
from tests.failures.streams import HEAD, MARKED, SHORT, TEXTS, WHOLE, Row, Variant, join_texts

_START = encode_events(*begin())
_DELTAS = [encode_events(text_delta(text)) for text in TEXTS]
_TEXT_END = encode_events(*end_text(WHOLE))
_END = encode_events(complete(WHOLE))
_ANSWER = _START + b"".join(_DELTAS) + _TEXT_END
_FINISHED = _ANSWER + _END
_UNKNOWN = encode_events({"type": "response.weather_report", "rain": True})
_PINGS = tuple(each for _ in range(20) for each in (b": ping\n\n", 0.1))
_WRONG_DELTA = encode_events({"type": "response.output_text.delta"}).replace(b'"response.output_text.delta"', b"7")


def encode_texts(count: int) -> bytes:
    """Return the events up to the first `count` texts."""
    return _START + b"".join(_DELTAS[:count])


def make_error(status: int, code: str) -> Variant:
    """Return a variant that responds with an HTTP error in the flat envelope."""
    head = b"HTTP/1.1 %d Refused\r\ncontent-type: application/json\r\nx-request-id: req-scripted\r\n" % status
    body = {"request_id": "req-scripted", "code": code, "message": MARKED}
    return Variant(f"{status} `{code}`", (json.dumps(body).encode(),), head=head)


def make_failure(code: str, after: int) -> Variant:
    """Return a variant that ends with `response.failed` after `after` texts."""
    return Variant(
        f"`response.failed` with `{code}`",
        (encode_texts(after), encode_events(fail(MARKED, code))),
        text=join_texts(after),
    )


def make_error_event(code: str, after: int, *, nested: bool) -> Variant:
    """Return a variant that ends with an event `error` after `after` texts."""
    error = {"code": code, "message": MARKED, "param": None}
    event = encode_events({"type": "error", **({"error": error} if nested else error)})
    where = "in an object" if nested else "at the top"
    return Variant(f"`error` with `{code}` {where}", (encode_texts(after), event), text=join_texts(after))


ROWS = (
    Row(
        "answers",
        (
            Variant("event by event", (_START, *_DELTAS, _TEXT_END, _END)),
            Variant("all at once", (_FINISHED,)),
            Variant("byte by byte", tuple(bytes([byte]) for byte in _FINISHED)),
            Variant("lines that end in CRLF", (_FINISHED.replace(b"\n", b"\r\n"),)),
            Variant("comments between", (_FINISHED.replace(b"event:", b": hello\n\nevent:"), *_PINGS[:2])),
            Variant("an unknown event", (encode_texts(2), _UNKNOWN, b"".join(_DELTAS[2:]) + _TEXT_END + _END)),
            Variant("`[DONE]` after the end", (_FINISHED, b"data: [DONE]\n\n")),
            Variant("open connection after the end", (_FINISHED,), "hangs"),
            Variant("data without names", (_FINISHED.replace(b"event:", b": "),)),
            Variant("an output cap", (_ANSWER, encode_events(complete(WHOLE, status="incomplete")))),
        ),
    ),
    Row(
        "answers without usage",
        (Variant("none", (_ANSWER, encode_events(complete(WHOLE, usage=None)))),),
        tokens=False,
    ),
    Row(
        "finishes without output",
        (Variant("start and end", (encode_events(begin()[0]), encode_events(complete(""))), text=""),),
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
        (make_failure("limit_requests", 0),),
        status=429,
        code="provider_throttled",
        recorded_cause="ProviderThrottled",
        charged="presumed",
    ),
    Row(
        "fails before the first output",
        (
            make_error(500, "InternalError"),
            make_failure("InternalError", 0),
            make_error_event("server_error", 0, nested=False),
        ),
        status=503,
        code="provider_failed",
        recorded_cause="ProviderFault",
        charged="presumed",
    ),
    Row(
        "rejects the provider key",
        (make_error(401, "InvalidApiKey"),),
        status=502,
        code="provider_auth_failed",
        recorded_cause="ProviderKeyRefused",
        charged="none",
    ),
    Row(
        "rejects the request with the first event",
        (Variant("`response.failed`", (encode_events(fail(MARKED, "InvalidParameter")),)),),
        status=400,
        code="provider_refused",
        recorded_cause="ProviderRefused",
        charged="none",
        is_final=True,
    ),
    Row(
        "rejects the request before the first output",
        (make_failure("InvalidParameter", 0),),
        status=400,
        code="provider_refused",
        recorded_cause="ProviderRefused",
        charged="presumed",
        is_final=True,
    ),
    Row(
        "does not serve the model",
        (
            Variant(
                "`response.failed`",
                (encode_events(fail("Unsupported model: 'qwen-plus'", "InvalidParameter")),),
            ),
        ),
        status=502,
        code="route_model_missing",
        recorded_cause="ProviderModelMissing",
        charged="none",
    ),
    Row(
        "sends a malformed answer before the first output",
        (
            Variant("an empty body"),
            Variant("cut before the first event", (), "closes"),
            Variant("cut after the start", (_START,), "closes"),
            Variant("reset after the start", (_START, 0.1), "resets"),
            Variant("no JSON", (b"event:response.created\ndata:{\n\n",)),
            Variant("no object", (b"data: [1]\n\n",)),
            Variant("an event of wrong form", (_WRONG_DELTA,)),
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
            Variant("cut within an event", (encode_texts(3) + _DELTAS[3][:60],), "closes", text=join_texts(3)),
            Variant("ended without a last event", (_ANSWER,)),
            Variant("`[DONE]` without a last event", (_ANSWER, b"data: [DONE]\n\n")),
            Variant("no JSON", (encode_texts(3), b"event:response.output_text.delta\ndata:{\n\n"), text=join_texts(3)),
            Variant("no UTF-8", (encode_texts(3), b'data: {"type": "\xff"}\n\n'), text=join_texts(3)),
            Variant("an event of wrong form", (encode_texts(3), _WRONG_DELTA), text=join_texts(3)),
        ),
        code="provider_answer_broken",
        recorded_cause="ProviderAnswerBroken",
        charged="presumed",
    ),
    Row(
        "fails in the middle",
        (
            make_failure("InternalError", 2),
            make_error_event("server_error", 2, nested=False),
            make_error_event("server_error", 2, nested=True),
        ),
        code="provider_failed",
        recorded_cause="ProviderFault",
        charged="presumed",
    ),
    Row(
        "throttles in the middle",
        (make_failure("limit_requests", 2),),
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
