"""Enters AWS accounts: whose credentials, which account they belong to, which clients.

An account is its 12-digit id, which only sts:GetCallerIdentity tells; names are for people.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, cast, overload

from rotator import model
from rotator.aws import answers, signing
from rotator.aws.ambient import REFUSED, Ambient
from rotator.aws.iam import Iam
from rotator.aws.organizations import members
from rotator.aws.pace import Paces, Rates
from rotator.aws.wire import READ_ATTEMPTS, READ_TIMEOUT, Tap, Wire, connect, looking, settings
from rotator.errors import ReadError
from rotator.model import mask

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime, timedelta

    from botocore.client import BaseClient
    from botocore.session import Session
    from mypy_boto3_iam import IAMClient
    from mypy_boto3_secretsmanager import SecretsManagerClient
    from mypy_boto3_sts import STSClient

    from rotator.aws.ambient import OnCredentials
    from rotator.aws.wire import OnRequest
    from rotator.judgement.members import Member

__all__ = ["Accounts", "Entered", "Identity"]

PROOF_TIMEOUT = 10.0
"""Seconds without an answer after which one attempt to prove a key has failed."""

ARN_PARTS = 6
"""arn, partition, service, region, account and resource (AWS General Reference, ARNs)."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Who AWS says that a request was signed by; `user_id` of a user is its UserId (AIDA…)."""

    account_id: str
    user_id: str
    arn: str

    @property
    def partition(self) -> str:
        """The part of AWS that the account lives in: aws, aws-cn, aws-us-gov."""
        return self.arn.split(":")[1]

    @property
    def user_name(self) -> str | None:
        """The name of the IAM user; None where it is a role, or root."""
        resource = self.arn.split(":", 5)[5]
        return resource.rpartition("/")[2] if resource.startswith("user/") else None

    @property
    def is_root(self) -> bool:
        """Whether the account's root signed."""
        return self.arn.endswith(":root")


@dataclass(frozen=True, slots=True)
class Entered:
    """One account as a sweep works in it."""

    name: str
    account_id: str
    partition: str
    region: str
    caller_arn: str
    iam: Iam = field(repr=False)
    _connection: _Connection = field(repr=False)

    def skew(self) -> timedelta | None:
        """How far AWS's clock was ahead of ours at the latest answer."""
        return self._connection.wire.skew

    def account_of(self, key_id: str) -> str | None:
        """The id of the account that a key belongs to, whichever it is; None: AWS does not say."""
        return self._connection.account_of(key_id)

    def prove(self, credential: model.Credential) -> Identity:
        """Sign one call, once, with a key: who does AWS say that it is?

        Whether that is the right account and user is for the caller to compare. A new key is
        unknown to STS for seconds.

        Raises:
            ReadError: no proof yet, whatever the reason.
        """
        return self._connection.prove(credential)

    @overload
    def client(
        self, service: Literal["secretsmanager"], region: str | None = None
    ) -> SecretsManagerClient: ...

    @overload
    def client(self, service: str, region: str | None = None) -> BaseClient: ...

    def client(self, service: str, region: str | None = None) -> Any:
        """A client of another service in this account, for sinks; it sends everything once."""
        return self._connection.client(service, region or self.region)


