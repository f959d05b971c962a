"""The places of one user: the sinks of its policy, opened for a visit, and what is on record."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Self

from rotator.errors import ReadError, Rejected
from rotator.model import NameProblem, PlaceState, Serves, Verb
from rotator.sinks import SinkContext

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from rotator.aws.accounts import Entered
    from rotator.model import Place, Policy, Rotation, Served, SinkSpec, User, UserRef
    from rotator.reconcile.equipment import Equipment
    from rotator.reconcile.looks import Look
    from rotator.sinks import Sink
    from rotator.store import Known, PlaceRow

__all__ = ["OpenPlaces", "place_states"]


class OpenPlaces:
    """The sinks of one policy for one user, closed together when the visit ends.

    `problem` says why the name of one cannot be made, `unreachable` why the account of one cannot
    be entered. The others are open all the same, since what they serve may have to be mended (P1);
    but with either of the two they are a part, and nothing is concluded from a part. `entered` is
    the user's own account.
    """

    def __init__(
        self, equipment: Equipment, entered: Entered, policy: Policy | None, user: User
    ) -> None:
        self._equipment = equipment
        self.entered = entered
        self._open(policy, user)

    def follow(self, policy: Policy | None, user: User) -> None:
        """Open the sinks anew where the policy, or what their names are made of, is another."""
        if (policy, user) != self._opened_for:
            self._close()
            self._open(policy, user)

    def _open(self, policy: Policy | None, user: User) -> None:
        self._opened_for = (policy, user)
        self.sinks: dict[Place, tuple[SinkSpec, Sink]] = {}
        self.problem: str | None = None
        self.unreachable: str | None = None
        for spec in policy.sinks if policy else ():
            try:
                sink = self._equipment.build_sink(self._context(spec, user))
                self.sinks[sink.place()] = (spec, sink)
            except NameProblem as exc:
                self.problem = self.problem or str(exc)
            except ReadError as exc:
                self.unreachable = self.unreachable or str(exc)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._close()

    def _close(self) -> None:
        for _, sink in self.sinks.values():
            sink.close()

    def read(self, seen: Look, *, check: bool, keep: Callable[[], None]) -> Look:
        """The look with a reading of every place; `check`: also whether a put could work there.

        `keep` is called before each question: places that do not answer take their time.
        """
        checks: dict[Place, str] = {}
        for place, (_, sink) in self.sinks.items():
            keep()
            seen = seen.with_reading(place, sink.current())
            if check:
                keep()
                if why := _refusal(sink):
                    checks[place] = why
        return seen.with_checks(checks)

    def _context(self, spec: SinkSpec, user: User) -> SinkContext:
        entered = self.entered
        if spec.account is not None and spec.account != entered.name:
            account = self._equipment.configuration().account(spec.account)
            assert account is not None, "the configuration was checked"
            entered = self._equipment.accounts.enter(account)
        return SinkContext(
            user=user,
            spec=spec,
            clock=self._equipment.clock,
            client=entered.client,
            account_id=entered.account_id,
            partition=entered.partition,
            base=Path(spec.base),
        )


def _refusal(sink: Sink) -> str | None:
    try:
        sink.check()
    except (Rejected, ReadError) as exc:
        return str(exc)
    return None


def place_states(
    equipment: Equipment, places: OpenPlaces, known: Known, seen: Look
) -> tuple[PlaceState, ...]:
    """The places of the policy, in its order, then those that are only on record."""
    at_work = known.rotation is not None or any(o.verb is Verb.DELIVER for o in known.orders)
    recorded = {row.place: _recorded(row, known.rotation, at_work=at_work) for row in known.places}
    states = [
        replace(
            recorded.pop(place) if place in recorded else _unclaimed(equipment, place, seen),
            readable=sink.readable,
            sink_id=spec.id,
            reading=seen.readings.get(place),
            check=seen.checks.get(place),
            create=spec.create,
        )
        for place, (spec, sink) in places.sinks.items()
    ]
    return (*states, *recorded.values())


def _unclaimed(equipment: Equipment, place: Place, seen: Look) -> PlaceState:
    """A place that is not on record as this user's; it may be another's, claimed or not."""
    owner = equipment.store.owner_of(place) or _reader(equipment, seen.readings.get(place))
    taken_by = owner.user_id if owner and owner != seen.user.ref else None
    return PlaceState(place, readable=True, owner=taken_by)


def _reader(equipment: Equipment, reading: Served | None) -> UserRef | None:
    """The user whose key a place serves, as far as keys are known; nobody who is gone."""
    if not isinstance(reading, Serves):
        return None
    for row in equipment.store.find_key(reading.key_id):
        user = equipment.store.know(row.ref).user
        is_there = user is not None and user.missing_since is None
        if row.key.key_id == reading.key_id and row.gone_at is None and is_there:
            return row.ref
    return None


def _recorded(row: PlaceRow, rotation: Rotation | None, *, at_work: bool) -> PlaceState:
    """What is on record; a delivery counts only for the rotation that is open.

    Each beginning forgets the deliveries of the rotation before it, so that no clock is asked.
    Failures count as long as somebody is `at_work` here: a rotation, or an order to deliver.
    """
    return PlaceState(
        place=row.place,
        readable=row.readable,
        claimed=True,
        begun_key=row.begun_key,
        answered_key=row.answered_key,
        written_at=row.written_at,
        delivered_at=row.delivered_at if rotation else None,
        failures=row.failures if at_work else None,
    )
