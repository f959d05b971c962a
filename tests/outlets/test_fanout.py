"""Every outlet is told, and none of them disturbs the work or the others."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from rotator.events import Event, UndocumentedField
from rotator.outlets import Outlets

if TYPE_CHECKING:
    from collections.abc import Mapping


class Heard:
    """An outlet that remembers what it was told."""

    def __init__(self, name: str = "heard") -> None:
        self.name = name
        self.events: list[tuple[Event, dict[str, object]]] = []

    def on_event(self, event: Event, fields: Mapping[str, object]) -> None:
        self.events.append((event, dict(fields)))


class Broken(Heard):
    """An outlet that fails at everything."""

    def on_event(self, event: Event, fields: Mapping[str, object]) -> None:
        super().on_event(event, fields)
        raise OSError("broken")


def test_everybody_is_told_in_order() -> None:
    first, second = Heard(), Heard()

    Outlets(first, second).emit(Event.KEY_ISSUED, user="ci", successor="AKIA")

    expected = [(Event.KEY_ISSUED, {"user": "ci", "successor": "AKIA"})]
    assert expected == first.events
    assert expected == second.events


def test_a_broken_outlet_disturbs_nobody() -> None:
    """It is counted, the others hear the event, and that somebody missed it."""
    failed: list[str] = []
    broken, heard = Broken("pager"), Heard()

    Outlets(broken, heard, on_failure=failed.append).emit(Event.KEY_ISSUED, user="ci")

    (outlet_failed, fields), issued = heard.events
    assert issued == (Event.KEY_ISSUED, {"user": "ci"})
    assert outlet_failed is Event.OUTLET_FAILED
    assert fields["outlet"] == "pager"
    assert fields["error"] == "OSError"
    assert isinstance(fields["exc_info"], OSError)
    assert failed == ["pager"]


def test_two_broken_outlets_do_not_tell_each_other_for_ever() -> None:
    """A failure at telling of a failure is counted, and that is the end of it."""
    failed: list[str] = []
    one, two = Broken("one"), Broken("two")

    Outlets(one, two, on_failure=failed.append).emit(Event.KEY_ISSUED)

    assert failed == ["one", "two", "two", "one"]


def test_without_anybody_who_counts_nothing_is_raised() -> None:
    Outlets(Broken()).emit(Event.KEY_ISSUED)


def test_a_stop_is_not_swallowed() -> None:
    """KeyboardInterrupt and SystemExit are no failure of an outlet."""

    class Stopped(Heard):
        def on_event(self, event: Event, fields: Mapping[str, object]) -> None:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Outlets(Stopped()).emit(Event.KEY_ISSUED)


def test_an_undocumented_field_is_counted_and_told() -> None:
    """A misspelt field costs a running daemon nothing but a count."""
    failed: list[str] = []
    heard = Heard()

    Outlets(heard, on_failure=failed.append).emit(Event.KEY_ISSUED, sucessor="AKIA")

    assert failed == ["catalogue"]
    assert heard.events == [(Event.KEY_ISSUED, {"sucessor": "AKIA"})]


def test_an_undocumented_field_fails_a_test() -> None:
    """Where it is strict, nobody hears of an event that is not as documented."""
    heard = Heard()

    with pytest.raises(UndocumentedField):
        Outlets(heard, strict=True).emit(Event.KEY_ISSUED, sucessor="AKIA")

    assert heard.events == []
