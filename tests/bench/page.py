"""The page that the bench writes."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tests.bench.__main__ import Figures

__all__ = ["page"]

READING = ("ListAccessKeys", "GetUser", "GetAccessKeyLastUsed")
HEAD = (
    "| | calls | of these for users | throttled | seconds | of these asking | CPU s | MiB | right"
    " |\n|---|--:|--:|--:|--:|--:|--:|--:|---|\n"
)


def page(
    *,
    tables: Mapping[str, Sequence[Figures]],
    small: Mapping[str, tuple[float, float]],
    settings: Mapping[str, float],
    machine: str,
) -> str:
    """All tables, with the command that made them and what they mean."""
    parts = [
        "# What a sweep costs\n",
        "<!-- Written by `make bench`. Do not edit: run it. -->\n",
        _about(settings, machine),
        _AGAIN,
    ]
    for title, figures in tables.items():
        parts += [f"## {title}\n", _NOTES[title] + "\n", HEAD + "".join(map(_row, figures))]
        parts.append("<details><summary>Calls by action</summary>\n")
        parts += [f"- {one.name}: {_calls(one)}" for one in figures]
        parts.append("\n</details>\n")
    parts.append("## Commands that have to be there at once\n")
    parts.append(
        "| | seconds | CPU s |\n|---|--:|--:|\n"
        + "".join(f"| `{name}` | {wall:.2f} | {cpu:.2f} |\n" for name, (wall, cpu) in small.items())
    )
    return "\n".join(parts)


def _about(settings: Mapping[str, float], machine: str) -> str:
    return (
        f"One account of {settings['users']:,.0f} users, {settings['due']:.0f} of them due, and an"
        f" IAM that answers after {1000 * settings['latency']:.0f} ms: a stand-in of it on this"
        " machine. All tools are run against it, each in a process of its own. Calls are exact."
        f" Times are of one run on one machine ({machine}): only their ratios mean anything, and"
        " only within one table. Asking is from the first request to the end of the last, as the"
        " account saw it: without the start of the process.\n"
    )


_AGAIN = (
    "`make bench` makes these tables again: it installs Cloud Custodian into an environment of its"
    " own and takes about a quarter of an hour.\n"
)

_NOTES = {
    "Nobody is due": (
        "Every user was listed once before. A sweep then asks who we are, lists the users (a"
        " thousand a call), and reads the credential report if there may be a newer one. Its CPU"
        " time and memory have the start of the process in them: the same sweep of an account of"
        " one user shows how much that is."
    ),
    "Some are due": (
        "The floor client makes the calls that cannot be left out and nothing else: those of the"
        " idle sweep, and for each user who is due its identity, its keys, and when they were last"
        " used. Whoever asks about everybody pays for everybody."
    ),
    "At 20 calls a second": (
        "The stand-in answers `Throttling` to whatever is above 20 calls a second, as IAM does;"
        " in the last row others use up half of that."
    ),
    "They are rotated": (
        "For each of them besides: one CreateAccessKey, and one sts:GetCallerIdentity signed with"
        " the new key. `right` says that exactly these users have a new key in their file."
    ),
}


def _row(one: Figures) -> str:
    asked = sum(one.calls.get(action, 0) for action in READING)
    right = {True: "yes", False: "**no**", None: ""}[one.right]
    return (
        f"| {one.name} | {one.total:,} | {asked:,} | {one.throttled} | {one.seconds:.1f} |"
        f" {one.asking:.1f} | {one.cpu:.1f} | {one.peak:.0f} | {right} |\n"
    )


def _calls(one: Figures) -> str:
    ordered = sorted(one.calls.items(), key=lambda pair: (-pair[1], pair[0]))
    return ", ".join(f"{count:,} {action}" for action, count in ordered)
