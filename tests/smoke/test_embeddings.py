"""Embeddings of more rows than the provider takes at once, and an answer above what Lambda buffers."""

import httpx2
import openai

from tests.smoke.claims import Claim, proves
from tests.smoke.conftest import Measure, ReadRecord

MODEL = "text-embedding-v4"
BUFFERED_BYTES = 6 * 1024 * 1024
MANY = [f"This is row {number} of many." for number in range(25)]
LARGE = [f"This is row {number} of a large answer." for number in range(320)]
"""At 2,048 numbers a row, about 13 MB."""


@proves(Claim.EMBEDDINGS)
def test_many_rows_are_embedded_and_recorded_once(client: openai.OpenAI, read_record: ReadRecord) -> None:
    answer = client.embeddings.with_raw_response.create(model=MODEL, input=MANY)

    embeddings = answer.parse()
    assert [len(row.embedding) for row in embeddings.data] == [1024] * len(MANY)
    record = read_record(answer.headers["x-request-id"])
    assert (record["endpoint"], record["outcome"]) == ("embeddings", "answered")
    assert record["tokens_in"] == embeddings.usage.prompt_tokens


@proves(Claim.LARGE_ANSWERS)
def test_an_answer_may_exceed_what_lambda_buffers(http: httpx2.Client, measure: Measure) -> None:
    body = {"model": MODEL, "input": LARGE, "dimensions": 2048, "encoding_format": "float"}

    answer = http.post("embeddings", json=body, timeout=300)

    assert answer.status_code == 200, answer.text[:500]
    assert len(answer.content) > BUFFERED_BYTES
    assert len(answer.json()["data"]) == len(LARGE)
    measure(f"{len(answer.content) / 1e6:.0f} MB", Claim.LARGE_ANSWERS)
