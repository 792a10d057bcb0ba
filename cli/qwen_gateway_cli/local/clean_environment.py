"""The environment variables of everything that the local stack starts.

It inherits no profile, key, endpoint or proxy from the caller, so that no local process can reach a real account.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from qwen_gateway_cli.aws_clients import LOCAL_KEY, LOCAL_REGION
from qwen_gateway_cli.local.layout import Layout

# Variables that uv and pip need to reach a package registry: their settings, certificates and proxies.
_REGISTRY_PREFIXES = ("PIP_", "UV_")
_REGISTRY_NAMES = frozenset(
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


def create(layout: Layout) -> dict[str, str]:
    """Return an environment with dummy AWS keys, no AWS files, and the stack's own home and temporary folder."""
    return {
        "PATH": _build_path(),
        "HOME": str(layout.home),
        "TMPDIR": str(layout.temporary),
        "LANG": "C.UTF-8",
        "PYTHONUNBUFFERED": "1",
        "SAM_CLI_TELEMETRY": "0",
        "AWS_ACCESS_KEY_ID": LOCAL_KEY,
        "AWS_SECRET_ACCESS_KEY": LOCAL_KEY,
        "AWS_REGION": LOCAL_REGION,
        "AWS_DEFAULT_REGION": LOCAL_REGION,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def create_for_build(layout: Layout, uv: Path) -> dict[str, str]:
    """Return the environment with access to the package registry and the variables of the layer's Makefile."""
    registry = {
        name: value
        for name, value in os.environ.items()
        if name in _REGISTRY_NAMES or name.startswith(_REGISTRY_PREFIXES)
    }
    return {
        **create(layout),
        **registry,
        "UV_NO_CONFIG": "1",
        "UV_CACHE_DIR": _find_uv_cache(uv),
        "LAYER_UV": str(uv),
        "LAYER_PYTHON": os.path.realpath(sys.executable),
        "LAYER_PLATFORM": "host",
    }


def _build_path() -> str:
    """Return the folders of this Python, of the system's commands and of make."""
    make = shutil.which("make")
    folders = [str(Path(sys.executable).parent), "/usr/bin", "/bin"]
    if make is not None:
        folders.append(str(Path(make).parent))
    return os.pathsep.join(dict.fromkeys(folders))


def _find_uv_cache(uv: Path) -> str:
    """Return the caller's cache folder; with one below the stack's home each build would download everything."""
    return subprocess.run([uv, "cache", "dir"], check=True, capture_output=True, text=True).stdout.strip()
