"""The sink `vault`, against a real OpenBao: logins, tokens that end, seals, permissions."""

from __future__ import annotations

import base64
import json
import re
import time
from dataclasses import replace
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import certifi
import hvac
import pytest
from pydantic import ValidationError

from rotator.errors import AccessDenied, ReadError, Rejected, RotatorError
from rotator.formats import FORMATS
from rotator.model import Absent, Empty, Serves, Stranger, Unreadable
from rotator.sinks import installed
from tests.databases.openbao import Bao
from tests.sinks.middle import Break, Middle, serving
from tests.sinks.worlds import BOB, CAPABILITIES, MINUTE, NEW, OLD, VaultWorld, put, put_new


@pytest.fixture
def vault(bao: Bao) -> VaultWorld:
    """An engine of version 2."""
    return VaultWorld(bao)


def by_role(vault: VaultWorld, *, ttl: str = "1h", **given: object) -> dict[str, Any]:
    """A login by an AppRole that may do what the sink needs."""
    bao, name = vault.bao, vault.mount
    if "approle/" not in bao.ask("GET", "sys/auth")["data"]:
        bao.ask("POST", "sys/auth/approle", {"type": "approle"})
    bao.ask("PUT", f"sys/policies/acl/{name}", {"policy": f'path "{name}/*" {{ {CAPABILITIES} }}'})
    role = {"token_policies": [name], "token_ttl": ttl, **given}
    bao.ask("POST", f"auth/approle/role/{name}", role)
    role_id = bao.ask("GET", f"auth/approle/role/{name}/role-id")["data"]["role_id"]
    secret = bao.ask("POST", f"auth/approle/role/{name}/secret-id", {})["data"]["secret_id"]
    return {"method": "approle", "role_id": role_id, "secret_id": secret}


CA = Path(certifi.where()).read_text().partition("-----END")[0] + "-----END CERTIFICATE-----"
"""An authority whose certificates nobody shows here; OpenBao wants one."""


def _jwt() -> str:
    """A token that has the form of a service account's; nobody checks its signature here."""
    account = {"namespace": "ops", "serviceaccount": {"name": "rotator", "uid": "u-1"}}
    claims = {"iss": "kubernetes", "aud": ["bao"], "exp": 4_000_000_000, "iat": 1, "nbf": 1}
    whose = {"sub": "system:serviceaccount:ops:rotator", "kubernetes.io": account}
    parts = ({"alg": "RS256", "typ": "JWT"}, claims | whose)
    coded = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in parts]
    return b".".join([*coded, b"c2lnbmF0dXJl"]).decode()


class Reviewer(BaseHTTPRequestHandler):
    """Answers a TokenReview as the Kubernetes API does (authentication.k8s.io/v1)."""

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        user = {"username": "system:serviceaccount:ops:rotator", "uid": "u-1"}
        status = {"authenticated": True, "user": user, "audiences": ["bao"]}
        body = json.dumps({**asked, "status": status}).encode()
        self.send_response(201)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def test_a_consumer_reads_it_with_hvac(vault: VaultWorld) -> None:
    put(vault, vault.sink(), NEW)

    client = hvac.Client(url=vault.bao.url, token=vault.token)
    read = client.secrets.kv.v2.read_secret_version(
        path="ci/bob", mount_point=vault.mount, raise_on_deleted_version=True
    )

    assert read["data"]["data"]["AccessKeyId"] == NEW.access_key_id
    assert read["data"]["data"]["SecretAccessKey"] == NEW.secret_access_key.reveal()


@pytest.mark.parametrize("version", [1, 2])
def test_another_format_stands_in_one_field(bao: Bao, version: int) -> None:
    """And the other fields stay."""
    vault = VaultWorld(bao, version=version, fmt=FORMATS["env"]())
    vault.put("ci/bob", {"host": "db", "port": 5432})
    sink = vault.sink(field="aws")
    assert sink.current() == Empty()

    put(vault, sink, OLD)
    put(vault, sink, NEW)

    found = vault.fields() if version == 1 else vault.fields()["data"]
    assert {k: v for k, v in found.items() if k != "aws"} == {"host": "db", "port": 5432}
    assert sink.fetch() == NEW
    assert vault.sink().current() == Empty()


def test_a_field_that_is_no_text_is_a_strangers(bao: Bao) -> None:
    vault = VaultWorld(bao, fmt=FORMATS["env"]())
    vault.put("ci/bob", {"aws": {"nested": True}})

    assert isinstance(vault.sink(field="aws").current(), Stranger)


