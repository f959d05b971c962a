"""Our own credentials while we run: what is followed, what is not taken, and what is said."""

from __future__ import annotations

import json
import os
import sys
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from rotator.aws.accounts import Accounts
from rotator.aws.ambient import FALLS_BACK, READ_AGAIN, TRY_AGAIN, Ambient
from rotator.errors import ReadError
from rotator.model import Account, Kept, Renewed, SigningKey
from tests.aws.conftest import DEFAULT, OWN_KEY, OWN_SECRET
from tests.aws.loopback import error, identity
from tests.aws.traces import assert_tells_no_secret

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from socket import socket

    from tests.aws.loopback import Loopback, Reply, Request

    Changed = Callable[["World"], None]

NEW_KEY = "AKIATESTSOWN00000002"
NEW_SECRET = "another/own+SECRET/that/must/never/show0"
ROLE_ARN = "arn:aws:iam::111122223333:role/rotator"
PROD = Account("prod", role_arn=ROLE_ARN)
FOREIGN = identity("arn:aws:iam::444455556666:user/somebody")
UNKNOWN = error(403, "InvalidClientTokenId")
SECOND = timedelta(seconds=1)


class World:
    """A home with AWS's own files, a clock, and the accounts that are entered with them."""

    def __init__(self, folder: Path, aws: Loopback) -> None:
        self.config, self.credentials = folder / "config", folder / "credentials"
        self.folder = folder
        self.aws = aws
        self.now = datetime.now(UTC)
        self.told: list[Renewed | Kept] = []
        self.replies: dict[str, Reply | None] = {}
        self.ambient = Ambient(os.environ, self.clock)

    def clock(self) -> datetime:
        return self.now

    def accounts(self, *accounts: Account) -> Accounts:
        """The accounts of one configuration."""
        return Accounts(
            accounts or (DEFAULT,),
            environ=os.environ,
            clock=self.clock,
            request_timeout=timedelta(seconds=2),
            rates=None,
            on_credentials=self.told.append,
            ambient=self.ambient,
        )

    def write(self, key_id: str, secret: str = OWN_SECRET, profile: str = "default") -> None:
        """A credentials file with one profile, as the file sink writes it: whole or not at all."""
        sibling = self.credentials.with_suffix(".new")
        sibling.write_text(
            f"[{profile}]\naws_access_key_id = {key_id}\naws_secret_access_key = {secret}\n"
        )
        sibling.rename(self.credentials)

    def signers(self) -> list[str]:
        """The keys that signed the calls of STS, in order."""
        return [_signer(it) for it in self.aws.requests if it.action == "GetCallerIdentity"]

    def answer(self, key_id: str, reply: Reply | None) -> None:
        """What AWS answers to calls that this key signs; others are answered as ever."""
        self.replies[key_id] = reply

        def by_signer(connection: socket) -> None:
            chosen = self.replies.get(_signer(self.aws.requests[-1]))
            (chosen or identity())(connection)

        self.aws.replies["GetCallerIdentity"] = by_signer

    def wait(self, span: timedelta) -> None:
        """Time passes."""
        self.now += span


def _signer(request: Request) -> str:
    return request.headers["Authorization"].split("Credential=")[1].split("/")[0]


@pytest.fixture
def world(tmp_path: Path, aws: Loopback, monkeypatch: pytest.MonkeyPatch) -> World:
    """AWS's own files in a folder, and no credentials in the environment."""
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_ENDPOINT_URL", aws.url)
    return World(tmp_path, aws)


def key_of(accounts: Accounts) -> str | None:
    """The one key of a user that signs our calls."""
    return next((key.key_id for key in accounts.signing()), None)


# What is followed


def test_clients_that_live_long_sign_with_the_new_key(world: World) -> None:
    """A sweep that began before the move goes on with its clients, and not with the old key."""
    world.write(OWN_KEY)
    accounts = world.accounts()
    entered = accounts.enter(DEFAULT)
    world.write(NEW_KEY)

    assert key_of(accounts) == NEW_KEY
    entered.iam.create_key("alice")

    assert _signer(world.aws.requests[-1]) == NEW_KEY
    origin = f"profile default of {world.credentials}"
    assert world.told == [Renewed(OWN_KEY, NEW_KEY, origin)]
    assert accounts.signing() == (SigningKey(NEW_KEY, origin, moves=True),)


