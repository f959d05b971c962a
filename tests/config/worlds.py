"""Small sink types and formats, and the shortest way from a text to what it loads to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, ClassVar

from pydantic import BaseModel, ConfigDict, Field, model_validator

from rotator.config import Tables, load
from rotator.config.tables import SinkType
from rotator.errors import ConfigError, RotatorError
from rotator.formats import JsonFormat, TemplateFormat
from rotator.model import Configuration, Template
from rotator.sinks.ssm import SsmSink
from rotator.sinks.vault import VaultSink

if TYPE_CHECKING:
    from pathlib import Path

SECRET = "hunter2:'\"\nhunter2"


class Plain(BaseModel):
    """A format with a few options of each kind."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)
    one_way: ClassVar[bool] = False

    indent: int = Field(default=0, ge=0, le=8)
    names: tuple[str, ...] = ()


class OneWay(BaseModel):
    """A format from which nothing can be read back."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)
    one_way: ClassVar[bool] = True


class ShelfOptions(BaseModel):
    """Options that complain in every way that options may."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    path: str
    owner: str | int | None = None
    width: int | None = None
    token: str = Field(default="token", min_length=5, max_length=200)

    @model_validator(mode="after")
    def _fits(self) -> ShelfOptions:
        if self.width == 13:
            raise ValueError(f"a width of 13 with the token {self.token!r}")
        if self.width == 14:
            raise ValueError("a width of\n14")
        Template.parse(self.path)
        return self

    def name_templates(self) -> tuple[Template, ...]:
        """The one template."""
        return (Template.parse(self.path),)


class Shelf:
    """A place that can be read."""

    Options: ClassVar[type[BaseModel]] = ShelfOptions
    default_format: ClassVar[str] = "plain"

    @classmethod
    def reads_back(cls, options: object, fmt: object) -> bool:
        return isinstance(options, ShelfOptions) and isinstance(
            fmt, Plain | OneWay | TemplateFormat
        )


class Slot(Shelf):
    """A place that can only be written."""

    @classmethod
    def reads_back(cls, options: object, fmt: object) -> bool:
        return not super().reads_back(options, fmt)


class _Sinks(Mapping[str, SinkType]):
    """The types, one of which cannot be imported."""

    _TYPES: ClassVar[dict[str, SinkType]] = {
        "shelf": Shelf,
        "slot": Slot,
        "ssm": SsmSink,
        "vault": VaultSink,
    }

    def __getitem__(self, name: str) -> SinkType:
        if name == "broken":
            raise RotatorError("the sink `broken` cannot be loaded: it lacks a library")
        return self._TYPES[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._TYPES)

    def __len__(self) -> int:
        return len(self._TYPES)


TABLES = Tables(
    sinks=_Sinks(),
    formats={
        "plain": Plain,
        "oneway": OneWay,
        "template": TemplateFormat,
        "json": JsonFormat,
    },
)

ENVIRON = {"EXTERNAL_ID": SECRET, "SHORT": "zq", "EMPTY": "", "BROKEN": "a\udcffb"}


def loaded(text: str, folder: Path, *, environ: Mapping[str, str] | None = None) -> Configuration:
    """What this text is as `rotator.yaml` in the folder."""
    path = folder / "rotator.yaml"
    path.write_text(text, encoding="utf-8", newline="")
    return load(path, environ=ENVIRON if environ is None else environ, tables=TABLES)


def problems(text: str, folder: Path) -> list[tuple[int, int, str]]:
    """Line, column and sentence of everything that is wrong with a text."""
    try:
        loaded(text, folder)
    except ConfigError as exc:
        return [(problem.line, problem.column, problem.sentence) for problem in exc.problems]
    return []


def policy(fields: str = "", *, name: str = "p", users: str = '{include: [{name: "*"}]}') -> str:
    """A configuration of one policy with these fields beside the required ones (from line 6 on)."""
    lines = [line for line in fields.splitlines() if line.strip()]
    body = "".join(f"    {line}\n" for line in lines)
    return f"policies:\n  - name: {name}\n    users: {users}\n    rotate_after: 50d\n{body}"