class Accounts:
    """Enters the configured accounts; made once for each configuration.

    `environ` is the process's environment; botocore reads that itself, except for AWS_REGION.
    `request_timeout` is the longest that a request that changes something may live. Without
    `rates` no request waits for another. `on_request` is told of each request: the account's
    name, the action ("iam:CreateAccessKey"), and `ok`, `throttled`, `denied`, `rejected` or
    `unknown`. `on_credentials` is told when our own credentials have moved, or should have.
    `ambient` are our own credentials, and `paces` what was learned of how much each account bears,
    where they have lived longer than this configuration. An account's own `rate` goes before
    `rates`.
    """

    def __init__(  # noqa: PLR0913 - who is told of what, besides
        self,
        accounts: Sequence[model.Account],
        *,
        environ: Mapping[str, str],
        clock: Callable[[], datetime],
        request_timeout: timedelta,
        rates: Rates | None = Rates(),  # noqa: B008 - frozen
        on_request: OnRequest = lambda account, action, result: None,  # noqa: ARG005 - nobody counts
        on_credentials: OnCredentials = lambda change: None,  # noqa: ARG005 - nobody is told
        ambient: Ambient | None = None,
        paces: Paces | None = None,
    ) -> None:
        self._environ = environ
        self._clock = clock
        self._request_timeout = request_timeout.total_seconds()
        self._ambient = ambient or Ambient(environ, clock)
        self._ambient.asks(self._account_of, on_credentials)
        self._accounts = tuple(accounts)
        self._paces, self._rates, self._on_request = paces or Paces(), rates, on_request
        self._wires: dict[str, Wire] = {}
        self._locks: dict[str, threading.Lock] = defaultdict(threading.Lock)
        self._making = threading.Lock()
        self._doors: dict[str, _Door] = {}
        self._ids = {a.name: a.role_arn.split(":")[4] for a in accounts if a.role_arn}
        self._without_role = [account for account in accounts if not account.role_arn]

    def enter(self, account: model.Account) -> Entered:
        """Ask AWS who we are in a configured account; to be called at each sweep.

        Clients and the credentials of a role are kept from one call to the next, and renewed
        when our own credentials have changed.

        Raises:
            AccessDenied: the role cannot be assumed.
            ReadError: no credentials, expired ones, no region, no answer, the account's root, or
                an account that another name stands for too; the sentence says what to do.
        """
        with self._locks[account.name]:
            try:
                return self._enter(account)
            except ReadError as exc:
                raise type(exc)(f"account {account.name}: {exc}", code=exc.code) from exc

    def signing(self) -> tuple[model.SigningKey, ...]:
        """The long-term keys that sign our calls now, or assume the roles that do.

        They are in use as long as we live. Looks at their sources, and moves over where it can.
        """
        return self._ambient.signing()

    def _enter(self, account: model.Account) -> Entered:
        try:
            door = self._door(account)
            identity = door.connection.identify()
        except ReadError as exc:
            if exc.code not in REFUSED:
                raise
            # A key that was replaced meanwhile is refused like one that never was good, and so is
            # a new one that not all of AWS knows yet.
            self._ambient.distrust()
            door = self._door(account)
            identity = door.connection.identify()
        self._check(account, identity)
        return Entered(
            name=account.name,
            account_id=identity.account_id,
            partition=identity.partition,
            region=door.connection.region,
            caller_arn=identity.arn,
            iam=door.connection.iam(identity),
            _connection=door.connection,
        )

    def members(
        self, organization: model.Organization, *, tags: bool
    ) -> tuple[tuple[Member, ...], Identity]:
        """The accounts of an organization, as the credentials of this process may list them.

        With them, who we are: the organization's management account, or one that is delegated.

        Raises:
            ReadError: they cannot be listed to their end.
        """
        ambient = self._ambient.session()
        asked = model.Account(organization.name, region=organization.region)
        region = signing.region_of(ambient, asked, self._environ)
        wire = self._wire(organization.name, organization.rate)
        connection = _Connection(ambient, wire, region, self._request_timeout)
        client = connect(ambient, "organizations", connection.listing, region)
        try:
            identity = connection.identify()
            return members(Tap(wire, client), organization, tags=tags), identity
        finally:
            client.close()
            connection.sts.client.close()

    def _wire(self, name: str, rate: float | None) -> Wire:
        """What is shared by all that is asked of one account; made when it is asked for first."""
        with self._making:
            wire = self._wires.get(name)
            if wire is None:
                pace = self._paces.of(name, Rates.of(rate) if rate else self._rates)
                wire = Wire(name, clock=self._clock, pace=pace, on_request=self._on_request)
                self._wires[name] = wire
            return wire

    def _door(self, account: model.Account) -> _Door:
        """The connection to an account, made anew where our own credentials are others."""
        ambient = self._ambient.session()
        door = self._doors.get(account.name)
        if door is None or door.ambient is not ambient:
            door = _Door(ambient, self._connect(account, ambient))
            self._doors[account.name] = door
        return door

    def _account_of(self, session: Session) -> str:
        """To which account the credentials of a session belong.

        Raises:
            ReadError: AWS does not know them, or does not say.
        """
        account = self._accounts[0] if self._accounts else model.Account("ambient")
        wire = self._wire(account.name, account.rate)
        region = signing.region_of(session, account, self._environ)
        connection = _Connection(session, wire, region, self._request_timeout, reads=1)
        try:
            return connection.identify().account_id
        finally:
            connection.sts.client.close()

    def _connect(self, account: model.Account, ambient: Session) -> _Connection:
        wire = self._wire(account.name, account.rate)
        region = signing.region_of(ambient, account, self._environ)
        connection = _Connection(ambient, wire, region, self._request_timeout)
        if account.role_arn is None:
            return connection
        sts = connection.sts
        session = signing.session_of_role(lambda: signing.assume(sts, account), self._clock)
        return _Connection(session, wire, region, self._request_timeout)

    def _check(self, account: model.Account, identity: Identity) -> None:
        """Refuse what must never be worked in; two names of one id are refused both."""
        if identity.is_root:
            raise ReadError(
                "the credentials are those of the account's root, whose keys would be changed;"
                " use a role or an IAM user"
            )
        self._ids[account.name] = identity.account_id
        for other in self._without_role:
            # That of a role is in its ARN; this one only AWS tells, and before anything is done.
            if other.name not in self._ids:
                self._ids[other.name] = self._door(other).connection.identify().account_id
        for name, account_id in tuple(self._ids.items()):
            if name != account.name and account_id == identity.account_id:
                raise ReadError(
                    f"{name} and {account.name} are both account {account_id};"
                    " remove one of the two from the configuration"
                )


