"""The hook that CodeDeploy invokes when all traffic of an alias goes to the new version.

CodeDeploy waits up to an hour for the result. It is therefore reported in every case, also when the layer is broken.
"""

from typing import Any

import boto3
import httpx2
from botocore.config import Config

from qwen_gateway.config import environment
from qwen_gateway.observability import logger, mute_third_party_loggers, report

mute_third_party_loggers()
# boto3 has every operation; the clients of qwen_gateway.aws have only those of the functions behind the API.
_CONFIG = Config(connect_timeout=5, read_timeout=10, retries={"mode": "standard", "total_max_attempts": 3})
_codedeploy = boto3.client("codedeploy", config=_CONFIG)
_cloudformation = boto3.client("cloudformation", config=_CONFIG)
_dynamodb = boto3.client("dynamodb", config=_CONFIG)


@logger().inject_lambda_context
def lambda_handler(event: dict[str, Any], _context: Any) -> None:
    """Test the deployed API and report `Succeeded` or `Failed` to CodeDeploy, which then rolls back."""
    passed = False
    try:
        passed = _test_api()
    except Exception as error:  # noqa: BLE001 - whatever fails, the release is not proven
        report(error)
    finally:
        _codedeploy.put_lifecycle_event_hook_execution_status(
            deploymentId=event["DeploymentId"],
            lifecycleEventHookExecutionId=event["LifecycleEventHookExecutionId"],
            status="Succeeded" if passed else "Failed",
        )


def _test_api() -> bool:
    """Return whether no check failed. Each result is logged."""
    # Imported here, so that the failure of an import is reported too.
    from qwen_gateway.ledger.administration import KeyAdministration  # noqa: PLC0415
    from smoke_hook.service import SmokeTest  # noqa: PLC0415

    names = environment()
    keys = KeyAdministration(_dynamodb, names.keys_table)
    with _connect(_read_base_url(names.stack_id)) as http:
        results = SmokeTest(http, keys).run()
    for result in results:
        logger().info("smoke test", extra=result._asdict())
    return all(result.outcome != "failed" for result in results)


def _read_base_url(stack_id: str) -> str:
    (stack,) = _cloudformation.describe_stacks(StackName=stack_id)["Stacks"]
    return next(output["OutputValue"] for output in stack["Outputs"] if output["OutputKey"] == "BaseUrl")


def _connect(base_url: str) -> httpx2.Client:
    return httpx2.Client(base_url=base_url, timeout=httpx2.Timeout(20, connect=5))