def test_a_version_that_was_deleted_is_absent(vault: VaultWorld) -> None:
    """And the next one is written where compare-and-set expects it."""
    sink = vault.sink()
    put(vault, sink, OLD)
    vault.bao.ask("DELETE", f"{vault.mount}/data/ci/bob")

    assert sink.current() == Absent()

    put(vault, sink, NEW)

    assert sink.current() == Serves(NEW.access_key_id)
    assert vault.fields()["metadata"]["version"] == 2


def test_who_writes_between_look_and_write_is_noticed(vault: VaultWorld) -> None:
    """By the server itself: the version that was read is no longer the newest."""
    with Middle(vault.bao.url).listening() as middle:
        sink = vault.sink(url=middle.url)
        put(vault, sink, OLD)
        seen = sink.current()
        middle.before("POST", lambda: vault.put("ci/bob", {"theirs": "yes"}))

        with pytest.raises(Rejected, match="changed"):
            put_new(vault, sink, seen)

    assert vault.fields()["data"] == {"theirs": "yes"}


@pytest.mark.parametrize("kind", ["secret_id", "secret_id_file"])
def test_a_login_by_role(vault: VaultWorld, kind: str, tmp_path: Path) -> None:
    auth = by_role(vault)
    if kind == "secret_id_file":
        (tmp_path / "id").write_text(auth.pop("secret_id") + "\n")
        auth[kind] = str(tmp_path / "id")
    sink = vault.sink(auth=auth)
    sink.check()
    put(vault, sink, NEW)

    assert sink.current() == Serves(NEW.access_key_id)


def test_one_login_serves_all_places(vault: VaultWorld) -> None:
    with Middle(vault.bao.url).listening() as middle:
        auth = by_role(vault)
        for number in range(5):
            user = replace(BOB, name=f"user-{number}")
            put(vault, vault.sink(user, url=middle.url, auth=auth), NEW)

    assert [path for _, path in middle.seen if path.endswith("/login")] == [
        "/v1/auth/approle/login"
    ]


def test_a_token_that_ends_in_the_middle(vault: VaultWorld) -> None:
    """One request is refused, and sent again with a new token: nobody notices."""
    sink = vault.sink(auth=by_role(vault, ttl="1s", token_max_ttl="1s"))
    put(vault, sink, OLD)
    seen = sink.current()
    time.sleep(1.1)
    put_new(vault, sink, seen)

    assert sink.current() == Serves(NEW.access_key_id)


def test_a_token_that_was_revoked_is_replaced(vault: VaultWorld) -> None:
    sink = vault.sink(auth=by_role(vault))
    put(vault, sink, OLD)
    for accessor in vault.bao.ask("LIST", "auth/token/accessors")["data"]["keys"]:
        about = vault.bao.ask("POST", "auth/token/lookup-accessor", {"accessor": accessor})["data"]
        if vault.mount in about["policies"]:
            vault.bao.ask("POST", "auth/token/revoke-accessor", {"accessor": accessor})

    put(vault, sink, NEW)

    assert sink.current() == Serves(NEW.access_key_id)


