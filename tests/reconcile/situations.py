"""What may happen to a user, its policy, its account and its places while a rotation is open."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from rotator.formats import EnvFormat
from rotator.model import (
    Account,
    Exclusion,
    Freeze,
    Mode,
    Order,
    Reason,
    Selector,
    SinkSpec,
    Verb,
)
from tests.reconcile.lives import BOTH, Lived, ordinary
from tests.simulation.world import DAY, HOUR, MINUTE, SWEEP, sink_spec

if TYPE_CHECKING:
    from datetime import timedelta

    from rotator.model import Policy

__all__ = ["SITUATIONS", "Situation"]

Change = Callable[[Lived], None]
M, W = BOTH
OF_USER = (sink_spec("memory", "m/{user}"), sink_spec("writeonly", "w/{user}"))
STAGE = Account("stage")
ELSEWHERE = replace(sink_spec("memory", "m-elsewhere/{tag[home]}"), id="memory")
THIRD = replace(sink_spec("memory", "third/{tag[home]}"), id="third")
BY_TEAM = {team: (Selector(tags={"team": team}),) for team in ("ci", "ops")}
BY_PATH = {path: (Selector(path=f"/{path}/"),) for path in ("ci", "ops")}


@dataclass(frozen=True)
class Situation:
    """One row of the table.

    Attributes:
        happens, undone: what somebody does, and what takes it back; None where nothing can.
        policies: what is in force before.
        names: the users there are, with their tags besides.
    """

    happens: Change
    undone: Change | None = None
    policies: tuple[Policy, ...] = field(default_factory=lambda: (ordinary(),))
    names: Mapping[str, Mapping[str, str]] = field(default_factory=lambda: {"bob": {}})


def becomes(**fields: Any) -> tuple[Change, Change]:  # noqa: ANN401 - the fields of a policy
    """The policy is changed in the YAML, and changed back."""
    return lambda w: w.reload(ordinary(**fields)), lambda w: w.reload(ordinary())


def changed(before: Mapping[str, Any], after: Mapping[str, Any]) -> Situation:
    """The policy has some fields before, and others after."""
    first, second = ordinary(**before), ordinary(**after)
    return Situation(lambda w: w.reload(second), lambda w: w.reload(first), (first,))


def declared(*policies: Policy, **fields: Any) -> Situation:  # noqa: ANN401 - of a configuration
    """Other files are in force for a while."""
    return Situation(
        lambda w: w.reload(*policies, **fields),
        lambda w: w.reload(ordinary(), **{name: BEFORE[name] for name in fields}),
    )


BEFORE: Mapping[str, Any] = {"accounts": (Account("prod"),), "freezes": ()}


def _tagged(**tags: str) -> Change:
    return lambda w: w.tag("bob", **tags)


def _excluded(expires: timedelta | None = None) -> Change:
    def happens(world: Lived) -> None:
        until = world.clock() + expires if expires else None
        world.reload(
            ordinary(exclude=(Exclusion(Selector(name="bob"), "a vendor's", None, until),))
        )

    return happens


def _deleted(world: Lived) -> None:
    bob = world.user()
    world.monitor.given_up.update(key.key_id for key in world.aws.keys_of(bob.user_id))
    world.aws.delete_user(bob)


def _made_again(world: Lived) -> None:
    """Deleted, and a namesake with a due key stands in its place."""
    bob = world.user()
    _deleted(world)
    made = world.aws.add_user("bob", user_id="AIDANAMESAKE")
    world.aws.users[made.user_id] = made = replace(made, tags=bob.tags, path=bob.path)
    credential = world.aws.add_key(made, age=20 * DAY)
    world.backend.write("m/bob", credential)
    world.backend.entries.pop("w/bob", None)
    world.consumers.pop("w/bob", None)


def _cannot_be_assumed(world: Lived) -> None:
    world.aws.refused.add("prod")


def _can_be_assumed(world: Lived) -> None:
    world.aws.refused.clear()


def _account_becomes(*accounts: Account) -> Change:
    return lambda w: w.reload(*w.configuration.policies, accounts=accounts)


def _other_account(world: Lived) -> None:
    """The role of the same name leads elsewhere, where there is a bob too, with a due key."""
    if "AIDAELSEWHERE" not in world.aws.users:
        made = world.aws.add_user("bob", user_id="AIDAELSEWHERE", account_id="999988887777")
        world.aws.add_key(made, age=20 * DAY)
    world.aws.ids["prod"] = "999988887777"
    world.reload(*world.configuration.policies)


def _left_by_its_policy(world: Lived) -> None:
    world.aws.ids["stage"] = "999988887777"
    world.reload(ordinary(accounts=("stage",)), accounts=(Account("prod"), STAGE))


def _same_account(world: Lived) -> None:
    world.aws.ids.clear()
    world.reload(*world.configuration.policies)


def back(undone: Change) -> Change:
    """What was is so again; a person gives up what was written elsewhere meanwhile.

    That ends the rotation; the key that it leaves beside the new one is the person's to delete,
    and whoever read the other place reads it no more.
    """

    def going_back(world: Lived) -> None:
        undone(world)
        world.live_for(SWEEP + HOUR)
        row = world.row_of()
        if (row.blocked, row.blocked_reason) != ("stop", Reason.POLICY_UNCLEAR):
            return
        said = Order(0, Verb.CLOSE, world.clock(), actor="eve", reason="moved back")
        world.store.give(world.bob.ref, said)
        world.live_for(HOUR)
        named = {row.place.address for row in world.known(world.bob).places}
        for address in set(world.backend.entries) - named:
            del world.backend.entries[address]
            world.consumers.pop(address, None)
        served = set(world.served().values())
        for key in world.aws.keys_of("AIDABOB"):
            if key.key_id not in served:
                world.monitor.given_up.add(key.key_id)
                world.aws.switch(key.key_id, None)

    return going_back


def _formatted(spec: SinkSpec) -> SinkSpec:
    return replace(spec, format=EnvFormat())


def _frozen(world: Lived) -> None:
    now = world.clock()
    freeze = Freeze("year end", now - MINUTE, now + 5 * DAY)
    world.reload(*world.configuration.policies, freezes=(freeze,))


def _timing(world: Lived, factor: int) -> None:
    timing = world.configuration.timing
    other = replace(
        timing, settle=timing.settle * factor, last_used_lag=timing.last_used_lag * factor
    )
    world.reload(*world.configuration.policies, timing=other)


def _renamed(world: Lived) -> None:
    world.aws.rename(world.user(), "robert")


def _named_again(world: Lived) -> None:
    world.aws.rename(world.user(), "bob")


def _moved(world: Lived) -> None:
    world.tag("bob", team="ops")


TWO_TEAMS = (
    ordinary(include=BY_TEAM["ci"]),
    ordinary(include=BY_TEAM["ops"], name="other", digest="policy-2"),
)
TWO_PATHS = (
    ordinary(include=BY_PATH["ci"]),
    ordinary(include=BY_PATH["ops"], name="other", digest="policy-2"),
)

SITUATIONS: Mapping[str, Situation] = {
    # Whose the user is
    "moved to another policy by a tag": Situation(_moved, policies=TWO_TEAMS),
    "moved to another policy by its path": Situation(
        lambda w: w.amend("bob", path="/ops/"), policies=TWO_PATHS
    ),
    "moved to another policy by the YAML": Situation(
        lambda w: w.reload(
            ordinary(include=BY_TEAM["ops"]),
            ordinary(include=BY_TEAM["ci"], name="other", digest="policy-2"),
        ),
        policies=(
            ordinary(include=BY_TEAM["ci"]),
            ordinary(include=BY_TEAM["ops"], name="other", digest="policy-2"),
        ),
    ),
    "moved to a policy with other places": Situation(
        _moved,
        back(_tagged(team="ci")),
        policies=(TWO_TEAMS[0], replace(TWO_TEAMS[1], sinks=(ELSEWHERE,))),
    ),
    "excluded": Situation(_excluded(), lambda w: w.reload(ordinary())),
    "excluded until tomorrow": Situation(_excluded(DAY)),
    "deselected by a tag": Situation(_tagged(team="none"), _tagged(team="ci")),
    "deselected by the YAML": declared(ordinary(include=BY_TEAM["ops"])),
    "selected by two policies": declared(ordinary(), ordinary(name="other", digest="policy-2")),
    "covered by enforce_only no more": Situation(*becomes(enforce_only=(Selector(name="canary"),))),
    "only observed": Situation(*becomes(mode=Mode.OBSERVE)),
    "under a policy that was renamed in git": Situation(
        lambda w: w.reload(ordinary(name="continuous integration", digest="policy-2"))
    ),
    "without its policy's file": declared(),
    "without its policy's file, beside another": declared(
        ordinary(include=BY_TEAM["ops"], name="other", digest="policy-2")
    ),
    "in an account that its policy names no more": Situation(
        _left_by_its_policy,
        lambda w: w.reload(ordinary(), accounts=BEFORE["accounts"]),
    ),
    # Who the user is
    "renamed, in places that follow the name": Situation(
        _renamed, back(_named_again), (ordinary(sinks=OF_USER),)
    ),
    "renamed, in places that do not": Situation(_renamed),
    "made again under the same name": Situation(_made_again),
    "deleted": Situation(_deleted),
    "tagged so that its places have other names": Situation(
        _tagged(home="robert"),
        back(_tagged(home="bob")),
    ),
    "tagged so that its places are another user's": Situation(
        _tagged(home="eve"), _tagged(home="bob"), names={"bob": {}, "eve": {}}
    ),
    "tagged so that its places have no name": Situation(_tagged(home=""), _tagged(home="bob")),
    # Its account
    "in an account that has another name": Situation(_account_becomes(Account("production"))),
    "in an account with another role": Situation(
        _account_becomes(Account("prod", role_arn="arn:aws:iam::111122223333:role/other"))
    ),
    "in an account whose role cannot be assumed": Situation(_cannot_be_assumed, _can_be_assumed),
    "under an account's name that leads elsewhere": Situation(
        _other_account, _same_account, (ordinary(sinks=OF_USER),)
    ),
    "in an account that has two names": Situation(
        _account_becomes(Account("prod"), Account("production")), _account_becomes(Account("prod"))
    ),
    # Its places
    "with one more sink": Situation(lambda w: w.reload(ordinary(sinks=(*BOTH, THIRD)))),
    "with one sink less": Situation(*becomes(sinks=(M,))),
    "with a sink that was moved": Situation(
        becomes(sinks=(ELSEWHERE, W))[0], back(lambda w: w.reload(ordinary()))
    ),
    "with a sink of another id": Situation(
        *becomes(sinks=(replace(M, id="main"), replace(W, id="ci")))
    ),
    "with a sink in another format": Situation(*becomes(sinks=(_formatted(M), W))),
    "with its write-only sink alone": Situation(*becomes(sinks=(W,))),
    # Its periods
    "with rotate_after shortened": Situation(*becomes(rotate_after=54 * HOUR)),
    "with rotate_after lengthened": Situation(*becomes(rotate_after=20 * DAY)),
    "with grace_period shortened": Situation(*becomes(grace_period=MINUTE)),
    "with grace_period lengthened": Situation(*becomes(grace_period=3 * DAY)),
    "with quiet_period shortened": Situation(*becomes(quiet_period=MINUTE)),
    "with quiet_period lengthened": Situation(*becomes(quiet_period=4 * DAY)),
    "with recovery_period shortened": Situation(*becomes(recovery_period=MINUTE)),
    "with recovery_period lengthened": Situation(*becomes(recovery_period=3 * DAY)),
    "with max_age shortened": Situation(*becomes(max_age=DAY)),
    "with max_age lengthened": Situation(*becomes(max_age=300 * DAY)),
    "with first use not asked for any more": Situation(*becomes(require_first_use=False)),
    "with first use asked for": changed({"require_first_use": False}, {}),
    "under other defaults": Situation(
        *becomes(grace_period=4 * HOUR, quiet_period=4 * HOUR, recovery_period=6 * HOUR, digest="2")
    ),
    "under a longer timing": Situation(lambda w: _timing(w, 2)),
    "under a shorter timing": Situation(
        lambda w: w.reload(
            *w.configuration.policies,
            timing=replace(
                w.configuration.timing,
                settle=w.configuration.timing.settle / 5,
                last_used_lag=w.configuration.timing.last_used_lag / 2,
            ),
        )
    ),
    "with provision switched on": Situation(*becomes(provision=True)),
    "with provision switched off": changed({"provision": True}, {}),
    "in a freeze": Situation(_frozen, lambda w: w.reload(*w.configuration.policies, freezes=())),
}
"""The rows of the table."""
