"""Record the release that pyproject.toml names: its template, and items as its code writes them.

Run `python -m tests.stack.upgrade` when a release is made, and never again for the same one. The upgrade test deploys
each recorded template, stores its items and upgrades to the current template. All keys are fictitious.
"""

import json
import os
import shutil
import tomllib
from pathlib import Path
from typing import Any

from qwen_gateway.ledger import UsageLedger
from qwen_gateway.ledger.administration import KeyAdministration
from tests.builders import usage_record
from tests.integration.emulated_aws import TEMPLATE, Aws, emulated_aws

NOW = 1_764_000_000
CENTURY_DAYS = 36_500
"""Retention of the record and grace of the rotated token, so that neither expires before the test runs."""


def record(aws: Aws) -> dict[str, Any]:
    """Write keys, a usage record and a provider key, and return them with the tokens and what each token has to do."""
    keys = KeyAdministration(aws.dynamodb, aws.keys_table)
    active = keys.create("backend", NOW)
    before_rotation = keys.create("rotated", NOW)
    rotated = keys.rotate(before_rotation.key.id, CENTURY_DAYS * 86_400, NOW)
    expired = keys.create("expired", NOW, NOW + 60)
    revoked = keys.create("revoked", NOW)
    keys.revoke(revoked.key.id)
    UsageLedger(aws.dynamodb, aws.usage_table, CENTURY_DAYS).put_record(usage_record(key_id=active.key.id, created=NOW))
    aws.store_provider_keys(dashscope="sk-fictitious-key-of-a-release")
    secret = aws.secretsmanager.get_secret_value(SecretId=aws.provider_keys_secret)["SecretString"]
    return {
        "accepted_tokens": [active.token, before_rotation.token, rotated.token],
        "refused_tokens": {"expired_api_key": expired.token, "revoked_api_key": revoked.token},
        "KeysTable": aws.dynamodb.scan(TableName=aws.keys_table)["Items"],
        "UsageTable": aws.dynamodb.scan(TableName=aws.usage_table)["Items"],
        "ProviderKeysSecret": json.loads(secret),
    }


def main() -> None:
    root = TEMPLATE.parent
    version = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    folder = Path(__file__).parent / version
    folder.mkdir()
    os.environ.update(AWS_ACCESS_KEY_ID="test", AWS_SECRET_ACCESS_KEY="test", AWS_DEFAULT_REGION="us-east-1")
    with emulated_aws() as aws:
        items = record(aws)
    shutil.copy(TEMPLATE, folder / "template.yaml")
    (folder / "items.json").write_text(json.dumps(items, indent=2) + "\n", encoding="utf-8")
    print(f"recorded {folder.relative_to(root)}")


if __name__ == "__main__":
    main()
