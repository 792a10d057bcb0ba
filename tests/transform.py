"""Print what CloudFormation makes of our SAM template, as JSON, without an account.

Run by the interpreter that carries sam: `.tools/sam/bin/python tests/transform.py template.yaml`. Intrinsic functions
stay in, so that cfn-lint can judge them. Options tell of a deployment what the template itself does not know.
"""

import argparse
import contextlib
import json
import logging
import os
import sys
from pathlib import Path
from typing import Any
from unittest import mock

from samcli.lib.utils.hash import dir_checksum  # type: ignore[import-not-found]
from samcli.yamlhelper import yaml_parse  # type: ignore[import-not-found]
from samtranslator.translator.transform import transform  # type: ignore[import-not-found]

LOCAL_CODE = {"AWS::Serverless::Function": "CodeUri", "AWS::Serverless::LayerVersion": "ContentUri"}


class NoManagedPolicies:
    """Our roles are explicit: the template names no AWS managed policy."""

    def load(self) -> dict[str, str]:
        return {}


def processed(template_file: Path, parameters: dict[str, str]) -> dict[str, Any]:
    """Return the template as CloudFormation runs it, each folder of code at the address that `sam package` gives it."""
    template = yaml_parse(template_file.read_text(encoding="utf-8"))
    for resource in template["Resources"].values():
        if name := LOCAL_CODE.get(resource["Type"]):
            folder = template_file.parent / resource["Properties"][name]
            resource["Properties"][name] = f"s3://bucket/{dir_checksum(str(folder.resolve()))}"
    transformed: dict[str, Any] = transform(template, parameters, NoManagedPolicies())
    return transformed


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("template", type=Path)
    parser.add_argument("--parameters", type=json.loads, default={}, help="the deployment's values, as a JSON object")
    parser.add_argument("--at", type=int, help="its time, in seconds since 1970: SAM names an API's deployment by it")
    return parser.parse_args()


if __name__ == "__main__":
    # The translator asks boto3 for a region, to name the partition, and warns of switches that only the service has.
    os.environ.setdefault("AWS_DEFAULT_REGION", "us-east-1")
    logging.getLogger("samtranslator.feature_toggle").setLevel(logging.ERROR)
    given = arguments()
    clock = mock.patch("time.time", return_value=given.at) if given.at else contextlib.nullcontext()
    with clock:
        document = processed(given.template, given.parameters)
    json.dump(document, sys.stdout, indent=2)