@dataclass(frozen=True, slots=True)
class _Door:
    """A connection, and the session whose credentials it was made with."""

    ambient: Session
    connection: _Connection


class _Connection:
    """One session of botocore on the account's wire, and the clients made from it."""

    def __init__(
        self,
        session: Session,
        wire: Wire,
        region: str,
        request_timeout: float,
        *,
        reads: int = READ_ATTEMPTS,
    ) -> None:
        self.wire = wire
        self.region = region
        self._session = session
        self._request_timeout = request_timeout
        self._looking = looking(request_timeout, attempts_max=reads)
        self.listing = settings(attempts=reads, read_timeout=min(READ_TIMEOUT, request_timeout))
        self._writing = settings(attempts=1, read_timeout=request_timeout)
        self._proving = settings(attempts=1, read_timeout=min(PROOF_TIMEOUT, request_timeout))
        self._clients: dict[tuple[str, str], BaseClient] = {}
        self._lock = threading.Lock()
        self._taps: tuple[Tap[IAMClient], Tap[IAMClient], Tap[IAMClient]] | None = None
        sts = answers.read(
            lambda: connect(session, "sts", self._looking, region), "ask AWS anything"
        )
        self.sts: Tap[STSClient] = Tap(wire, sts)

    def identify(self) -> Identity:
        """Who signs the calls of this connection.

        Raises:
            ReadError: AWS does not say.
        """
        return self.sts.read(lambda: _identity(self.sts.client), "ask AWS who we are")

    def account_of(self, key_id: str) -> str | None:
        """Whose account a key is of, by sts:GetAccessKeyInfo, which may be forbidden."""
        client = self.sts.client
        try:
            return self.sts.read(
                lambda: str(client.get_access_key_info(AccessKeyId=key_id)["Account"]),
                f"ask which account access key {mask(key_id)} is of",
            )
        except ReadError:
            return None

    def iam(self, identity: Identity) -> Iam:
        """IAM as this identity; the three clients are made once."""
        if self._taps is None:
            configs = (self._writing, self._looking, self.listing)
            made = (connect(self._session, "iam", c, self.region) for c in configs)
            first, second, third = (Tap(self.wire, cast("IAMClient", client)) for client in made)
            self._taps = (first, second, third)
        writer, reader, lister = self._taps
        return Iam(
            self.wire.account,
            identity.account_id,
            writer=writer,
            reader=reader,
            lister=lister,
            caller=identity.user_name,
        )

    def prove(self, credential: model.Credential) -> Identity:
        """One call of STS, signed with this key and nothing else."""

        def request() -> Identity:
            client = connect(self._session, "sts", self._proving, self.region, credential)
            try:
                tap: Tap[STSClient] = Tap(self.wire, client)
                return tap.read(lambda: _identity(tap.client), doing)
            finally:
                client.close()

        key = f"access key {mask(credential.access_key_id)}"
        doing = f"prove {key} of user {credential.user_name}"
        return answers.read(request, doing)

    def client(self, service: str, region: str) -> BaseClient:
        """A client that sends everything once; made once for each service and region."""
        with self._lock:
            client = self._clients.get((service, region))
            if client is None:
                client = cast("BaseClient", connect(self._session, service, self._writing, region))
                Tap(self.wire, client)
                self._clients[service, region] = client
            return client


def _identity(sts: STSClient) -> Identity:
    """What GetCallerIdentity says; a part that is missing raises."""
    answer = sts.get_caller_identity()
    identity = Identity(answer["Account"], answer["UserId"], answer["Arn"])
    if len(identity.arn.split(":", 5)) != ARN_PARTS or not identity.account_id:
        raise ValueError
    return identity
