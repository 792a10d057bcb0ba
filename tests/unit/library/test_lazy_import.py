"""`from qwen_gateway import QwenClient` loads the library on first use only."""

import subprocess
import sys

import pytest

import qwen_gateway
from qwen_gateway.library import QwenClient


def test_the_package_exports_the_client_and_no_other_name() -> None:
    assert qwen_gateway.QwenClient is QwenClient
    with pytest.raises(AttributeError, match="Batcher"):
        qwen_gateway.Batcher  # noqa: B018


def test_other_modules_of_the_layer_do_not_load_the_library() -> None:
    code = "import sys, qwen_gateway.routing; assert not {'openai', 'qwen_gateway.library'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
