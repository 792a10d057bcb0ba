"""A small `aws`, to run the commands of the documents: it sends each through boto3, by the model of the API.

It knows the subset of the AWS CLI's syntax that the documents use: options of scalars, lists and structures in the
short form, flags, `wait`, `--query` and `--output text`. An option that the operation does not have is an error.
"""

import json
import sys
from collections.abc import Iterator
from typing import Any

import boto3
import jmespath
from botocore import xform_name


def run(service: str, operation: str, *words: str) -> str:
    """Run a command and return its output."""
    client: Any = boto3.client(service)  # type: ignore[call-overload]
    if operation == "wait":
        name, *words_left = words
        waiter = client.get_waiter(name.replace("-", "_"))
        model = client.meta.service_model.operation_model(waiter.config.operation)
        waiter.wait(**dict(_parse(model.input_shape, words_left)))
        return ""
    options, query, output = _split_global_options(list(words))
    method = operation.replace("-", "_")
    model = client.meta.service_model.operation_model(client.meta.method_to_api_mapping[method])
    parameters = dict(_parse(model.input_shape, options))
    if client.can_paginate(method):
        response = client.get_paginator(method).paginate(**parameters).build_full_result()
    else:
        response = getattr(client, method)(**parameters)
        response.pop("ResponseMetadata", None)
    result = jmespath.search(query, response) if query else response
    return _format_text(result) if output == "text" else json.dumps(result, indent=4, default=str)


def _split_global_options(words: list[str]) -> tuple[list[str], str, str]:
    values = {"--query": "", "--output": "json"}
    for name in values:
        if name in words:
            position = words.index(name)
            values[name] = words[position + 1]
            del words[position : position + 2]
    return words, values["--query"], values["--output"]


def _parse(shape: Any, words: list[str]) -> Iterator[tuple[str, Any]]:
    members = {f"--{xform_name(name, '-')}": (name, member) for name, member in shape.members.items()}
    while words:
        option = words.pop(0)
        name, member = members[option]
        values = []
        while words and not words[0].startswith("--"):
            values.append(words.pop(0))
        yield name, _convert(member, values)


def _convert(shape: Any, values: list[str]) -> Any:
    if shape.type_name == "boolean" and not values:
        return True
    if shape.type_name == "list":
        return [_convert(shape.member, [value]) for value in values]
    (value,) = values
    match shape.type_name:
        case "structure":
            pairs = (pair.split("=", 1) for pair in value.split(","))
            return {name: _convert(shape.members[name], [text]) for name, text in pairs}
        case "boolean":
            return {"true": True, "false": False}[value]
        case "integer" | "long":
            return int(value)
    return value


def _format_text(result: Any) -> str:
    if isinstance(result, list):
        return "\t".join(str(each) for each in result)
    return str(result)


if __name__ == "__main__":
    if printed := run(*sys.argv[1:]):
        print(printed)  # noqa: T201 - a program
