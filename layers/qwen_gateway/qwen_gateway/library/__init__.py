"""The gateway's client for Qwen as a library: without Lambda and AWS, with the same retries, fallback and errors."""

from qwen_gateway.library.answer import Answer, AnswerStream, Delta, EmbeddingsAnswer, Result
from qwen_gateway.library.batch import Batch
from qwen_gateway.library.prompt import Prompt
from qwen_gateway.library.qwen_client import QwenClient

__all__ = ["Answer", "AnswerStream", "Batch", "Delta", "EmbeddingsAnswer", "Prompt", "QwenClient", "Result"]
