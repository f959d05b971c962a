"""The tables, one for each noun. Portable: what a dialect needs besides is marked "dialect".

A release may add tables and columns (with a default, or nullable) and never changes the meaning
of one that is there, so that the release before keeps running on the same store.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    MetaData,
    Table,
    event,
)

from rotator.model import (
    DoorName,
    JournalOutcome,
    KeyStatus,
    Kind,
    Mode,
    Outcome,
    Phase,
    Reason,
    Scope,
    Step,
    Title,
    Verb,
)
from rotator.store.columns import Count, Evidence, Flag, Moment, Name, Number, Prose, Span, Word

if TYPE_CHECKING:
    from sqlalchemy import Connection

METADATA = MetaData(
    naming_convention={
        "fk": "%(table_name)s_%(column_0_name)s_fkey",
        "pk": "%(table_name)s_pkey",
        "ck": "%(table_name)s_%(constraint_name)s",
    }
)

# dialect: SQLite numbers rows by itself only where the column is a plain INTEGER.
NUMBER = BigInteger().with_variant(Integer, "sqlite")

meta = Table(
    "meta",
    METADATA,
    Column("name", Name, primary_key=True),
    Column("value", Name, nullable=False),
)
"""`schema_version`, `min_reader`, `made_at`; `backup` in a copy; `accepted` once it was."""

users = Table(
    "users",
    METADATA,
    Column("account_id", Name, primary_key=True),
    Column("user_id", Name, primary_key=True),
    Column("account", Name, nullable=False),
    Column("name", Name, nullable=False),
    Column("path", Name, nullable=False),
    Column("arn", Name, nullable=False),
    Column("policy", Name),
    Column("mode", Word(Mode)),
    Column("phase", Word(Phase), nullable=False),
    Column("reason", Word(Reason)),
    Column("message", Prose, nullable=False),
    Column("blocked", Name),
    Column("blocked_reason", Word(Reason)),
    Column("blocked_message", Prose, nullable=False),
    Column("blocked_since", Moment),
    Column("blocked_by", Prose),
    Column("blocked_until", Moment),
    Column("uncovered", Flag, nullable=False),
    Column("missing_since", Moment),
    Column("quarantined_since", Moment),
    Column("next_at", Moment),
    Column("due_at", Moment),
    Column("overdue", Flag, nullable=False),
    Column("as_of", Moment),
    Column("source", Name, nullable=False),
    Column("look_at", Moment),
    Column("reported", Prose),
    CheckConstraint("blocked IN ('stop', 'hold')", name="blocked_known"),
    CheckConstraint("source IN ('live', 'report')", name="source_known"),
    Index("users_name", "name"),
    Index("users_next", "next_at"),
    Index("users_look", "look_at"),
)


def _of_user() -> ForeignKeyConstraint:
    return ForeignKeyConstraint(["account_id", "user_id"], ["users.account_id", "users.user_id"])


keys = Table(
    "keys",
    METADATA,
    Column("key_id", Name, primary_key=True),
    Column("account_id", Name, nullable=False),
    Column("user_id", Name, nullable=False),
    Column("status", Word(KeyStatus), nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("status_since", Moment, nullable=False),
    Column("first_seen_at", Moment, nullable=False),
    Column("last_seen_at", Moment, nullable=False),
    Column("missing_since", Moment),
    Column("gone_at", Moment),
    Column("use_kind", Name, nullable=False),
    Column("used_at", Moment),
    Column("used_service", Name),
    Column("used_region", Name),
    Column("use_why", Prose),
    Column("longest_silence", Span),
    _of_user(),
    Index("keys_user", "account_id", "user_id"),
)

reported_keys = Table(
    "reported_keys",
    METADATA,
    Column("account_id", Name, primary_key=True),
    Column("user_id", Name, primary_key=True),
    Column("slot", Count, primary_key=True),
    Column("is_active", Flag, nullable=False),
    Column("rotated_at", Moment),
    Column("use_kind", Name, nullable=False),
    Column("used_at", Moment),
    Column("used_service", Name),
    Column("used_region", Name),
    Column("use_why", Prose),
    _of_user(),
)
"""Keys that were never listed, as the credential report shows them: it tells no key ids."""

surveys = Table(
    "surveys",
    METADATA,
    Column("account_id", Name, primary_key=True),
    Column("account", Name, nullable=False),
    Column("at", Moment, nullable=False),
    Column("report_at", Moment),
    Column("report_digest", Name),
    Column("why", Prose, nullable=False),
    Column("users", Count, nullable=False),
    Column("uncovered", Count),
    Column("root_keys", Count),
)
"""The latest survey of each account; `why` there was no report, where there was none."""

places = Table(
    "places",
    METADATA,
    # The primary key is what makes a place one user's alone.
    Column("type", Name, primary_key=True),
    Column("address", Name, primary_key=True),
    Column("account_id", Name, nullable=False),
    Column("user_id", Name, nullable=False),
    Column("sink_id", Name),
    Column("readable", Flag, nullable=False),
    Column("claimed_at", Moment, nullable=False),
    Column("begun_key", Name),
    Column("answered_key", Name),
    Column("written_at", Moment),
    Column("delivered_at", Moment),
    Column("failures", Count, nullable=False),
    Column("failed_at", Moment),
    Column("failed_why", Prose, nullable=False),
    Column("reading", Name),
    Column("serves", Name),
    Column("read_at", Moment),
    _of_user(),
    Index("places_user", "account_id", "user_id"),
)

orders = Table(
    "orders",
    METADATA,
    Column("order_id", NUMBER, primary_key=True, autoincrement=True),
    Column("verb", Word(Verb), nullable=False),
    Column("scope", Word(Scope), nullable=False),
    # Empty, not null, where the scope is wider than an account or a user.
    Column("account_id", Name, nullable=False),
    Column("user_id", Name, nullable=False),
    Column("account", Name),
    Column("policy", Name),
    Column("key_id", Name),
    Column("action", Word(DoorName)),
    Column("sink_id", Name),
    Column("enforce", Flag, nullable=False),
    Column("compromised", Flag, nullable=False),
    Column("contain_first", Flag, nullable=False),
    Column("now", Flag, nullable=False),
    Column("confirmed", Flag, nullable=False),
    Column("take_over", Flag, nullable=False),
    Column("accepted_at", Moment),
    Column("open_since", Moment),
    Column("used_at", Moment),
    Column("given_at", Moment, nullable=False),
    Column("actor", Prose, nullable=False),
    Column("reason", Prose, nullable=False),
    Column("cause", Word(Reason)),
    Column("until", Moment),
    Column("ended_at", Moment),
    Column("outcome", Name),
    Column("message", Prose, nullable=False),
    Column("mark", Name),
    CheckConstraint("outcome IN ('done', 'refused', 'withdrawn')", name="outcome_known"),
    CheckConstraint("(outcome IS NULL) = (ended_at IS NULL)", name="ended_with_outcome"),
    Index("orders_user", "account_id", "user_id"),
    Index("orders_open", "ended_at", "verb"),
    Index("orders_mark", "mark", unique=True),
    sqlite_autoincrement=True,
)
"""`mark` is of whoever wrote the row: by it a lost answer is told from a lost order."""

rotations = Table(
    "rotations",
    METADATA,
    Column("rotation_id", Name, primary_key=True),
    Column("account_id", Name, nullable=False),
    Column("user_id", Name, nullable=False),
    Column("kind", Word(Kind), nullable=False),
    Column("policy", Name, nullable=False),
    Column("reason", Word(Reason), nullable=False),
    Column("begun_at", Moment, nullable=False),
    Column("predecessor", Name),
    Column("successor", Name),
    Column("issued_at", Moment),
    Column("own_use_at", Moment),
    Column("proven_at", Moment),
    Column("delivered_at", Moment),
    Column("leaver", Name),
    Column("title", Word(Title)),
    Column("titled_at", Moment),
    Column("evidence", Evidence, nullable=False),
    Column("deactivated_at", Moment),
    Column("promised_at", Moment),
    Column("blocked_at", Moment),
    Column("now", Flag, nullable=False),
    Column("order_id", Number, ForeignKey("orders.order_id")),
    Column("issuer", Name),
    Column("closed_at", Moment),
    Column("outcome", Word(Outcome)),
    _of_user(),
    CheckConstraint("(outcome IS NULL) = (closed_at IS NULL)", name="closed_with_outcome"),
    Index("rotations_user", "account_id", "user_id", "closed_at"),
    Index("rotations_policy", "policy", "account_id", "begun_at"),
)

# The database itself refuses a second open rotation of a user.
Index(
    "rotations_open",
    rotations.c.account_id,
    rotations.c.user_id,
    unique=True,
    sqlite_where=rotations.c.closed_at.is_(None),
    postgresql_where=rotations.c.closed_at.is_(None),
)

journal = Table(
    "journal",
    METADATA,
    Column("seq", NUMBER, primary_key=True, autoincrement=True),
    Column("at", Moment, nullable=False),
    Column("account_id", Name, nullable=False),
    Column("user_id", Name, nullable=False),
    Column("account", Name, nullable=False),
    Column("user_name", Name, nullable=False),
    Column("policy", Name),
    Column("policy_digest", Name, nullable=False),
    Column("rotation_id", Name, ForeignKey("rotations.rotation_id")),
    Column("sweep_id", Name),
    Column("step", Word(Step), nullable=False),
    Column("outcome", Word(JournalOutcome), nullable=False),
    Column("intent_seq", Number, ForeignKey("journal.seq")),
    Column("timeout_at", Moment),
    Column("key_id", Name),
    Column("place", Name),
    Column("title", Word(Title)),
    Column("reason", Word(Reason)),
    Column("detail", Prose, nullable=False),
    Column("actor", Prose, nullable=False),
    Column("hash", Name, nullable=False),
    Index("journal_user", "account_id", "user_id", "seq"),
    Index("journal_intent", "intent_seq"),
    Index("journal_rotation", "rotation_id"),
    Index("journal_limits", "policy", "account_id", "outcome", "at"),
    sqlite_autoincrement=True,
)

chains = Table(
    "chains",
    METADATA,
    Column("account_id", Name, primary_key=True),
    Column("user_id", Name, primary_key=True),
    Column("length", Count, nullable=False),
    Column("hash", Name, nullable=False),
)
"""How long each user's part of the journal is and how it ends: a row cut off its end is missed."""

