"""A bar for who waits at a terminal, and nothing for who does not."""

from __future__ import annotations

from io import StringIO

from rotator.cli.progress import WIDTH, Progress


class Terminal(StringIO):
    """A stream that says that somebody looks at it."""

    def isatty(self) -> bool:
        return True


def test_a_bar_grows_in_place_and_is_wiped_away() -> None:
    """What is left on the line is the answer's."""
    terminal = Terminal()
    progress = Progress("users looked at", terminal)

    progress(5, 10)
    progress(10, 10)
    progress.end()

    half, whole, wiped, rest = terminal.getvalue().split("\r")[1:]
    assert half == f"[{'#' * (WIDTH // 2)}{'.' * (WIDTH // 2)}] 5 of 10 users looked at"
    assert whole == f"[{'#' * WIDTH}] 10 of 10 users looked at"
    assert wiped == " " * len(whole)
    assert rest == ""


def test_nothing_is_written_where_nobody_looks() -> None:
    """A log, or a script, has no use for it."""
    stream = StringIO()
    progress = Progress("users looked at", stream)

    progress(1, 2)
    progress.end()

    assert stream.getvalue() == ""


def test_nobody_to_look_at_is_no_division() -> None:
    """An empty account is done at once."""
    terminal = Terminal()

    Progress("users looked at", terminal)(0, 0)

    assert "0 of 0" in terminal.getvalue()
