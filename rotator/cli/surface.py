"""Every command with its options, as data: the parser and the reference are made from it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rotator.cli.spans import ahead, past, span, to_come

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["COMMANDS", "GLOBAL", "STEPS", "Command", "Option", "said"]

STEPS = (
    *("begin", "issue", "prove", "deliver", "deactivate", "reactivate", "delete", "close"),
    "order",
)
"""The steps of the journal, as the model names them (a test compares)."""


@dataclass(frozen=True, slots=True)
class Option:
    """One option, or one argument that has no dashes.

    Attributes:
        names: as they are typed.
        help: what it is for, in one phrase.
        metavar: what its value is called; empty for a switch.
        type: makes the value from the text; raises ArgumentTypeError with a sentence.
        is_optional: of an argument without dashes, whether it may be left out.
        dest: under which name the value is found, where that is another.
    """

    names: tuple[str, ...]
    help: str
    metavar: str = ""
    type: Callable[[str], object] = str
    choices: tuple[str, ...] = ()
    default: object = None
    is_required: bool = False
    is_optional: bool = False
    dest: str = ""

    @property
    def is_positional(self) -> bool:
        """Whether it is told by its place and not by a name."""
        return not self.names[0].startswith("-")

    @property
    def is_switch(self) -> bool:
        """Whether it takes no value."""
        return not (self.metavar or self.choices or self.is_positional)


@dataclass(frozen=True, slots=True)
class Command:
    """One command, or one verb of a command.

    Attributes:
        text: what it does, in a sentence or two.
        options: what it takes besides the global options.
        one_of: options of which exactly one is given.
        verbs: commands within it.
    """

    name: str
    text: str
    options: tuple[Option, ...] = ()
    one_of: tuple[Option, ...] = ()
    verbs: tuple[Command, ...] = ()


def said(text: str) -> str:
    """A text that says something."""
    from argparse import ArgumentTypeError

    if not text.strip():
        raise ArgumentTypeError("it is empty")
    return text.strip()


GLOBAL = (
    Option(("-c", "--config"), "a file or a folder of YAML (ROTATOR_CONFIG)", "PATH"),
    Option(
        ("--state",),
        "where the store is, instead of what the configuration says (ROTATOR_STATE)",
        "URL",
    ),
    Option(
        ("--listen",),
        "where the daemon serves health and metrics, instead of what the configuration says (ROTATOR_LISTEN)",
        "HOST:PORT",
    ),
    Option(
        ("--log-format",),
        "by default console on a terminal, else json (ROTATOR_LOG_FORMAT)",
        choices=("json", "console"),
    ),
    Option(
        ("--log-level",),
        "by default info (ROTATOR_LOG_LEVEL)",
        choices=("debug", "info", "warning", "error"),
    ),
    Option(("--json",), "one JSON document instead of text"),
)
"""Options that stand on either side of the command."""

_WHO = "`user` or `account/user`"
_USER = Option(("user",), _WHO, "USER", is_optional=True)
_POLICY = Option(("--policy",), "this policy alone", "NAME")
_ONE_USER = Option(("--user",), f"this user alone: {_WHO}", "USER")
_SUBJECT = Option(("subject",), _WHO, "USER")
_SUBJECT_OR_KEY = Option(
    ("subject",),
    f"{_WHO}, an access key id, or its last four characters where they are unique",
    "USER|KEY",
)
_YES = Option(("--yes",), "do not ask; without a terminal nothing is asked anyway")
_AS = Option(
    ("--as",), "who gives the order (ROTATOR_ACTOR; by default login@host)", "WHO", dest="actor"
)
_WHY = Option(("--reason",), "why; it goes into the record", "TEXT", type=said, is_required=True)
_WHY_NOT = Option(("--reason",), "why; it goes into the record", "TEXT", type=said)

_WHOM = (
    Option(("user",), _WHO, "USER", is_optional=True),
    Option(("--policy",), "all users of a policy", "NAME"),
    Option(("--account",), "all users of an account", "NAME"),
    Option(("--all",), "everybody"),
)

_STATE = (
    Command("init", "Make a new, empty store. One that exists is left as it is."),
    Command("check", "Check its integrity, and that the record is whole and unchanged."),
    Command(
        "backup",
        "Copy the store to a new file, while it is in use.",
        (Option(("target",), "the copy; nothing may be there yet", "FILE"),),
    ),
    Command(
        "accept",
        "Go on with a store that is a backup, or that lost what was committed.",
        (_WHY, _YES, _AS),
    ),
)

COMMANDS = (
    Command(
        "daemon",
        "The long-lived process: sweeps each policy when its schedule says, and keeps every moment of an open rotation.",
        (Option(("--init-state",), "make the store first, where there is none"),),
    ),
    Command(
        "run",
        "One sweep now, whatever the schedule says; goes on with each user until the next step waits, then exits.",
        (
            _POLICY,
            _ONE_USER,
            Option(
                ("--until-idle",),
                "go on until nothing is open but what is stopped, held, or waits for more than an hour",
            ),
        ),
    ),
    Command(
        "plan",
        "What a sweep would do now, user by user; or what will be done until a day. Nothing is changed.",
        (
            _POLICY,
            _ONE_USER,
            Option(
                ("--exit-code",),
                "exit with 3 where at least one row would act, or with --against where anything changes",
            ),
            Option(
                ("--until",),
                "the calendar: what will be done to whom and when, if nothing else changes, and how old keys get; a length of time from now like 90d, or a moment like 2026-12-24T08:00Z, within ten years",
                "WHEN",
                type=ahead,
            ),
            Option(
                ("--against",),
                "what a change of configuration does to whom: OLD, a file or a folder, is what it was, and --config what it becomes",
                "OLD",
                type=said,
            ),
        ),
    ),
    Command("validate", "Check the configuration's files, and nothing else."),
    Command(
        "status",
        "Where each user stands, from the store, with the age of that knowledge.",
        (_USER,),
    ),
    Command(
        "explain",
        "Everything about one user or key, looked at now: phase, gates, keys, places, what happens next, and what you may do.",
        (_SUBJECT_OR_KEY,),
    ),
    Command(
        "history",
        "The record of what was done, oldest first. With --json one row a line.",
        (
            _USER,
            Option(
                ("--since",),
                "only what is younger: a length of time like 6h, or a moment",
                "WHEN",
                type=past,
            ),
            Option(("--action",), "only this step", choices=STEPS),
        ),
    ),
    Command(
        "rotate",
        "Begin a rotation now, whatever the age of the key.",
        (
            _SUBJECT_OR_KEY,
            Option(
                ("--enforce",),
                "also where the policy only observes the user: this one rotation runs to its end",
            ),
            Option(
                ("--compromised",),
                "the key is in the wrong hands: past every gate, and switched off as soon as its successor is in every place",
            ),
            Option(
                ("--contain-first",),
                "with --compromised: switch it off before anything else; its readers stop until they have the successor",
            ),
            _WHY_NOT,
            _YES,
            _AS,
        ),
    ),
    Command(
        "retire",
        "Take a key out of service: after grace and quiet, once the key that stays is proven and in every place.",
        (
            Option(
                ("subject",),
                "an access key id, or its last four characters where they are unique",
                "KEY",
            ),
            Option(
                ("--now",),
                "take the next step at once: an Active key is switched off, whoever uses it, and an Inactive one is deleted",
            ),
            _WHY,
            _YES,
            _AS,
        ),
    ),
    Command(
        "approve",
        "Open a door that the policy keeps shut until a person says so, for one step. It is spent once, and lapses 24 h after the other gates were open.",
        (
            _SUBJECT_OR_KEY,
            Option(
                ("--action",),
                "what is approved",
                choices=("issue", "deactivate", "delete"),
                is_required=True,
            ),
            _WHY_NOT,
            _YES,
            _AS,
        ),
    ),
    Command(
        "rollback",
        "Revive the key that leaves in the open rotation, and hold the user; while it is still Active it only holds.",
        (_SUBJECT, _WHY, _YES, _AS),
    ),
    Command(
        "deliver",
        "Give a user's places the key that a readable one of them serves, or one that is brought; nothing is rotated.",
        (
            _SUBJECT,
            Option(("--sink",), "the place of this sink alone, by its id in the policy", "ID"),
            Option(
                ("--from",),
                "bring the key: a profile of the AWS files, a file, or - for standard input (a terminal is asked without echo). It is proven first",
                "PROFILE|FILE|-",
                type=said,
                dest="source",
            ),
            Option(
                ("--take-over",),
                "also overwrite places that hold what is not this user's, or cannot be told",
            ),
            _WHY_NOT,
            _YES,
            _AS,
        ),
    ),
    Command(
        "close",
        "End the open rotation and leave the keys as they are; also gives up places that no policy names any more.",
        (_SUBJECT, _WHY, _YES, _AS),
    ),
    Command(
        "hold",
        "Stop: at the next step nothing is begun, switched off or deleted, by no replica.",
        (
            Option(
                ("--until",),
                "when it ends by itself: a length of time from now like +4h, or a moment like 2026-12-24T08:00Z",
                "WHEN",
                type=to_come,
            ),
            _WHY,
            _YES,
            _AS,
        ),
        one_of=_WHOM,
    ),
    Command("release", "End a hold.", (_WHY_NOT, _YES, _AS), one_of=_WHOM),
    Command(
        "credentials",
        "For a profile's `credential_process`: print what a file sink wrote, with an expiration, so that SDKs look again.",
        (
            Option(("path",), "the file, in the file sink's default JSON", "PATH"),
            Option(
                ("--expires-in",),
                "when SDKs are to look again, by default 1h",
                "SPAN",
                type=span,
                default="1h",
            ),
        ),
    ),
    Command(
        "init",
        "A first look at an account, by its credential report and the list of its users: old keys, two keys, unused ones, root's; and policies in observe mode, by path and tag, ready for review.",
        (
            Option(
                ("--account",),
                "its name in the configuration, or what it is to be called; or its 12 digits, which the credentials must be of",
                "NAME|ID",
                is_required=True,
            ),
            Option(
                ("--output",),
                "write rotator.yaml into this folder, and never over one, instead of printing it",
                "DIR",
            ),
        ),
    ),
    Command("sinks", "The installed sinks, those of other packages included."),
    Command("state", "The store as a whole: make it, check it, copy it.", verbs=_STATE),
    Command(
        "demo",
        "The real daemon at work on a local AWS, on this machine only, in under a minute.",
        (
            Option(("--keep",), "leave it running, to be played with"),
            Option(("--folder",), "where its files go, by default a temporary folder", "DIR"),
        ),
    ),
)
