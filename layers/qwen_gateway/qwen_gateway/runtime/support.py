"""What of Lambda the streaming loop does not support yet, refused by name when a function starts."""

import os
import sys

_LOOP = f"{__package__}.__main__"
WRAPPER = "/opt/qwen-gateway-runtime"


class RuntimeUnsupported(Exception):
    """The function is configured for something that would give wrong answers; the message states the remedy."""


def check_environment() -> None:
    """Check the environment in which the loop runs.

    Raises:
        RuntimeUnsupported: it is one of SnapStart or of Lambda Managed Instances.
    """
    kind = os.environ.get("AWS_LAMBDA_INITIALIZATION_TYPE")
    if kind == "snap-start":
        raise RuntimeUnsupported(
            "SnapStart is not supported: connections, keys and random numbers of the snapshot would be used again. "
            "Remove SnapStart from this function in template.yaml and deploy."
        )
    if kind == "lambda-managed-instances" or os.environ.get("AWS_LAMBDA_MAX_CONCURRENCY", "1") != "1":
        raise RuntimeUnsupported(
            "Lambda Managed Instances are not supported: the streaming loop serves one invocation at a time. "
            "Remove the capacity provider from this function in template.yaml and deploy."
        )


def check_loop() -> None:
    """Check that a streaming function on Lambda runs on the loop; `sam local` alone may use the managed one.

    Raises:
        RuntimeUnsupported: another loop imports the function, because AWS_LAMBDA_EXEC_WRAPPER is not that of the layer.
    """
    if "AWS_LAMBDA_RUNTIME_API" not in os.environ or os.environ.get("AWS_SAM_LOCAL") == "true":
        return
    if getattr(getattr(sys.modules["__main__"], "__spec__", None), "name", None) == _LOOP:
        return
    wrapper = os.environ.get("AWS_LAMBDA_EXEC_WRAPPER")
    found = f"{wrapper} is not supported" if wrapper and wrapper != WRAPPER else "it is not in effect"
    raise RuntimeUnsupported(
        f"This function streams, which needs AWS_LAMBDA_EXEC_WRAPPER={WRAPPER}, but {found}. "
        "Set the variable in template.yaml, remove layers that replace it, and deploy."
    )
