"""Print the SAM template as CloudFormation transforms it, as JSON, without an account.

Run it with the interpreter of sam's environment: `.tools/sam/bin/python tests/transform.py template.yaml`. Intrinsic
functions are kept for cfn-lint. Without a template, each line of the input is a JSON object with `template`,
`parameters` and `at` (the time of the deployment in seconds since 1970, by which SAM names an API's deployment), and
each line of the output is a transformed template: tests transform many, and importing the translator takes seconds.
"""

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
            resource["Properties"][name] = (
                f"s3://bucket/{dir_checksum(str(folder.resolve()), ignore_list=['__pycache__'])}"
            )
    transformed: dict[str, Any] = transform(template, parameters, NoManagedPolicies())
    return transformed


def serve() -> None:
    """Transform the template of each line of the input."""
    for line in sys.stdin:
        request = json.loads(line)
        with mock.patch("time.time", return_value=request["at"]):
            document = transform_template(Path(request["template"]), request["parameters"])
        print(json.dumps(document), flush=True)  # noqa: T201 - the answer


if __name__ == "__main__":
    # The translator derives the partition from boto3's region, and warns about feature flags of the managed service.
    os.environ.setdefault("AWS_DEFAULT_REGION", "us-east-1")
    logging.getLogger("samtranslator.feature_toggle").setLevel(logging.ERROR)
    if len(sys.argv) > 1:
        json.dump(transform_template(Path(sys.argv[1]), {}), sys.stdout, indent=2)
    else:
        serve()
