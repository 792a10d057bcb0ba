"""The gateway's way to Qwen as a library: outside of Lambda, without AWS, with the same policy and the same errors."""

from qwen_gateway.library.answer import Answer, Result
from qwen_gateway.library.batch import Batch
from qwen_gateway.library.client import QwenClient
from qwen_gateway.library.prompts import Prompt
from qwen_gateway.library.stream import AnswerStream, Delta

__all__ = ["Answer", "AnswerStream", "Batch", "Delta", "Prompt", "QwenClient", "Result"]
