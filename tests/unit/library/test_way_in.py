"""`from qwen_gateway import QwenClient`: there for whoever asks, and no cost for the others."""

import subprocess
import sys

import pytest

import qwen_gateway
from qwen_gateway.library import QwenClient


def test_the_client_is_a_name_of_the_package_and_no_other_is_made_up() -> None:
    assert qwen_gateway.QwenClient is QwenClient
    with pytest.raises(AttributeError, match="Batcher"):
        qwen_gateway.Batcher  # noqa: B018


def test_other_modules_of_the_layer_do_not_load_it() -> None:
    look = "import sys, qwen_gateway.routes; assert not {'openai', 'qwen_gateway.library'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", look], check=True)
