"""An exception as Lambda wants to be told of it: message, type and stack trace."""

import importlib
import json
import sys
import traceback
from typing import NamedTuple, Self


class Fault(NamedTuple):
    """What Lambda is told of an exception."""

    message: str
    type: str
    stack: list[str]
    """Frames, outermost first, each as Python prints it."""

    @classmethod
    def of_init(cls, error: Exception) -> Self:
        """Describe an exception of INIT, where no caller has said anything yet: its own words are what helps."""
        return cls(str(error), type(error).__name__, _frames(error))

    @classmethod
    def of_call(cls, error: Exception) -> Self:
        """Describe an exception of a call. Its words may quote what the caller sent, and stay out of the log."""
        return cls(_UNQUOTED, type(error).__name__, _frames(error))

    def body(self) -> bytes:
        """Return the JSON that is posted."""
        return json.dumps({"errorMessage": self.message, "errorType": self.type, "stackTrace": self.stack}).encode()

    def log(self, request_id: str | None = None) -> None:
        """Write it to the function's log as one line, which is one event in CloudWatch."""
        line = {"level": "ERROR", "message": self.message, "error_type": self.type, "stack": self.stack}
        print(json.dumps(line | {"function_request_id": request_id}), file=sys.stderr, flush=True)


_UNQUOTED = "The call failed. What the exception says is left out: it may quote the caller."


def _frames(error: Exception) -> list[str]:
    """The frames of the function: those of the loop and of importing help nobody."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if _is_the_functions(frame.filename)]
    return traceback.format_list(frames)


def _is_the_functions(filename: str) -> bool:
    return _folder(filename) != _own_folder() and not filename.startswith(_IMPORTING)


def _own_folder() -> str:
    # Not from __file__: the layer's bytecode names /opt/python wherever it lies.
    return _folder(_own_folder.__code__.co_filename)


def _folder(filename: str) -> str:
    return filename.rpartition("/")[0]


_IMPORTING = ("<frozen importlib", importlib.__file__)