leases = Table(
    "leases",
    METADATA,
    Column("account_id", Name, primary_key=True),
    Column("user_id", Name, primary_key=True),
    Column("holder", Name, nullable=False),
    Column("fence", Number, nullable=False),
    Column("until", Moment, nullable=False),
    Column("mark", Name),
    Index("leases_holder", "holder"),
)

"""`mark` is the last transaction that its holder committed; see `leases.was_written`."""

replicas = Table(
    "replicas",
    METADATA,
    Column("replica_id", Name, primary_key=True),
    Column("version", Name, nullable=False),
    Column("host", Name, nullable=False, server_default=""),
    Column("config_digest", Name, nullable=False),
    Column("seen_at", Moment, nullable=False),
)

replica_keys = Table(
    "replica_keys",
    METADATA,
    Column("replica_id", Name, ForeignKey("replicas.replica_id"), primary_key=True),
    Column("access_key_id", Name, primary_key=True),
    Column("source", Prose, nullable=False),
    Column("moves", Flag, nullable=False),
)
"""The long-term keys that a replica signs with, and where it has them from; never a secret."""

sweeps = Table(
    "sweeps",
    METADATA,
    Column("sweep_id", Name, primary_key=True),
    Column("policy", Name, nullable=False),
    Column("account_id", Name, nullable=False),
    Column("begun_at", Moment, nullable=False),
    Column("ended_at", Moment),
    Column("ok", Flag),
    Column("selected", Count, nullable=False),
    Column("observed", Count, nullable=False),
    Column("acted", Count, nullable=False),
    Column("waiting", Count, nullable=False),
    Column("blocked", Count, nullable=False),
    Column("failed", Count, nullable=False),
    Column("message", Prose, nullable=False),
    Index("sweeps_policy", "policy", "account_id", "begun_at"),
)

# dialect: the journal is append-only by the database's own word. Trigger -> how it is made.
APPEND_ONLY = {
    "sqlite": {
        f"journal_no_{verb.lower()}": (
            f"CREATE TRIGGER journal_no_{verb.lower()} BEFORE {verb} ON journal BEGIN "
            "SELECT RAISE(ABORT, 'the journal is append-only'); END"
        )
        for verb in ("UPDATE", "DELETE")
    },
    "postgresql": {
        "journal_append_only": (
            "CREATE OR REPLACE FUNCTION journal_is_append_only() RETURNS trigger AS $$ BEGIN "
            "RAISE EXCEPTION 'the journal is append-only'; END $$ LANGUAGE plpgsql; "
            "CREATE TRIGGER journal_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON journal "
            "FOR EACH STATEMENT EXECUTE FUNCTION journal_is_append_only()"
        )
    },
}


@event.listens_for(journal, "after_create")
def _keep_append_only(_table: Table, connection: Connection, **_: object) -> None:
    for statement in APPEND_ONLY[connection.dialect.name].values():
        connection.exec_driver_sql(statement)
