"""Where this tier finds and keeps things."""

from pathlib import Path

ROOT = Path(__file__).parents[2]
SAM = ROOT / ".tools" / "sam" / "bin" / "sam"
RUNTIME = ROOT / ".tools" / "runtime"
BUILT_TEMPLATE = ROOT / ".aws-sam" / "build" / "template.yaml"
CACHE = ROOT / ".local" / "sam-local"
"""Kept between runs: the file system of the stand-in image. `make clean` removes it."""
