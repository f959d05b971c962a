"""One world per sink: where its places are, who else writes there, and what is there now."""

from __future__ import annotations

import contextlib
import json
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import boto3
from botocore.config import Config
from moto import mock_aws
from moto.ssm import urls as ssm_urls

from rotator.demo.moto_gaps_stores import FaithfulSsm
from rotator.errors import AnswerError
from rotator.formats import FORMATS, Format, JsonFormat
from rotator.model import Credential, Secret, SinkSpec, User
from rotator.sinks import Sink, SinkContext, SinkOptions, build, installed
from tests.sinks.fakes import FakeClock, FakeOptions, MemoryBackend, ReadableFake, WriteOnlyFake

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from mypy_boto3_secretsmanager import SecretsManagerClient

    from rotator.model import Served
    from tests.databases.openbao import Bao

__all__ = [
    "BOB",
    "FORMATS",
    "MINUTE",
    "NEW",
    "OLD",
    "REGION",
    "AwsClients",
    "FakeWorld",
    "FileWorld",
    "SecretsManagerWorld",
    "SsmWorld",
    "VaultWorld",
    "World",
    "credential",
    "failure_of",
    "no_client",
    "parameter_store",
    "put",
    "put_new",
]

REGION = "eu-north-1"
ACCOUNT = "123456789012"
MINUTE = timedelta(minutes=1)
CAPABILITIES = 'capabilities = ["read", "create", "update"]'
BOB = User("prod", ACCOUNT, "AIDABOB", "bob", path="/ci/", tags={"team": "deploy"})


def credential(key_id: str, secret: str, user: User = BOB) -> Credential:
    """A credential of a user of this world."""
    return Credential(key_id, Secret(secret), user.name, user.account_id)


OLD = credential("AKIAOLDOLDOLDOLDOLD1", "old/+=secretOLDoldSECRET")
NEW = credential("AKIANEWNEWNEWNEWNEW2", "new/+=secretNEWnewSECRET")


def no_client(service: str, region: str | None) -> Any:  # noqa: ANN401 - as the real factory
    """The factory of a world without AWS."""
    raise AssertionError(f"nobody may ask for {service} in {region}")


class World(Protocol):
    """What a test needs to know about a sink's surroundings."""

    clock: FakeClock

    def sink(self, user: User = BOB, *, name: str = "ci/{user}", create: bool = True) -> Sink:
        """The sink of a user."""
        ...

    def write(self, held: Credential | str) -> None:
        """Somebody else writes to the place of BOB."""
        ...

    def state(self) -> dict[str, object]:
        """Everything that is there, to compare."""
        ...

    def requests(self) -> int:
        """How many requests that could change something arrived."""
        ...


def context(
    *,
    user: User,
    spec: SinkSpec,
    clock: Callable[[], Any],
    client: Callable[[str, str | None], Any] = no_client,
) -> SinkContext:
    """What a sink is made from."""
    return SinkContext(user, spec, clock, client, ACCOUNT, "aws", Path(spec.base or "/"))


def spec_of(
    kind: str,
    options: SinkOptions,
    *,
    base: Path | str = "",
    create: bool = True,
    fmt: Format | None = None,
    readable: bool = True,
) -> SinkSpec:
    """One entry of a policy."""
    return SinkSpec(
        kind, kind, options, fmt or JsonFormat(), readable, base=str(base), create=create
    )


@dataclass
class FileWorld:
    """Files in a folder of the test."""

    base: Path
    clock: FakeClock = field(default_factory=FakeClock)
    fmt: Format = field(default_factory=JsonFormat)

    def sink(
        self, user: User = BOB, *, name: str = "ci/{user}", create: bool = True, **options: object
    ) -> Sink:
        """The file of a user."""
        model = installed()["file"].Options.model_validate({"path": name, **options})
        spec = spec_of("file", model, base=self.base, create=create, fmt=self.fmt)
        return build(context(user=user, spec=spec, clock=self.clock))

    @property
    def file(self) -> Path:
        """Where BOB's is."""
        return self.base / "ci" / "bob"

    def write(self, held: Credential | str) -> None:
        """Write the file in place."""
        self.file.parent.mkdir(exist_ok=True)
        text = held if isinstance(held, str) else self.fmt.render(held, None)
        self.file.write_text(text)

    def state(self) -> dict[str, object]:
        """Names, contents and standings."""
        return {
            str(path): (path.lstat().st_mode, path.is_file() and path.read_text())
            for path in sorted(self.base.rglob("*"))
        }

    def requests(self) -> int:
        """Files that were ever made: each has its own time of change."""
        return sum(1 for path in self.base.rglob("*") if path.is_file())


