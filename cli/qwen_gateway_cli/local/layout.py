"""Paths of the local stack: its files below `.local`, the tools below `.tools`."""

from pathlib import Path

from qwen_gateway_cli import stackfile


class Layout:
    """The paths of one repository. `down` keeps the build, its cache, the logs, the lock and the benchmark's builds."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.template = root / "template.yaml"
        self.samconfig = root / "samconfig.toml"
        self.functions = root / "functions"
        self.layer = root / "layers" / "qwen_gateway"

        self.sam = root / ".tools" / "sam" / "bin" / "sam"
        self.ministack = root / ".tools" / "ministack" / "bin" / "ministack"
        self.runtime_python = root / ".tools" / "runtime" / "bin" / "python"
        self.own_uv = root / ".tools" / "uv" / "bin" / "uv"

        self.local = root / stackfile.LOCAL
        self.build = self.local / "build"
        self.built_template = self.build / "template.yaml"
        self.build_stamp = self.local / "build.stamp"
        self.build_cache = self.local / "cache"
        self.logs = self.local / "logs"
        self.lock = self.local / "up.lock"
        self.bench = self.local / "bench"

        self.home = self.local / "home"
        self.temporary = self.local / "tmp"
        self.state = self.local / "state"
        self.processes = self.local / "processes.json"
        self.parameters = self.local / "parameters.yaml"
        self.apigateway_settings = self.local / "front.json"

    @property
    def transient_folders(self) -> tuple[Path, ...]:
        """The folders that `down` removes."""
        return self.home, self.temporary, self.state

    @property
    def transient_files(self) -> tuple[Path, ...]:
        """The files that `down` removes, beside stack.json."""
        return self.parameters, self.apigateway_settings

    def log(self, name: str) -> Path:
        """Return the log file of a process or a step."""
        return self.logs / f"{name}.log"
