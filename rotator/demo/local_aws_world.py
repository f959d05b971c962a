"""What there is in the local AWS: made from a seed, and told as it truly is.

A seed is JSON; everything is optional:

    {"account": "123456789012",          (there is one partition, aws)
     "operator": {"access_key_id": "…", "secret_access_key": "…", "session_token": "…"},
     "users": [{"name": "ci", "path": "/ci/", "tags": {"team": "a"}, "groups": ["deployers"],
                "policies": ["AWSCompromisedKeyQuarantineV3"], "account": "…", "created": "400d",
                "keys": [{"age": "100d", "status": "Active",
                          "last_used": {"age": "3h", "service": "s3", "region": "eu-north-1"},
                          "access_key_id": "…", "secret_access_key": "…"}]}],
     "roles": [{"name": "rotator", "account": "…", "external_id": "…"}],
     "secrets": [{"name": "ci/aws", "value": "…", "region": "eu-north-1", "account": "…"}]}
"""

from __future__ import annotations

import json
import re
import secrets
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from moto.core.base_backend import BackendDict
from moto.iam.models import iam_backends
from moto.secretsmanager.models import secretsmanager_backends
from moto.sts.models import sts_backends

from rotator.demo.aws import REGION
from rotator.demo.local_aws_ledger import Clock, KeyLedger, Timing, Use, parse_duration
from rotator.demo.moto_gaps import new_user_id

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from moto.iam.models import AccessKey, IAMBackend, Role, User
    from moto.sts.models import AssumedRole

ACCOUNT = "123456789012"
OPERATOR_ROLE = "local-aws-operator"
CONSOLE_ROLE = "local-aws-console"
_PARTITION = "aws"
# No session of the operator or the console ends while somebody plays with the local AWS.
_SESSION_SECONDS = 10 * 365 * 86400

Seed = dict[str, Any]


class SeedError(Exception):
    """The seed cannot be planted; the sentence says which part of it and why."""


