"""Print the OpenAPI document; the template as CloudFormation runs it comes in on standard input."""

import json
import sys

from qwen_gateway_cli.openapi import text

sys.stdout.write(text(json.load(sys.stdin)))