def test_a_configuration_that_is_loaded_later_follows_for_all(world: World) -> None:
    """The clients of the configuration before move too: the credentials are the process's."""
    world.write(OWN_KEY)
    entered = world.accounts().enter(DEFAULT)
    later = world.accounts()
    world.write(NEW_KEY)

    later.enter(DEFAULT)
    entered.iam.create_key("alice")

    assert _signer(world.aws.requests[-1]) == NEW_KEY


def test_the_role_is_assumed_with_the_new_key(world: World) -> None:
    """The accounts that are entered by a role move with the key that assumes it."""
    world.write(OWN_KEY)
    accounts = world.accounts(PROD)
    accounts.enter(PROD)
    world.write(NEW_KEY)

    accounts.enter(PROD)

    assumed = [_signer(it) for it in world.aws.requests if it.action == "AssumeRole"]
    assert assumed == [OWN_KEY, NEW_KEY]


def test_a_file_that_says_the_same_moves_nothing(world: World) -> None:
    """It was touched: nothing is asked, nothing is told."""
    world.write(OWN_KEY)
    accounts = world.accounts()
    accounts.enter(DEFAULT)
    world.write(OWN_KEY)

    assert key_of(accounts) == OWN_KEY
    assert (world.aws.arrived("GetCallerIdentity"), world.told) == (1, [])


def test_looking_costs_no_call(world: World) -> None:
    """As long as no file has changed, two looks at files are all."""
    world.write(OWN_KEY)
    accounts = world.accounts()

    assert {key_of(accounts) for _ in range(50)} == {OWN_KEY}
    assert world.aws.requests == []


def process(world: World, place: Path, *, expires_in: str | None) -> None:
    """A profile whose process prints the place of a sink."""
    command = (
        f"{sys.executable} -m rotator credentials {place} --expires-in {expires_in}"
        if expires_in
        else f"cat {place}"
    )
    world.config.write_text(f"[default]\ncredential_process = {command}\n")


def put(place: Path, key_id: str) -> None:
    """The place of a sink holds a key."""
    found = {"Version": 1, "AccessKeyId": key_id, "SecretAccessKey": OWN_SECRET}
    place.write_text(json.dumps(found))


