"""A copy of what `make deploy` reads, in which sam is a fake that writes down its command lines."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple

from tests.contract.fake_cloudformation import FakeCloudFormation
from tests.contract.template import ROOT

FAKE_SAM = f"""\
#!{ROOT}/.venv/bin/python
import json, os, pathlib, sys
arguments = sys.argv[1:]
with open("calls", "a") as calls:
    calls.write(json.dumps(arguments) + "\\n")
if arguments[0] == "build":
    machines = {{"aarch64-manylinux2014": 183, "x86_64-manylinux2014": 62}}
    machine = int(os.environ.get("FAKE_MACHINE") or machines[os.environ["LAYER_PLATFORM"]])
    package = pathlib.Path(".aws-sam/build/QwenGatewayLayer/python/jiter")
    package.mkdir(parents=True, exist_ok=True)
    (package / "jiter.so").write_bytes(b"\\x7fELF" + bytes(14) + machine.to_bytes(2, "little"))
sys.exit(int(os.environ.get("FAKE_STATUS", "0")))
"""
FAKE_NEXT_STEPS = """\
def show_next_steps(stage):
    print("next steps of", stage.name)
"""


class Done(NamedTuple):
    """How make ended, the command lines of sam, and both outputs."""

    status: int
    calls: list[list[str]]
    out: str
    err: str

    @property
    def uploaded(self) -> bool:
        return any(call[0] == "deploy" for call in self.calls)


class Repository:
    """A copy of what `make deploy` reads, in which sam is a fake."""

    def __init__(self, root: Path, cloudformation: FakeCloudFormation) -> None:
        self.root = root
        self._aws = {
            "AWS_ENDPOINT_URL": cloudformation.url,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": "us-east-1",
        }
        for name in ("Makefile", "samconfig.toml", "template.yaml"):
            shutil.copy(ROOT / name, root)
        (root / "tools").mkdir()
        for name in ("adoption.py", "deploy.py", "rollback.py", "rules.py", "stack_status.py", "stage.py"):
            shutil.copy(ROOT / "tools" / name, root / "tools")
        (root / "tools/next_steps.py").write_text(FAKE_NEXT_STEPS, encoding="utf-8")
        self.sam = root / "fake-sam"
        self.sam.write_text(FAKE_SAM, encoding="utf-8")
        self.sam.chmod(0o755)

    def make(self, *arguments: str, **variables: str) -> Done:
        """Run make without its set-up."""
        tools = [f"SAM={self.sam}", f"BIN={ROOT}/.venv/bin", "UV=uv"]
        command: list[str | Path] = ["make", "-C", self.root, "-o", ".venv", "-o", "aws-operations", *tools, *arguments]
        environment = {"PATH": "/usr/bin:/bin", **self._aws, **variables}
        done = subprocess.run(command, check=False, env=environment, capture_output=True, text=True)
        calls = self.root / "calls"
        lines = calls.read_text(encoding="utf-8").splitlines() if calls.exists() else []
        return Done(done.returncode, [json.loads(line) for line in lines], done.stdout, done.stderr)

    def configure(self, overrides: str) -> None:
        """Replace the parameters of the stage dev in samconfig.toml."""
        file = self.root / "samconfig.toml"
        text = file.read_text(encoding="utf-8")
        assert text.count('parameter_overrides = ["Stage=dev"]') == 1
        new = text.replace('parameter_overrides = ["Stage=dev"]', f"parameter_overrides = {overrides}")
        file.write_text(new, encoding="utf-8")


def check_refused(done: Done, *words: str) -> None:
    """Check that nothing was uploaded, and that the message is one line and no traceback."""
    assert done.status != 0
    assert not done.uploaded
    assert "next steps" not in done.out
    message, *of_make = [line for line in done.err.splitlines() if line]
    assert all("make" in line and "Error" in line for line in of_make)
    assert all(word in message for word in words), message
