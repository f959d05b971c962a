"""The reference of the configuration is made from the code, and is not out of date."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import BaseModel, Field

from rotator.config import Tables, reference
from rotator.config.reference import _section
from rotator.formats import FORMATS
from rotator.sinks import installed

TABLES = Tables(sinks=installed(), formats=FORMATS)
PAGE = Path(__file__).parents[2] / "docs" / "configuration.md"


def test_the_page_is_up_to_date() -> None:
    """`docs/configuration.md` is what `rotator.config.reference()` returns."""
    assert PAGE.read_text(encoding="utf-8") == reference(TABLES)


def test_every_link_has_its_section() -> None:
    """A type that is a section of its own leads there."""
    text = reference(TABLES)
    links = {part.split(")")[0] for part in text.split("](#")[1:]}

    assert links
    assert all(f'<a id="{link}">' in text for link in links)


def test_every_field_has_a_meaning() -> None:
    """A field that nobody explains would print an empty cell, or None."""
    assert "| None |" not in reference(TABLES)


def test_a_type_without_a_word_is_refused() -> None:
    """Whoever adds a type of field says what people are to call it."""

    class Odd(BaseModel):
        """Odd."""

        field: complex = Field(description="Odd.")

    with pytest.raises(TypeError, match="no word for <class 'complex'>"):
        _section("Odd", "odd", Odd)