def test_a_token_is_renewed_before_it_ends(
    vault: VaultWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After half of its life, without a new login."""
    monkeypatch.setattr("rotator.sinks.vault_session.RENEWED_AFTER", 0.01)
    with Middle(vault.bao.url).listening() as middle:
        sink = vault.sink(url=middle.url, auth=by_role(vault, ttl="3s", token_max_ttl="1h"))
        for _ in range(5):
            assert sink.current() == Absent()
            time.sleep(0.9)

    paths = [path for _, path in middle.seen]
    assert paths.count("/v1/auth/approle/login") == 1
    assert paths.count("/v1/auth/token/renew-self") >= 3


def test_a_token_in_a_file_is_read_again(vault: VaultWorld, tmp_path: Path) -> None:
    """As an agent beside the daemon renews it."""
    policy = f'path "{vault.mount}/*" {{ {CAPABILITIES} }}'
    file = tmp_path / "token"
    file.write_text(vault.bao.token(policy, ttl="1s") + "\n")
    sink = vault.sink(auth={"method": "token", "token_file": str(file)})
    put(vault, sink, OLD)
    time.sleep(1.1)

    assert isinstance(sink.current(), Unreadable)

    file.write_text(vault.bao.token(policy) + "\n")
    put(vault, sink, NEW)

    assert sink.current() == Serves(NEW.access_key_id)


def test_a_token_that_has_ended_is_said(vault: VaultWorld) -> None:
    policy = f'path "{vault.mount}/*" {{ {CAPABILITIES} }}'
    token = vault.bao.token(policy, ttl="1s")
    sink = vault.sink(auth={"method": "token", "token": token})
    put(vault, sink, OLD)
    time.sleep(1.1)

    with pytest.raises(AccessDenied, match="the token has ended") as told:
        sink.check()
    with pytest.raises(Rejected):
        put_new(vault, sink, Serves(OLD.access_key_id))

    assert token not in str(told.value)


def test_a_login_by_the_pods_service_account(vault: VaultWorld, tmp_path: Path) -> None:
    """What is shown is the pod's token; OpenBao asks Kubernetes whose it is."""
    (tmp_path / "jwt").write_text(_jwt())
    with serving(Reviewer) as url:
        bao = vault.bao
        if "kubernetes/" not in bao.ask("GET", "sys/auth")["data"]:
            bao.ask("POST", "sys/auth/kubernetes", {"type": "kubernetes"})
        config = {"kubernetes_host": url, "token_reviewer_jwt": _jwt(), "kubernetes_ca_cert": CA}
        bao.ask("POST", "auth/kubernetes/config", {**config, "disable_local_ca_jwt": True})
        by_role(vault)
        bound = {
            "bound_service_account_names": ["rotator"],
            "bound_service_account_namespaces": ["ops"],
            "token_policies": [vault.mount],
            "audience": "bao",
        }
        bao.ask("POST", "auth/kubernetes/role/rotator", bound)
        auth = {"method": "kubernetes", "role": "rotator", "jwt_file": str(tmp_path / "jwt")}
        sink = vault.sink(auth=auth)
        put(vault, sink, NEW)

        assert sink.current() == Serves(NEW.access_key_id)


def test_a_wrong_secret_id_is_said_and_not_shown(vault: VaultWorld) -> None:
    auth = by_role(vault) | {"secret_id": "11112222-wrong-secret-id"}
    sink = vault.sink(auth=auth)

    with pytest.raises(AccessDenied, match="login at auth/approle/login was refused") as told:
        sink.check()

    assert "11112222" not in str(told.value) + repr(sink) + repr(vars(sink))


def test_a_file_that_is_not_there_is_named(vault: VaultWorld) -> None:
    sink = vault.sink(auth={"method": "token", "token_file": "/nowhere/token"})

    with pytest.raises(ReadError, match="/nowhere/token cannot be read: No such file"):
        sink.check()


def test_sealed_and_restarted_in_the_middle() -> None:
    """Nothing is begun while it is sealed, nothing is lost, and work goes on by itself."""
    with Bao.started() as bao:
        vault = VaultWorld(bao)
        sink = vault.sink()
        put(vault, sink, OLD)
        seen = sink.current()
        bao.seal()

        assert sink.current() == Unreadable(f"the secret {vault.mount}/ci/bob: it is sealed")
        with pytest.raises(ReadError, match="it is sealed"):
            sink.check()
        with pytest.raises(Rejected, match="it is sealed"):
            put_new(vault, sink, seen)

        bao.kill()
        assert isinstance(sink.current(), Unreadable)
        with pytest.raises(Rejected, match="could not be sent"):
            put_new(vault, sink, seen)

        bao.start()
        bao.unseal()
        put_new(vault, sink, seen)
        assert sink.current() == Serves(NEW.access_key_id)


@pytest.mark.parametrize(
    ("granted", "is_there", "lacking"),
    [
        pytest.param('["read"]', True, "update", id="only reading"),
        pytest.param('["read", "update"]', False, "create", id="only updating, and none is there"),
        pytest.param('["read", "create"]', True, "update", id="only creating, and one is there"),
        pytest.param('["update", "create"]', True, None, id="no reading"),
    ],
)
def test_a_permission_that_is_missing_is_found_before_a_key_is_issued(
    vault: VaultWorld, granted: str, is_there: bool, lacking: str | None
) -> None:
    if is_there:
        put(vault, vault.sink(), OLD)
    token = vault.bao.token(f'path "{vault.mount}/*" {{ capabilities = {granted} }}')
    sink = vault.sink(auth={"method": "token", "token": token})

    with pytest.raises(AccessDenied) as told:
        sink.check()

    expected = "permission denied" if lacking is None else f"lacks the capability {lacking!r}"
    assert expected in str(told.value)
    assert f"{vault.mount}/" in str(told.value)


@pytest.mark.parametrize(("said", "real"), [(1, 2), (2, 1)])
def test_another_version_of_the_engine_is_said(bao: Bao, said: int, real: int) -> None:
    vault = VaultWorld(bao, version=real)
    sink = vault.sink(kv_version=said)

    with pytest.raises(RotatorError, match=f"say `kv_version: {real}`"):
        sink.check()


def test_an_engine_that_is_not_there_is_said(vault: VaultWorld) -> None:
    token = vault.bao.root
    sink = vault.sink(mount="nowhere", auth={"method": "token", "token": token})

    with pytest.raises(RotatorError, match="no engine at nowhere/"):
        sink.check()
    with pytest.raises(Rejected, match="no engine at nowhere/"):
        put_new(vault, sink, Absent())


def test_equal_places_are_one_however_they_are_spelt(vault: VaultWorld) -> None:
    url = vault.bao.url
    same = vault.sink(url=url.upper().replace("HTTP", "http") + "/", mount=f"/{vault.mount}/")

    assert vault.sink().place() == same.place()
    assert vault.sink().place() != vault.sink(namespace="team").place()
    assert vault.sink().place() != vault.sink(mount="other").place()


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        pytest.param({"method": "token"}, "either `token` or `token_file`", id="no token"),
        pytest.param({"method": "approle"}, "role_id", id="a role without its id"),
        pytest.param({"method": "magic"}, "magic", id="a method that is none"),
        pytest.param({"method": "token", "token": "t", "typo": 1}, "typo", id="an unknown field"),
    ],
)
def test_an_impossible_login_is_refused_when_loaded(
    vault: VaultWorld, given: dict[str, object], complaint: str
) -> None:
    with pytest.raises(ValidationError, match=complaint):
        installed()["vault"].Options.model_validate(vault.options("x/{user}", auth=given))