class AwsClients:
    """Makes clients as the real factory does, and counts what they send."""

    def __init__(self) -> None:
        self.sent: list[str] = []
        self._made: dict[tuple[str, str | None], Any] = {}

    def __call__(self, service: str, region: str | None) -> Any:  # noqa: ANN401 - as the real factory
        key = (service, region)
        if key not in self._made:
            make: Callable[..., Any] = boto3.client  # the stubs know only literal names
            client = make(
                service,
                region_name=region or REGION,
                aws_access_key_id="testing",
                aws_secret_access_key="testing",
                config=Config(retries={"total_max_attempts": 1}),
            )
            client.meta.events.register("before-send", self._count)
            self._made[key] = client
        return self._made[key]

    def _count(self, event_name: str, **_: object) -> None:
        self.sent.append(event_name.rpartition(".")[2])


@dataclass
class SecretsManagerWorld:
    """Secrets of moto; use it within `mock_aws`."""

    clock: FakeClock = field(default_factory=FakeClock)
    clients: AwsClients = field(default_factory=AwsClients)
    fmt: Format = field(default_factory=JsonFormat)

    def sink(
        self, user: User = BOB, *, name: str = "ci/{user}", create: bool = True, **options: object
    ) -> Sink:
        """The secret of a user."""
        model = installed()["secretsmanager"].Options.model_validate({"name": name, **options})
        spec = spec_of("secretsmanager", model, create=create, fmt=self.fmt)
        return build(context(user=user, spec=spec, clock=self.clock, client=self.clients))

    @property
    def client(self) -> SecretsManagerClient:
        """The client that the sink uses too."""
        client: SecretsManagerClient = self.clients("secretsmanager", None)
        return client

    def write(self, held: Credential | str) -> None:
        """Put a value the plain way, or make the secret with it."""
        text = held if isinstance(held, str) else self.fmt.render(held, None)
        with contextlib.suppress(self.client.exceptions.ResourceExistsException):
            self.client.create_secret(Name="ci/bob", SecretString=text)
            return
        self.client.put_secret_value(SecretId="ci/bob", SecretString=text)

    def state(self) -> dict[str, object]:
        """All secrets with what their current versions say."""
        names = [secret["Name"] for secret in self.client.list_secrets()["SecretList"]]
        return {
            name: self.client.get_secret_value(SecretId=name, VersionStage="AWSCURRENT")[
                "SecretString"
            ]
            for name in names
        }

    def requests(self) -> int:
        """How many writing requests were sent."""
        return sum(not name.startswith(("Get", "Describe", "List")) for name in self.clients.sent)


@dataclass
class SsmWorld:
    """Parameters of moto, refused as AWS refuses them; use it within `parameter_store`."""

    clock: FakeClock = field(default_factory=FakeClock)
    clients: AwsClients = field(default_factory=AwsClients)
    fmt: Format = field(default_factory=JsonFormat)

    def sink(
        self, user: User = BOB, *, name: str = "ci/{user}", create: bool = True, **options: object
    ) -> Sink:
        """The parameter of a user; its name begins with a slash."""
        model = installed()["ssm"].Options.model_validate({"name": f"/{name}", **options})
        spec = spec_of("ssm", model, create=create, fmt=self.fmt)
        return build(context(user=user, spec=spec, clock=self.clock, client=self.clients))

    @property
    def client(self) -> Any:  # noqa: ANN401 - the stubs of this service are not installed
        """The client that the sink uses too."""
        return self.clients("ssm", None)

    def write(self, held: Credential | str, **given: object) -> None:
        """Put a value over whatever is there, or make the parameter with it."""
        text = held if isinstance(held, str) else self.fmt.render(held, None)
        parameters = {"Type": "SecureString", "Overwrite": True, **given}
        self.client.put_parameter(Name="/ci/bob", Value=text, **parameters)

    def state(self) -> dict[str, object]:
        """All parameters with what their newest versions say."""
        names = [about["Name"] for about in self.client.describe_parameters()["Parameters"]]
        return {name: self.newest(name)["Value"] for name in names}

    def newest(self, name: str = "/ci/bob") -> dict[str, Any]:
        """The newest version of a parameter."""
        found: dict[str, Any] = self.client.get_parameter(Name=name, WithDecryption=True)
        parameter: dict[str, Any] = found["Parameter"]
        return parameter

    def requests(self) -> int:
        """How many writing requests were sent."""
        return sum(not name.startswith(("Get", "Describe", "List")) for name in self.clients.sent)


@contextlib.contextmanager
def parameter_store() -> Iterator[SsmWorld]:
    """A world of parameters; moto's own Parameter Store comes back afterwards."""
    own = ssm_urls.url_paths["{0}/$"]
    ssm_urls.url_paths["{0}/$"] = FaithfulSsm.dispatch
    try:
        with mock_aws():
            yield SsmWorld()
    finally:
        ssm_urls.url_paths["{0}/$"] = own


