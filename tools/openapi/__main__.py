"""`python -m tools.openapi`: print the OpenAPI document of the transformed template on standard input."""

import json
import sys

from tools.openapi import format_document

if __name__ == "__main__":
    sys.stdout.write(format_document(json.load(sys.stdin)))