POLICY = re.search(
    r"```hcl\n(.*?)```", Path("docs/vault.md").read_text(encoding="utf-8"), re.DOTALL
)


def policy_of(vault: VaultWorld, *, without: str = "") -> str:
    """The policy of the documentation, for this engine, with one capability taken out."""
    assert POLICY is not None
    text = POLICY[1].replace("secret/data/", f"{vault.mount}/data/")
    return text.replace(f'"{without}", ', "").replace(f', "{without}"', "")


def test_the_policy_of_the_documentation_is_enough(vault: VaultWorld) -> None:
    auth = {"method": "token", "token": vault.bao.token(policy_of(vault))}
    sink = vault.sink(auth=auth)
    for credential in (OLD, NEW):
        sink.check()
        put(vault, sink, credential)

    assert sink.current() == Serves(NEW.access_key_id)


@pytest.mark.parametrize(
    ("lacking", "is_there"), [("create", False), ("read", True), ("update", True)]
)
def test_and_no_more_than_enough(vault: VaultWorld, lacking: str, is_there: bool) -> None:
    """Each capability that is taken out is missed before a key is issued."""
    if is_there:
        put(vault, vault.sink(), OLD)
    text = policy_of(vault, without=lacking)
    sink = vault.sink(auth={"method": "token", "token": vault.bao.token(text)})

    assert f'"{lacking}"' not in text
    with pytest.raises(AccessDenied):
        sink.check()


def test_a_login_that_fails_is_not_tried_by_each_place(vault: VaultWorld) -> None:
    """Many wait behind one login: a server that is away must not be asked by one after another."""
    auth = by_role(vault) | {"secret_id": "wrong"}
    with Middle(vault.bao.url).listening() as middle:
        for number in range(5):
            user = replace(BOB, name=f"user-{number}")
            assert isinstance(vault.sink(user, url=middle.url, auth=auth).current(), Unreadable)

    assert len(middle.seen) == 1


def test_nothing_is_written_after_the_deadline_though_the_token_had_ended(
    vault: VaultWorld,
) -> None:
    """The login takes its time, and what comes after it would come too late."""
    with Middle(vault.bao.url).listening() as middle:
        sink = vault.sink(url=middle.url, auth=by_role(vault))
        put(vault, sink, OLD)
        seen, before = sink.current(), vault.fields()
        middle.fail("POST", Break.FORBIDDEN_403)
        middle.before("POST", lambda: vault.clock.advance(2 * MINUTE))

        with pytest.raises(Rejected, match="no time left"):
            put_new(vault, sink, seen)

    assert before == vault.fields()


@pytest.mark.parametrize("url", ["http://vault.example.com:8200", "http://10.0.0.7:8200"])
def test_secrets_are_not_sent_in_the_clear(vault: VaultWorld, url: str) -> None:
    with pytest.raises(ValidationError, match="would send secrets in the clear: say `https`"):
        installed()["vault"].Options.model_validate(vault.options("x/{user}", url=url))