@dataclass
class VaultWorld:
    """Secrets of a real OpenBao, in an engine of their own."""

    bao: Bao
    version: int = 2
    clock: FakeClock = field(default_factory=FakeClock)
    fmt: Format = field(default_factory=JsonFormat)
    mount: str = ""
    token: str = field(default="", repr=False)

    def __post_init__(self) -> None:
        self.mount = self.bao.engine(version=self.version)
        self.token = self.bao.token(
            f'path "{self.mount}/*" {{capabilities=["read","create","update"]}}'
        )

    def sink(
        self, user: User = BOB, *, name: str = "ci/{user}", create: bool = True, **options: object
    ) -> Sink:
        """The secret of a user."""
        model = installed()["vault"].Options.model_validate(self.options(name, **options))
        spec = spec_of("vault", model, create=create, fmt=self.fmt)
        return build(context(user=user, spec=spec, clock=self.clock))

    def options(self, name: str, **given: object) -> dict[str, object]:
        """What the YAML says."""
        auth = {"method": "token", "token": self.token}
        own = {"url": self.bao.url, "auth": auth, "mount": self.mount, "kv_version": self.version}
        return {**own, "path": name, **given}

    def write(self, held: Credential | str) -> None:
        """Somebody writes the fields of a JSON object, or one field of their own."""
        text = held if isinstance(held, str) else self.fmt.render(held, None)
        self.put("ci/bob", json.loads(text) if text.startswith("{") else {"AccessKeyId": text})

    def put(self, path: str, fields: Mapping[str, object]) -> None:
        """Write a secret whole, whatever was there."""
        if self.version == 1:
            self.bao.ask("POST", f"{self.mount}/{path}", fields)
        else:
            self.bao.ask("POST", f"{self.mount}/data/{path}", {"data": fields})

    def state(self) -> dict[str, object]:
        """All secrets with what their newest versions say."""
        return dict(self._below(""))

    def _below(self, folder: str) -> Iterator[tuple[str, object]]:
        within = "" if self.version == 1 else "metadata/"
        listed = self.bao.ask("LIST", f"{self.mount}/{within}{folder}").get("data", {})
        for name in listed.get("keys", ()):
            if name.endswith("/"):
                yield from self._below(folder + name)
            else:
                yield folder + name, json.dumps(self.fields(folder + name))

    def fields(self, path: str = "ci/bob") -> dict[str, Any]:
        """What a secret says, and of version 2 which one it is."""
        within = "" if self.version == 1 else "data/"
        found: dict[str, Any] = self.bao.ask("GET", f"{self.mount}/{within}{path}")["data"]
        return found

    def requests(self) -> int:
        """How many writes the server has taken; only version 2 counts them."""
        found = [json.loads(str(text)) for text in self.state().values()]
        return sum(about["metadata"]["version"] for about in found if "metadata" in about)


@dataclass
class FakeWorld:
    """Places in memory."""

    kind: type[ReadableFake | WriteOnlyFake]
    clock: FakeClock = field(default_factory=FakeClock)
    backend: MemoryBackend = field(init=False)

    def __post_init__(self) -> None:
        self.backend = MemoryBackend(self.clock)

    def sink(self, user: User = BOB, *, name: str = "ci/{user}", create: bool = True) -> Sink:
        """The place of a user."""
        options = FakeOptions.model_validate({"name": name})
        spec = spec_of(
            "fake", options, create=create, readable=self.kind.reads_back(options, JsonFormat())
        )
        sinks = {"fake": self.kind.over(self.backend)}
        return build(context(user=user, spec=spec, clock=self.clock), sinks)

    def write(self, held: Credential | str) -> None:
        """Write it behind the sink's back."""
        self.backend.write("ci/bob", held)

    def state(self) -> dict[str, object]:
        """What is held everywhere."""
        return {name: entry.held for name, entry in self.backend.entries.items()}

    def requests(self) -> int:
        """How many puts arrived."""
        return len(self.backend.puts)


def put(world: World, sink: Sink, what: Credential, replacing: Served | None = None) -> None:
    """A put in the ordinary way: what was just seen is replaced, within a minute."""
    seen = sink.current() if replacing is None else replacing
    sink.put(what, replacing=seen, deadline=world.clock() + MINUTE)


def put_new(world: World, sink: Sink, replacing: Served | None = None) -> None:
    """The same with the key that all these worlds call the new one."""
    put(world, sink, NEW, replacing)


def failure_of(act: Callable[[], object]) -> AnswerError | None:
    """What a request that changes something was answered, if it was not a plain yes."""
    try:
        act()
    except AnswerError as exc:
        return exc
    return None
