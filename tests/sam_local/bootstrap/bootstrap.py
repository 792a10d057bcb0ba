"""Start AWS's runtime client with the module path of the managed runtime: function, layer, runtime."""

import os
import sys

sys.path[:0] = [
    os.environ["LAMBDA_TASK_ROOT"],
    "/opt/python/lib/python3.13/site-packages",
    "/opt/python",
    os.environ["LAMBDA_RUNTIME_DIR"],
]

from awslambdaric.__main__ import main  # type: ignore[import-not-found]  # noqa: E402 - it stands on the path above

main(["bootstrap", os.environ["_HANDLER"]])
