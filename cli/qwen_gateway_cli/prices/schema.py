"""What a price list has to look like, and where one does not."""

import math
import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, NamedTuple, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from qwen_gateway import config
from qwen_gateway.config import Currency
from qwen_gateway.pricing import Prices
from qwen_gateway.pricing.price_list import LISTS, OWN_PRICES, parse_date
from qwen_gateway.pricing.units import FEES, TOKEN_UNITS
from qwen_gateway_cli.console import refuse
from qwen_gateway_cli.prices.toml_lines import find_line

_MAX_DECIMALS = 6
_POSITION = re.compile(r"at line (\d+)")


class PriceListProblem(NamedTuple):
    """Something that is wrong in a price list."""

    file: Path
    line: int
    message: str

    def __str__(self) -> str:
        file = self.file.relative_to(Path.cwd()) if self.file.is_relative_to(Path.cwd()) else self.file
        return f"{file}:{self.line}: {self.message}"


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


def _check_tier(tier: dict[str, Any]) -> dict[str, Any]:
    unknown = tier.keys() - {"up_to", *TOKEN_UNITS}
    if unknown:
        raise ValueError(f"{min(unknown)!r} is not a field of a tier, which has: up_to, {', '.join(TOKEN_UNITS)}")
    if "input" not in tier:
        raise ValueError("the price of input is missing")
    limit = tier.get("up_to", 1)
    if type(limit) is not int or limit < 1:
        raise ValueError("up_to has to be a whole number of tokens above 0")
    for name, price in tier.items():
        if name == "up_to":
            continue
        _check_price(name, price)
        fallback = TOKEN_UNITS[name].fallback if name.startswith("cache_hit") else None
        # A unit without a price is billed as its fallback, which therefore must not be cheaper.
        if fallback and price > tier.get(fallback, price):
            raise ValueError(f"{name} is dearer than {fallback}")
    return tier


def _check_price(name: str, price: Any) -> None:
    if type(price) not in (int, float) or not math.isfinite(price):
        raise ValueError(f"{name}: a price is a number")
    if price < 0:
        raise ValueError(f"{name}: a price cannot be negative")
    if round(price, _MAX_DECIMALS) != price:
        raise ValueError(f"{name}: a price has at most {_MAX_DECIMALS} decimals")


type _Tier = Annotated[dict[str, Any], AfterValidator(_check_tier)]


class _Entry(_Strict):
    tiers: Annotated[list[_Tier], Field(min_length=1)]
    source: Annotated[str, Field(min_length=1)] | None = None
    effective: str | None = None
    as_of: str | None = None
    unknown: list[str] = []

    @field_validator("effective", "as_of")
    @classmethod
    def _check_date(cls, text: str | None) -> str | None:
        if text is not None:
            parse_date(text)
        return text

    @field_validator("unknown")
    @classmethod
    def _check_units(cls, names: list[str]) -> list[str]:
        for name in names:
            if name not in TOKEN_UNITS:
                raise ValueError(f"{name!r} is none of: {', '.join(TOKEN_UNITS)}")
        return names

    @model_validator(mode="after")
    def _check_tiers(self) -> Self:
        limits = [tier.get("up_to") for tier in self.tiers]
        if None in limits[:-1]:
            raise ValueError("a tier is missing: only the last one has no up_to")
        known = [limit for limit in limits if limit is not None]
        if known != sorted(set(known)):
            raise ValueError("the tiers do not stand in the order of up_to")
        return self


class _List(_Strict):
    currency: Currency
    source: Annotated[str, Field(min_length=1)]
    as_of: str
    models: dict[str, list[_Entry]]
    region: str = ""
    scope: str = ""
    notes: str = ""
    fees: dict[str, Any] = {}

    @field_validator("fees")
    @classmethod
    def _check_fees(cls, fees: dict[str, Any]) -> dict[str, Any]:
        for name, price in fees.items():
            if name not in FEES:
                raise ValueError(f"{name!r} is none of: {', '.join(FEES)}")
            _check_price(name, price)
        return fees


def check_configuration() -> None:
    """Check what an owner edits: every price list, prices.toml and gateway.toml.

    Raises:
        CommandRefused: a price is wrong; the message has a line for each problem, with its file and line.
        ConfigurationError: gateway.toml is wrong.
    """
    problems = [problem for file in sorted(LISTS.glob("*.toml")) for problem in find_problems(file)]
    problems += find_problems(OWN_PRICES / "prices.toml", holds_lists=True)
    if problems:
        refuse("\n".join(map(str, problems)))
    Prices(config.parse(""))


def find_problems(file: Path, *, holds_lists: bool = False) -> list[PriceListProblem]:
    """Return what is wrong in a file: a price list, or with `holds_lists` a table of price lists (prices.toml)."""
    text = file.read_text(encoding="utf-8")
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        line = _POSITION.search(str(error))
        return [PriceListProblem(file, int(line[1]) if line else 1, f"not valid TOML: {error}")]
    lists = document if holds_lists else {"": document}
    problems: list[PriceListProblem] = []
    for name, entries in lists.items():
        prefix = (name,) if holds_lists else ()
        for path, message in _find_problems_of_list(entries):
            problems.append(PriceListProblem(file, find_line(text, prefix + path), message))
    return problems


type _Path = tuple[str | int, ...]


def _find_problems_of_list(document: Any) -> Iterator[tuple[_Path, str]]:
    try:
        _List.model_validate(document)
    except ValidationError as error:
        for problem in error.errors(include_url=False, include_input=False):
            yield problem["loc"], _describe(problem["loc"], problem["type"], problem["msg"])
        return
    yield from _find_overlaps(document)


def _find_overlaps(document: Mapping[str, Any]) -> Iterator[tuple[_Path, str]]:
    for model, entries in document["models"].items():
        seen: set[tuple[str, float]] = set()
        for index, entry in enumerate(entries):
            source, date = entry.get("source", document["source"]), entry.get("effective")
            version = (source, parse_date(date) if date else 0.0)
            if version in seen:
                yield ("models", model, index), f"the dates of {model} overlap: this source has a price of that date"
            seen.add(version)


def _describe(path: _Path, kind: str, message: str) -> str:
    field = next((part for part in reversed(path) if isinstance(part, str)), "")
    if kind == "extra_forbidden":
        return f"{field!r} is not a field of a price list"
    return f"{field}: {message.removeprefix('Value error, ')}"