@pytest.mark.slow
def test_a_process_is_run_again_in_time(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Botocore renews 15 minutes before the hour is over; clients and announcement follow."""
    place = world.folder / "rotator.json"
    put(place, OWN_KEY)
    process(world, place, expires_in="1h")
    accounts = world.accounts()
    entered = accounts.enter(DEFAULT)
    put(place, NEW_KEY)
    before = key_of(accounts)
    later = datetime.now(UTC) + timedelta(minutes=46)
    credentials = world.ambient._current.taken.source.credentials  # type: ignore[union-attr]
    monkeypatch.setattr(credentials, "_time_fetcher", lambda: later)

    assert (before, key_of(accounts)) == (OWN_KEY, NEW_KEY)
    entered.iam.create_key("alice")
    assert _signer(world.aws.requests[-1]) == NEW_KEY


def test_a_process_that_says_no_expiry_is_run_again_each_minute(world: World) -> None:
    """Botocore would keep its first answer for ever."""
    place = world.folder / "rotator.json"
    put(place, OWN_KEY)
    process(world, place, expires_in=None)
    accounts = world.accounts()
    seen = [key_of(accounts)]
    put(place, NEW_KEY)

    for _ in range(2):
        world.wait(READ_AGAIN - SECOND if len(seen) == 1 else SECOND)
        seen.append(key_of(accounts))

    assert seen == [OWN_KEY, OWN_KEY, NEW_KEY]


def test_a_process_whose_file_is_gone_takes_nothing_away(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The key that it gave is a user's: it works, though the process said that it expires."""
    place = world.folder / "rotator.json"
    put(place, OWN_KEY)
    process(world, place, expires_in="1h")
    accounts = world.accounts()
    accounts.enter(DEFAULT)
    place.unlink()
    later = datetime.now(UTC) + timedelta(minutes=70)
    credentials = world.ambient._current.taken.source.credentials  # type: ignore[union-attr]
    monkeypatch.setattr(credentials, "_time_fetcher", lambda: later)

    accounts.enter(DEFAULT)

    assert key_of(accounts) == OWN_KEY
    (kept,) = world.told
    assert isinstance(kept, Kept)
    assert kept.key_id == OWN_KEY
    assert "could not renew the AWS credentials" in kept.why


# Where it comes from


@pytest.mark.parametrize(
    ("config", "environ", "expected"),
    [
        pytest.param(
            "",
            {"AWS_ACCESS_KEY_ID": OWN_KEY, "AWS_SECRET_ACCESS_KEY": OWN_SECRET},
            SigningKey(OWN_KEY, "environment variables", moves=False),
            id="environment variables",
        ),
        pytest.param(
            "",
            {
                "AWS_ACCESS_KEY_ID": "ASIATEST000000000001",
                "AWS_SECRET_ACCESS_KEY": OWN_SECRET,
                "AWS_SESSION_TOKEN": "token",
            },
            None,
            id="what expires by itself is none of the keys that are rotated",
        ),
        pytest.param(
            "[profile ops]\naws_access_key_id = {key}\naws_secret_access_key = s\n",
            {"AWS_PROFILE": "ops"},
            SigningKey(OWN_KEY, "profile ops of {config}", moves=True),
            id="the config file",
        ),
        pytest.param(
            "[profile ops]\nrole_arn = {role}\nsource_profile = base\n"
            "[profile base]\naws_access_key_id = {key}\naws_secret_access_key = s\n",
            {"AWS_PROFILE": "ops"},
            SigningKey(OWN_KEY, "profile base of AWS's own files", moves=True),
            id="a role of a profile",
        ),
        pytest.param(
            "[profile ops]\nrole_arn = {role}\nsource_profile = base\n"
            "[profile base]\ncredential_process = cat {place}\n",
            {"AWS_PROFILE": "ops"},
            SigningKey(OWN_KEY, "the credential_process of profile base", moves=True),
            id="a role, over a process",
        ),
        pytest.param(
            "[profile ops]\nrole_arn = {role}\ncredential_source = Environment\n",
            {
                "AWS_PROFILE": "ops",
                "AWS_ACCESS_KEY_ID": OWN_KEY,
                "AWS_SECRET_ACCESS_KEY": OWN_SECRET,
            },
            SigningKey(OWN_KEY, "environment variables", moves=False),
            id="a role, over the environment",
        ),
        pytest.param(
            "[profile ops]\nrole_arn = {role}\nsource_profile = base\n"
            "[profile base]\nsso_start_url = https://x\nsso_region = us-east-1\n"
            "sso_account_id = 1\nsso_role_name = r\n",
            {"AWS_PROFILE": "ops"},
            None,
            id="a role, over a login",
        ),
        pytest.param("[profile ops]\n", {"AWS_PROFILE": "gone"}, None, id="nothing at all"),
    ],
)
def test_the_key_and_its_source_are_told(
    world: World,
    monkeypatch: pytest.MonkeyPatch,
    config: str,
    environ: dict[str, str],
    expected: SigningKey | None,
) -> None:
    """Which user's key is at the bottom, where it comes from, and whether that can move."""
    place = world.folder / "rotator.json"
    put(place, OWN_KEY)
    world.config.write_text(config.format(key=OWN_KEY, role=ROLE_ARN, place=place))
    for name, value in environ.items():
        monkeypatch.setenv(name, value)

    found = world.accounts().signing()

    if expected is not None and "{config}" in expected.source:
        expected = SigningKey(OWN_KEY, f"profile ops of {world.config}", moves=True)
    assert found == ((expected,) if expected else ())


# What is not taken


def torn(world: World) -> None:
    world.credentials.write_text("[default]\naws_access_key_id = AKIATESTSOWN0")


def cut(world: World) -> None:
    """The file ends in the middle of the secret, and is whole all the same."""
    world.write(NEW_KEY, NEW_SECRET[:20])
    world.answer(NEW_KEY, error(403, "SignatureDoesNotMatch", NEW_SECRET))


def removed(world: World) -> None:
    world.credentials.unlink()


def garbled(world: World) -> None:
    world.credentials.write_bytes(b"\x00\xff no profile")


def other_profile(world: World) -> None:
    world.write(NEW_KEY, profile="somebody")


def foreign(world: World) -> None:
    world.write(NEW_KEY)
    world.answer(NEW_KEY, FOREIGN)


def too_new(world: World) -> None:
    world.write(NEW_KEY)
    world.answer(NEW_KEY, UNKNOWN)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        pytest.param(torn, "the AWS credentials lack a part", id="half written"),
        pytest.param(cut, "the secret access key does not fit", id="a secret cut short"),
        pytest.param(removed, "no AWS credentials were found", id="removed"),
        pytest.param(garbled, "cannot be parsed", id="garbled"),
        pytest.param(other_profile, "no AWS credentials were found", id="without the profile"),
        pytest.param(
            foreign,
            "access key …0002 belongs to account 444455556666, and not to 111122223333",
            id="of another account",
        ),
        pytest.param(too_new, "AWS does not know the access key", id="not known yet"),
    ],
)
def test_what_is_no_good_is_not_taken(world: World, change: Changed, told: str) -> None:
    """The old key goes on as long as it works; it is told once, and tells no secret."""
    world.write(OWN_KEY)
    accounts = world.accounts()
    entered = accounts.enter(DEFAULT)
    change(world)

    for _ in range(3):
        world.wait(TRY_AGAIN)
        assert accounts.enter(DEFAULT).account_id == "111122223333"
    entered.iam.create_key("alice")

    assert (key_of(accounts), _signer(world.aws.requests[-1])) == (OWN_KEY, OWN_KEY)
    (kept,) = world.told
    assert isinstance(kept, Kept)
    assert kept.key_id == OWN_KEY
    assert told in kept.why
    assert NEW_SECRET not in kept.why
    assert OWN_SECRET not in kept.why


