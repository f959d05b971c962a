"""What the last survey of each account found, and what reports tell of keys."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, delete, insert, or_, select, update

from rotator.model import ReportedKey, UserRef
from rotator.store import shapes
from rotator.store.columns import Moment, last_use_to
from rotator.store.damage import sound
from rotator.store.part import Part
from rotator.store.schema import keys, reported_keys, surveys, users
from rotator.store.twice import twice

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import Connection

    from rotator.model import UsedAt
    from rotator.store.rows import KeyUse, SurveyRow

__all__ = ["Surveys", "reported_of"]

_USES_OF_ACCOUNT = select(keys).where(keys.c.account_id == bindparam("of_account_id"))
_UNLISTED = select(users.c.user_id).where(
    users.c.account_id == bindparam("of_account_id"), users.c.source == "report"
)
_USED = (
    update(keys)
    .where(
        shapes.mine(keys),
        keys.c.key_id == bindparam("of_key"),
        or_(keys.c.used_at.is_(None), keys.c.used_at < bindparam("of_moment", type_=Moment)),
    )
    .values(
        use_kind="used",
        used_at=bindparam("of_moment", type_=Moment),
        used_service=bindparam("of_service"),
        used_region=bindparam("of_region"),
        use_why=None,
        longest_silence=bindparam("of_silence", type_=keys.c.longest_silence.type),
    )
)


class Surveys(Part):
    """What is learned of whole accounts, without a lease on any user."""

    def note_survey(self, row: SurveyRow) -> None:
        """Keep what the latest survey of an account came to."""
        columns = shapes.survey_columns(row)
        new = self._database.insert(surveys).values(**columns)
        kept = new.on_conflict_do_update(index_elements=[surveys.c.account_id], set_=columns)
        twice(self._database, lambda connection: connection.execute(kept))

    def surveys(self) -> dict[str, SurveyRow]:
        """The latest survey of each account, by its id."""
        with self._database.reading() as connection:
            rows = [shapes.survey_row(row) for row in sound(connection.execute(select(surveys)))]
        return {row.account_id: row for row in rows}

    def note_uses(self, account_id: str, uses: Sequence[KeyUse]) -> None:
        """Keep later uses of keys than are on record, and how long each had been silent before."""
        if not uses:
            return

        def note(connection: Connection) -> None:
            rows = sound(connection.execute(_USES_OF_ACCOUNT, {"of_account_id": account_id}))
            known = {row.key_id: row._asdict() for row in rows}
            news = [
                shapes.whose(
                    use.ref,
                    of_key=use.key_id,
                    of_moment=use.use.at,
                    of_service=use.use.service,
                    of_region=use.use.region,
                    of_silence=shapes.silence(known[use.key_id], use.use),
                )
                for use in uses
                if use.key_id in known and _is_later(known[use.key_id], use.use)
            ]
            if news:
                connection.execute(_USED, news)

        twice(self._database, note)

    def note_reported(self, account_id: str, reported: Mapping[str, Sequence[ReportedKey]]) -> None:
        """Keep what the report says of users whose keys were never listed, by UserId.

        Written is only what is new. Forgotten is what was kept of users who were listed since.
        """
        if not reported:
            return
        news = {UserRef(account_id, user_id): tuple(slots) for user_id, slots in reported.items()}

        def note(connection: Connection) -> None:
            before = reported_of(connection, account_id)
            unlisted = connection.execute(_UNLISTED, {"of_account_id": account_id})
            known = {UserRef(account_id, user_id) for user_id in unlisted.scalars()}
            changed = {ref for ref in news.keys() & known if before.get(ref) != news[ref]}
            for ref in changed | (before.keys() - known):
                connection.execute(delete(reported_keys).where(shapes.of_user(reported_keys, ref)))
            rows = [
                _columns(ref, slot, key)
                for ref in sorted(changed)
                for slot, key in enumerate(news[ref], start=1)
            ]
            if rows:
                connection.execute(insert(reported_keys), rows)

        twice(self._database, note)


def reported_of(
    connection: Connection, account_id: str | None = None
) -> dict[UserRef, tuple[ReportedKey, ...]]:
    """The keys of which only reports tell, user by user; of one account, or of all."""
    query = select(reported_keys).order_by(reported_keys.c.slot)
    if account_id is not None:
        query = query.where(reported_keys.c.account_id == account_id)
    found: dict[UserRef, list[ReportedKey]] = defaultdict(list)
    for row in sound(connection.execute(query)):
        use = shapes.use_of(row)
        found[shapes.ref_of(row)].append(
            ReportedKey(is_active=row.is_active, rotated_at=row.rotated_at, last_use=use)
        )
    return {ref: tuple(slots) for ref, slots in found.items()}


def _is_later(stored: Mapping[str, Any], use: UsedAt) -> bool:
    return stored["used_at"] is None or stored["used_at"] < use.at


def _columns(ref: UserRef, slot: int, key: ReportedKey) -> dict[str, Any]:
    return {
        "account_id": ref.account_id,
        "user_id": ref.user_id,
        "slot": slot,
        "is_active": key.is_active,
        "rotated_at": key.rotated_at,
        **last_use_to(key.last_use),
    }
