"""What rotator remembers: one SQLite file, or a PostgreSQL database, through SQLAlchemy Core."""

from rotator.store.changes import Change
from rotator.store.opening import Store, create, open_store
from rotator.store.orders import Holds
from rotator.store.rows import (
    Counts,
    JournalRow,
    KeyRow,
    KeyUse,
    Known,
    Lease,
    OrderRow,
    PlaceRow,
    ReplicaRow,
    Standing,
    Surroundings,
    SurveyRow,
    SweepRow,
    UserRow,
)

__all__ = [
    "Change",
    "Counts",
    "Holds",
    "JournalRow",
    "KeyRow",
    "KeyUse",
    "Known",
    "Lease",
    "OrderRow",
    "PlaceRow",
    "ReplicaRow",
    "Standing",
    "Store",
    "Surroundings",
    "SurveyRow",
    "SweepRow",
    "UserRow",
    "create",
    "open_store",
]
