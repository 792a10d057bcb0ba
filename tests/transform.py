"""Print what CloudFormation makes of our SAM template, as JSON, without an account.

Run by the interpreter that carries sam: `.tools/sam/bin/python tests/transform.py template.yaml`.
Intrinsic functions stay in, so that cfn-lint can judge them.
"""

import json
import logging
import os
import sys
from pathlib import Path
from typing import Any

from samcli.yamlhelper import yaml_parse  # type: ignore[import-not-found]
from samtranslator.translator.transform import transform  # type: ignore[import-not-found]

LOCAL_CODE = {"AWS::Serverless::Function": "CodeUri", "AWS::Serverless::LayerVersion": "ContentUri"}


class NoManagedPolicies:
    """Our roles are explicit: the template names no AWS managed policy."""

    def load(self) -> dict[str, str]:
        return {}


def processed(template_file: Path) -> dict[str, Any]:
    """Return the template as CloudFormation runs it; SAM refuses folders as code, so they become S3 addresses."""
    template = yaml_parse(template_file.read_text(encoding="utf-8"))
    for resource in template["Resources"].values():
        if folder := LOCAL_CODE.get(resource["Type"]):
            resource["Properties"][folder] = "s3://bucket/key"
    transformed: dict[str, Any] = transform(template, {}, NoManagedPolicies())
    return transformed


if __name__ == "__main__":
    # The translator asks boto3 for a region, to name the partition, and warns of switches that only the service has.
    os.environ.setdefault("AWS_DEFAULT_REGION", "us-east-1")
    logging.getLogger("samtranslator.feature_toggle").setLevel(logging.ERROR)
    json.dump(processed(Path(sys.argv[1])), sys.stdout, indent=2)
