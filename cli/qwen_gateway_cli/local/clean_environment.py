"""The environment of everything that the local stack starts.

It is made from nothing, so that no profile, key, endpoint or proxy of the caller takes part: nothing local can
reach a real account.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from qwen_gateway_cli.local.layout import Layout

REGION = "us-east-1"
KEY = "test"

# What uv and pip need to reach a package registry, and no more: their own settings, certificates and proxies.
_REGISTRY_PREFIXES = ("PIP_", "UV_")
_REGISTRY = frozenset(
    {
        "ALL_PROXY",
        "HTTPS_PROXY",
        "HTTP_PROXY",
        "NETRC",
        "NO_PROXY",
        "SSL_CERT_DIR",
        "SSL_CERT_FILE",
        "all_proxy",
        "http_proxy",
        "https_proxy",
        "no_proxy",
    }
)


def clean(layout: Layout) -> dict[str, str]:
    """Return an environment with dummy AWS keys, no AWS file and folders of its own."""
    return {
        "PATH": _path(),
        "HOME": str(layout.home),
        "TMPDIR": str(layout.temporary),
        "LANG": "C.UTF-8",
        "PYTHONUNBUFFERED": "1",
        "SAM_CLI_TELEMETRY": "0",
        "AWS_ACCESS_KEY_ID": KEY,
        "AWS_SECRET_ACCESS_KEY": KEY,
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def for_build(layout: Layout, uv: Path) -> dict[str, str]:
    """Return the clean environment with the way to the package registry, and what the layer's Makefile asks for."""
    registry = {
        name: value for name, value in os.environ.items() if name in _REGISTRY or name.startswith(_REGISTRY_PREFIXES)
    }
    return {
        **clean(layout),
        **registry,
        "UV_NO_CONFIG": "1",
        "UV_CACHE_DIR": _uv_cache(uv),
        "LAYER_UV": str(uv),
        "LAYER_PYTHON": os.path.realpath(sys.executable),
        "LAYER_PLATFORM": "host",
    }


def _path() -> str:
    """This Python, the system's commands, and make wherever it stands."""
    make = shutil.which("make")
    folders = [str(Path(sys.executable).parent), "/usr/bin", "/bin"]
    if make is not None:
        folders.append(str(Path(make).parent))
    return os.pathsep.join(dict.fromkeys(folders))


def _uv_cache(uv: Path) -> str:
    """The caller's own cache: a home of the stack's would make each build download everything again."""
    return subprocess.run([uv, "cache", "dir"], check=True, capture_output=True, text=True).stdout.strip()
