"""A minimal chat handler with the openai SDK, boto3 and one put: no API keys, limits, deadline or error codes."""

import json
import os
import time
from typing import Any

import boto3
from openai import OpenAI

qwen = OpenAI(base_url=os.environ["PROVIDER_URL"], api_key=os.environ["PROVIDER_KEY"])
dynamodb = boto3.client("dynamodb")


def lambda_handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Answer one chat call and store its usage."""
    answer = qwen.chat.completions.create(**json.loads(event["body"]))
    if answer.usage is None:
        raise ValueError("the provider reported no usage")
    dynamodb.put_item(
        TableName=os.environ["USAGE_TABLE"],
        Item={
            "id": {"S": context.aws_request_id},
            "time": {"N": str(int(time.time()))},
            "model": {"S": answer.model},
            "tokens_in": {"N": str(answer.usage.prompt_tokens)},
            "tokens_out": {"N": str(answer.usage.completion_tokens)},
        },
    )
    return {"statusCode": 200, "headers": {"content-type": "application/json"}, "body": answer.model_dump_json()}