class World:
    """The whole of it: users, keys, roles and secrets in moto's backends, which are the process's
    own, and beside them what moto does not keep. Whoever reads or changes it holds `lock`.
    """

    def __init__(self, timing: Timing) -> None:
        self.timing = timing
        self.clock = Clock()
        self.ledger = KeyLedger(self.clock, timing)
        self.lock = threading.RLock()
        self.account = ACCOUNT
        self.console: dict[str, str] = {}

    def begin(self, seed: Seed) -> None:
        """Forget everything, and plant a seed that names the operator's credentials."""
        BackendDict.reset()
        self.ledger = KeyLedger(self.clock, self.timing)
        self.account = seed.get("account", ACCOUNT)
        self.console = {
            "access_key_id": "ASIA" + secrets.token_hex(8).upper(),
            "secret_access_key": secrets.token_urlsafe(30),
            "session_token": secrets.token_urlsafe(60),
        }
        with _understood():
            self._open_session(CONSOLE_ROLE, self.console)
            self._open_session(OPERATOR_ROLE, seed["operator"])
        self.plant(seed)

    def plant(self, seed: Seed) -> None:
        """Add what the seed holds to what there is; a user who is there gets more keys.

        Raises:
            SeedError: a part of it cannot be understood; what stood before it is planted.
        """
        with _understood():
            for role in seed.get("roles", []):
                self._add_role(role)
            for user in seed.get("users", []):
                self._add_user(user)
            for secret in seed.get("secrets", []):
                self._add_secret(secret)
        self.note()

    def note(self) -> None:
        """Let the ledger see which keys there are now."""
        self.ledger.note(
            {
                key_id: (key, backend)
                for backend in self._backends()
                for key_id, key in list(backend.access_keys.items())
            }
        )

    def session(self, key_id: str) -> AssumedRole | None:
        """The session that a key was given for."""
        for account in list(sts_backends.values()):
            for backend in list(account.values()):
                found = backend.get_assumed_role_from_access_key(key_id)
                if found is not None:
                    return found
        return None

    def role(self, arn: str) -> Role | None:
        """The role of this ARN, in whatever account."""
        roles = (role for backend in self._backends() for role in backend.roles.values())
        return next((role for role in roles if role.arn == arn), None)

    def caller_arn(self, key_id: str) -> str:
        """Who signs with this key, as AWS names callers in its refusals."""
        user = self.ledger.owner(key_id)
        session = self.session(key_id)
        return user.arn if user else session.arn if session else f"unknown ({key_id})"

    def truth(self) -> dict[str, Any]:
        """All users and keys as they truly are, with the secrets of seeded keys only."""
        return {
            "now": self.clock.now().isoformat(),
            "account": self.account,
            "users": [
                self._told(user)
                for backend in self._backends()
                for _, user in sorted(backend.users.items())
            ],
        }

    def _told(self, user: User) -> dict[str, Any]:
        return {
            "user": user.name,
            "user_id": user.id,
            "account": user.account_id,
            "arn": user.arn,
            "path": user.path,
            "tags": {tag["Key"]: tag["Value"] for tag in user.tags or []},
            "groups": user.group_list,
            "keys": [self._told_key(key) for key in user.access_keys],
        }

    def _told_key(self, key: AccessKey) -> dict[str, Any]:
        key_id = key.access_key_id
        told = {
            "access_key_id": key_id,
            "status": key.status,
            "created_at": f"{key.create_date.isoformat()}+00:00",
            "accepted": self.ledger.accepted(key_id) is not None,
            "last_used": _told_use(self.ledger.recorded(key_id)),
            "shown": _told_use(self.ledger.shown(key_id)),
        }
        if self.ledger.seeded(key_id):
            told["secret_access_key"] = key.secret_access_key
        return told

    def _backends(self) -> Iterator[IAMBackend]:
        for account in list(iam_backends.values()):
            yield from list(account.values())

    def _iam(self, entry: Seed) -> IAMBackend:
        return iam_backends[entry.get("account", self.account)][_PARTITION]

    def _add_role(self, role: Seed) -> None:
        statement: dict[str, Any] = {
            "Effect": "Allow",
            "Action": "sts:AssumeRole",
            "Principal": {"AWS": "*"},
        }
        if "external_id" in role:
            statement["Condition"] = {"StringEquals": {"sts:ExternalId": role["external_id"]}}
        document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        self._iam(role).create_role(
            role_name=role["name"],
            assume_role_policy_document=document,
            path=role.get("path", "/"),
            permissions_boundary=None,
            description="",
            tags=[],
            max_session_duration=None,
        )

    def _open_session(self, role_name: str, credentials: Seed) -> None:
        self._add_role({"name": role_name})
        iam = self._iam({})
        session = sts_backends[self.account][_PARTITION].assume_role(
            region_name="us-east-1",
            role_session_name="local",
            role_arn=f"arn:{_PARTITION}:iam::{self.account}:role/{role_name}",
            policy="",
            duration=_SESSION_SECONDS,
            external_id="",
        )
        key = iam.access_keys.pop(session.access_key_id)
        key.access_key_id = session.access_key_id = credentials["access_key_id"]
        key.secret_access_key = session.secret_access_key = credentials["secret_access_key"]
        session.session_token = credentials.get("session_token", "")
        iam.access_keys[key.access_key_id] = key

    def _add_user(self, entry: Seed) -> None:
        iam = self._iam(entry)
        tags = [{"Key": key, "Value": value} for key, value in entry.get("tags", {}).items()]
        user = iam.users.get(entry["name"])
        if user is None:
            user = iam.create_user("us-east-1", entry["name"], entry.get("path", "/"), tags)
            user.id = new_user_id(iam.account_id)
            user.create_date = self._past(entry.get("created", "0s")).replace(tzinfo=None)
        for group in entry.get("groups", []):
            if group not in iam.groups:
                iam.create_group(group)
            iam.add_user_to_group(group, user.name)
        for policy in entry.get("policies", []):
            self._attach(iam, policy, user.name)
        for key in entry.get("keys", []):
            self._add_key(iam, user, key)

    def _attach(self, iam: IAMBackend, policy_name: str, user_name: str) -> None:
        arn = f"arn:aws:iam::{iam.account_id}:policy/{policy_name}"
        if arn not in iam.managed_policies:
            statement = {"Effect": "Deny", "Action": "iam:AttachUserPolicy", "Resource": "*"}
            document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
            iam.create_policy("", "/", document, policy_name, [])
        iam.attach_user_policy(arn, user_name)

    def _add_key(self, iam: IAMBackend, user: User, entry: Seed) -> None:
        key = user.create_access_key(prefix="AKIA", status=entry.get("status", "Active"))
        key.access_key_id = entry.get("access_key_id", key.access_key_id)
        if not re.fullmatch(r"[A-Z0-9]{20}", key.access_key_id):
            raise ValueError(f"{key.access_key_id!r} is no access key id of 20 letters and digits")
        key.secret_access_key = entry.get("secret_access_key", key.secret_access_key)
        key.create_date = self._past(entry.get("age", "0s")).replace(tzinfo=None)
        iam.access_keys[key.access_key_id] = key
        use = entry.get("last_used")
        last_use = None
        if use:
            at = self._past(use["age"])
            last_use = Use(at, use.get("service", "sts"), use.get("region", "us-east-1"), at)
        self.ledger.enter(key, user, last_use)

    def _add_secret(self, entry: Seed) -> None:
        account = entry.get("account", self.account)
        secretsmanager_backends[account][entry.get("region", REGION)].create_secret(
            name=entry["name"],
            secret_string=entry["value"],
            secret_binary=None,
            description=None,
            tags=[{"Key": key, "Value": value} for key, value in entry.get("tags", {}).items()],
            kms_key_id=None,
            client_request_token=None,
            replica_regions=[],
            force_overwrite=False,
        )

    def _past(self, age: str) -> datetime:
        return (self.clock.now() - parse_duration(age)).replace(microsecond=0)


@contextmanager
def _understood() -> Iterator[None]:
    try:
        yield
    except (AttributeError, KeyError, TypeError, ValueError) as exc:
        raise SeedError(f"The seed is not understood: {type(exc).__name__} {exc}") from exc


def _told_use(use: Use | None) -> dict[str, str] | None:
    if use is None:
        return None
    return {"at": use.at.isoformat(), "service": use.service, "region": use.region}
