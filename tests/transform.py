"""Print the SAM template as CloudFormation transforms it, as JSON, without an account.

Run it with the interpreter of sam's environment: `.tools/sam/bin/python tests/transform.py template.yaml`. Intrinsic
functions are kept for cfn-lint. Options set the parameters and the time of the deployment.
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
    """Loader without managed policies: the template uses none, its roles are explicit."""

    def load(self) -> dict[str, str]:
        return {}


def transform_template(template_file: Path, parameters: dict[str, str]) -> dict[str, Any]:
    """Return the transformed template, with the S3 address of `sam package` for each code folder."""
    template = yaml_parse(template_file.read_text(encoding="utf-8"))
    for resource in template["Resources"].values():
        if name := LOCAL_CODE.get(resource["Type"]):
            folder = template_file.parent / resource["Properties"][name]
            resource["Properties"][name] = f"s3://bucket/{dir_checksum(str(folder.resolve()))}"
    transformed: dict[str, Any] = transform(template, parameters, NoManagedPolicies())
    return transformed


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("template", type=Path)
    parser.add_argument(
        "--parameters", type=json.loads, default={}, help="parameters of the deployment, as a JSON object"
    )
    parser.add_argument(
        "--at", type=int, help="time of the deployment, in seconds since 1970: SAM names an API's deployment by it"
    )
    return parser.parse_args()


if __name__ == "__main__":
    # The translator derives the partition from boto3's region, and warns about feature flags of the managed service.
    os.environ.setdefault("AWS_DEFAULT_REGION", "us-east-1")
    logging.getLogger("samtranslator.feature_toggle").setLevel(logging.ERROR)
    options = parse_arguments()
    clock = mock.patch("time.time", return_value=options.at) if options.at else contextlib.nullcontext()
    with clock:
        document = transform_template(options.template, options.parameters)
    json.dump(document, sys.stdout, indent=2)