@pytest.mark.parametrize("change", [torn, removed, other_profile, too_new])
def test_once_it_is_good_it_is_taken(world: World, change: Changed) -> None:
    """Nothing is remembered against it."""
    world.write(OWN_KEY)
    accounts = world.accounts()
    accounts.enter(DEFAULT)
    change(world)
    assert key_of(accounts) == OWN_KEY

    world.answer(NEW_KEY, None)
    world.write(NEW_KEY, NEW_SECRET)
    accounts.enter(DEFAULT)

    assert key_of(accounts) == NEW_KEY


def test_the_same_is_not_tried_all_the_time(world: World) -> None:
    """AWS is asked once in ten seconds, however often one looks."""
    world.write(OWN_KEY)
    accounts = world.accounts()
    accounts.enter(DEFAULT)
    too_new(world)

    for _ in range(20):
        key_of(accounts)

    assert world.signers() == [OWN_KEY, NEW_KEY]


def test_a_key_of_another_account_is_taken_where_the_old_one_is_dead(world: World) -> None:
    """Nothing works any more: what is there is all that there is."""
    world.write(OWN_KEY)
    accounts = world.accounts()
    accounts.enter(DEFAULT)
    foreign(world)
    world.answer(OWN_KEY, UNKNOWN)

    assert accounts.enter(DEFAULT).account_id == "444455556666"


def test_an_account_that_cannot_be_asked_is_no_proof(world: World) -> None:
    """Whether the old key works is not known, so it is kept."""
    world.write(OWN_KEY)
    accounts = world.accounts()
    accounts.enter(DEFAULT)
    world.write(NEW_KEY)
    world.answer(OWN_KEY, error(503, "ServiceUnavailable"))

    assert key_of(accounts) == OWN_KEY


def test_nothing_that_is_kept_shows_a_secret(world: World) -> None:
    """Not in the text of an object, which an error might quote."""
    world.write(OWN_KEY)
    accounts = world.accounts()
    entered = accounts.enter(DEFAULT)
    current = world.ambient._current
    assert current is not None

    shown = repr([world.ambient, current, current.taken, current.following, accounts, entered])

    assert OWN_SECRET not in shown


# Right after a move


def test_a_new_key_that_is_refused_after_all_is_given_up_for_a_while(world: World) -> None:
    """AWS does not know a new key everywhere at once; the old one works, and is gone back to."""
    world.write(OWN_KEY)
    accounts = world.accounts()
    accounts.enter(DEFAULT)
    world.write(NEW_KEY)
    assert key_of(accounts) == NEW_KEY
    world.answer(NEW_KEY, UNKNOWN)

    assert accounts.enter(DEFAULT).account_id == "111122223333"
    assert key_of(accounts) == OWN_KEY

    world.answer(NEW_KEY, None)
    world.wait(TRY_AGAIN)
    accounts.enter(DEFAULT)
    assert key_of(accounts) == NEW_KEY
    assert [type(told) for told in world.told] == [Renewed, Renewed, Kept, Renewed]


def test_long_after_a_move_there_is_nothing_to_go_back_to(world: World) -> None:
    """What was refused then is read anew, and the sentence says what a person can do."""
    world.write(OWN_KEY)
    accounts = world.accounts()
    accounts.enter(DEFAULT)
    world.write(NEW_KEY)
    accounts.enter(DEFAULT)
    world.wait(FALLS_BACK)
    world.answer(NEW_KEY, UNKNOWN)

    with pytest.raises(ReadError, match="replace the credentials") as caught:
        accounts.enter(DEFAULT)

    assert key_of(accounts) == NEW_KEY
    assert_tells_no_secret(caught.value)
