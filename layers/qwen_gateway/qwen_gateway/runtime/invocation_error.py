"""An exception in the form that the Lambda Runtime API takes: message, type and stack trace."""

import importlib
import json
import sys
import traceback
from typing import NamedTuple, Self

_WITHHELD = "The invocation failed. The exception's message is withheld because it may quote the request."


class InvocationError(NamedTuple):
    """What is posted to Lambda about an exception."""

    message: str
    type: str
    stack: list[str]
    """Frames, outermost first, as Python formats them."""

    @classmethod
    def from_init(cls, error: Exception) -> Self:
        """Describe an exception of INIT, with its message: there is no request yet that it could quote."""
        return cls(str(error), type(error).__name__, _format_frames(error))

    @classmethod
    def from_invocation(cls, error: Exception) -> Self:
        """Describe an exception of an invocation, without its message, which may quote the request."""
        return cls(_WITHHELD, type(error).__name__, _format_frames(error))

    def body(self) -> bytes:
        """Return the JSON to post."""
        return json.dumps({"errorMessage": self.message, "errorType": self.type, "stackTrace": self.stack}).encode()

    def log(self, request_id: str | None = None) -> None:
        """Write the error to stderr as one line, which becomes one event in CloudWatch."""
        line = {"level": "ERROR", "message": self.message, "error_type": self.type, "stack": self.stack}
        print(json.dumps(line | {"function_request_id": request_id}), file=sys.stderr, flush=True)


def _format_frames(error: Exception) -> list[str]:
    """Format the frames of the function's own code, without those of the loop and of the import system."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if _is_function_code(frame.filename)]
    return traceback.format_list(frames)


def _is_function_code(filename: str) -> bool:
    return _folder(filename) != _own_folder() and not filename.startswith(_IMPORT_SYSTEM)


def _own_folder() -> str:
    # Not from __file__: the layer's bytecode contains /opt/python as its path, wherever it is installed.
    return _folder(_own_folder.__code__.co_filename)


def _folder(filename: str) -> str:
    return filename.rpartition("/")[0]


_IMPORT_SYSTEM = ("<frozen importlib", importlib.__file__)
