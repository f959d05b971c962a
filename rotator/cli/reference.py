"""The page that people read about the command line, written from `surface`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from rotator.cli.surface import COMMANDS, GLOBAL

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rotator.cli.surface import Command, Option

__all__ = ["reference"]

_HEAD = """\
# Commands

<!-- Written by rotator.cli.reference; a test fails when this page and the code differ. -->

Answers go to standard output, logs and questions to standard error. Where the answer is piped it
is plain; with `--json` it is one JSON document with `schema_version` and `generated_at`
(`history`: one row a line). Times are RFC 3339 in UTC; access key ids stand in full, except in
logs.

A USER is `user` or `account/user`. A KEY is an access key id, or its last four characters where
they are unique; keys that were deleted are found, too.

| exit status | means |
|---|---|
| 0 | fine |
| 1 | something failed, or somebody who was looked at is stopped or held |
| 2 | the call or the configuration is wrong, or there is no store |
| 3 | changes are pending (`plan --exit-code`) |
| 130, 143 | ended by Ctrl-C or SIGTERM; a key that was issued reached its places, if it could |

A store is made only by `state init` or `daemon --init-state`. Without one, `daemon`, `run` and
the orders (`rotate`, `retire`, `rollback`, `deliver`, `approve`, `close`, `hold`, `release`)
exit with 2; `plan`, `status`,
`explain` and `history` go on as on the first day, and say so.

`plan --until` plays the same judgement forward over all users together, and asks nobody and changes
nothing. Each of its `actions` is a row of `plan` whose `at` is the moment at which it will be done,
or, behind a gate or for a `stop` or a `wait`, at which it is first found to be in the way;
`access_key_id` is null for a key that does not exist yet. `ages` says of each user the greatest age
that an Active key reaches until then, and when that passes `max_age`; `summary` counts, and
`assumed` says what is taken for granted. All places are read for it, those of users who are not due
included. Where a limit is what is waited for, a row may be one sweep off.

`plan --against OLD` judges each user by the older configuration and by the present one. Each of
its `changes` is one thing that becomes otherwise for one user: it `enters`, `leaves` or `moves`
between policies; is `enforced` or `observed`; becomes `due` (where a rotation is open:
`rescheduled`), `stopped` or `resumed`; a place is added (`place_added`) or no longer written
(`place_removed`). `before` and `after` say what, `at` from when on. Relative paths in OLD are read
as if it stood where the present configuration does. Someone newly stopped is exit status 1.

Orders are rows of the store, obeyed by whoever next looks after the user: the command waits for a
running daemon, at most 10 seconds, and obeys itself where none does.
"""


def reference() -> str:
    """The whole page as Markdown, ending in a newline."""
    parts = [_HEAD, "## Global options\n", "They stand on either side of the command.\n"]
    parts.append(_table(GLOBAL))
    for command in COMMANDS:
        parts += _section(command, f"rotator {command.name}", "##")
    return "\n".join(parts)


def _section(command: Command, called: str, level: str) -> Iterator[str]:
    yield f"{level} {called}\n"
    yield f"{command.text}\n"
    options = (*command.one_of, *command.options)
    if not command.verbs:
        yield f"    {_usage(command, called)}\n"
    if options:
        yield _table(options)
    for verb in command.verbs:
        yield from _section(verb, f"{called} {verb.name}", f"{level}#")


def _usage(command: Command, called: str) -> str:
    """The call in one line, as manuals write it."""
    either = " | ".join(map(_spelled, command.one_of))
    one_of = f"({either})" if command.one_of else ""
    rest = [_in_usage(option) for option in command.options]
    return " ".join(filter(None, [called, one_of, *rest]))


def _in_usage(option: Option) -> str:
    must = option.is_required or (option.is_positional and not option.is_optional)
    return _spelled(option) if must else f"[{_spelled(option)}]"


def _spelled(option: Option) -> str:
    """An option as it is typed, with what its value is called."""
    value = option.metavar or ("{" + ",".join(option.choices) + "}" if option.choices else "")
    if option.is_positional:
        return value
    return f"{option.names[-1]} {value}".rstrip()


def _table(options: Sequence[Option]) -> str:
    rows = ["| option | |", "|---|---|"]
    for option in options:
        names = [*option.names[:-1], _spelled(option)]
        said = ", ".join(f"`{name}`" for name in names).replace("|", "\\|")
        rows.append(f"| {said} | {option.help} |")
    return "\n".join([*rows, ""])


if __name__ == "__main__":
    sys.stdout.write(reference())
