"""One request over HTTP: whom it trusts, which way it goes, and what is known without an answer."""

from __future__ import annotations

import ssl
import threading
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from typing import TYPE_CHECKING, ClassVar

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from rotator.errors import ReadError
from rotator.sinks.failure import Failure
from rotator.sinks.http import BYTES_MAX, Answer, Http, Trust
from tests.sinks.middle import Break, Middle, serving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

BODY = b'{"secret": "wJalrXUtnFEMI/K7MDENG"}'


class Told(BaseHTTPRequestHandler):
    """Answers with what it was asked for, and remembers it."""

    seen: ClassVar[list[str]] = []

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.seen.append(self.requestline)
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST  # noqa: N815 - the server's own names

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture(autouse=True)
def _nothing_seen_yet() -> None:
    Told.seen.clear()


class Authority:
    """Issues certificates; each file is PEM."""

    def __init__(self, folder: Path, name: str = "authority") -> None:
        self.folder = folder
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        made = self._builder(self.name, self.key).add_extension(
            x509.BasicConstraints(ca=True, path_length=None), critical=True
        )
        self.file = folder / f"{name}.pem"
        self.file.write_bytes(_pem(made.sign(self.key, hashes.SHA256())))

    def issue(self, host: str) -> tuple[Path, Path]:
        """A certificate for a host, and its key."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
        names: list[x509.GeneralName] = [
            x509.IPAddress(ip_address(host)) if host[0].isdigit() else x509.DNSName(host)
        ]
        made = self._builder(subject, key).add_extension(
            x509.SubjectAlternativeName(names), critical=False
        )
        certificate, private = self.folder / f"{host}.pem", self.folder / f"{host}.key"
        certificate.write_bytes(_pem(made.sign(self.key, hashes.SHA256())))
        private.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        return certificate, private

    def _builder(
        self, subject: x509.Name, key: ec.EllipticCurvePrivateKey
    ) -> x509.CertificateBuilder:
        now = datetime.now(UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self.name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(hours=1))
            .not_valid_after(now + timedelta(hours=1))
        )


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


@contextmanager
def tls(certificate: Path, key: Path, *, clients: Path | None = None) -> Iterator[str]:
    """A server with this certificate, which wants one of its clients where `clients` says whose."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    if clients is not None:
        context.load_verify_locations(clients)
        context.verify_mode = ssl.CERT_REQUIRED
    server = ThreadingHTTPServer(("127.0.0.1", 0), Told)
    server.handle_error = lambda *_: None  # type: ignore[method-assign] # refused handshakes are meant
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"https://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def connected(base: str, trust: Trust | None = None) -> Iterator[Http]:
    """A client, closed at the end."""
    http = Http(base, trust=trust)
    try:
        yield http
    finally:
        http.close()


def test_a_certificate_of_the_named_authority_is_trusted(tmp_path: Path) -> None:
    ours = Authority(tmp_path)
    with tls(*ours.issue("127.0.0.1")) as url, connected(url, Trust(ours.file)) as http:
        answer = http.send("POST", "/x", body=BODY)

    assert isinstance(answer, Answer)
    assert answer.body == BODY


@pytest.mark.parametrize(
    ("host", "is_ours"),
    [
        pytest.param("127.0.0.1", False, id="of an authority that nobody named"),
        pytest.param("vault.example.com", True, id="of another host"),
    ],
)
def test_another_certificate_is_sent_nothing(tmp_path: Path, host: str, is_ours: bool) -> None:
    """That is certain, and said; no request has left."""
    ours, others = Authority(tmp_path), Authority(tmp_path, "others")
    issuer = ours if is_ours else others
    with tls(*issuer.issue(host)) as url, connected(url, Trust(ours.file)) as http:
        failure = http.send("POST", "/x", body=BODY)

    assert isinstance(failure, Failure)
    assert failure.is_certain
    assert "certificate is not trusted, or is another host's" in failure.sentence
    assert Told.seen == []


def test_a_server_that_wants_a_certificate_gets_ours(tmp_path: Path) -> None:
    ours = Authority(tmp_path)
    certificate, key = ours.issue("rotator.example.com")
    with tls(*ours.issue("127.0.0.1"), clients=ours.file) as url:
        with connected(url, Trust(ours.file, certificate, key)) as known:
            answer = known.send("GET", "/x")
        with connected(url, Trust(ours.file)) as unknown:
            failure = unknown.send("GET", "/x")

    assert isinstance(answer, Answer)
    assert isinstance(failure, Failure)


@pytest.mark.parametrize("text", [None, "no certificate"])
def test_authorities_that_cannot_be_read_are_named(tmp_path: Path, text: str | None) -> None:
    file = tmp_path / "ca.pem"
    if text is not None:
        file.write_text(text)

    with pytest.raises(ReadError, match=r"the certificates of .*ca\.pem cannot be used"):
        Http("https://127.0.0.1:1", trust=Trust(file))


def test_the_environments_proxy_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """But not for hosts that it is to leave alone."""
    with serving(Told) as proxy, serving(Told) as there:
        monkeypatch.setenv("http_proxy", proxy)
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        with connected(there) as direct:
            direct.send("GET", "/direct")
        monkeypatch.setenv("no_proxy", "")
        with connected("http://vault.example.com") as by_proxy:
            answer = by_proxy.send("GET", "/far")

    assert isinstance(answer, Answer)
    assert Told.seen == ["GET /direct HTTP/1.1", "GET http://vault.example.com/far HTTP/1.1"]


def test_a_server_that_is_not_there_was_sent_nothing() -> None:
    with serving(Told) as url:
        pass
    with connected(url) as http:
        failure = http.send("POST", "/x", body=BODY)

    assert isinstance(failure, Failure)
    assert failure.is_certain


def test_what_is_too_long_is_not_read_to_its_end() -> None:
    with serving(Told) as there, Middle(there).listening() as middle:
        middle.fail("GET", Break.LONG_AFTER)
        with connected(middle.url) as http:
            failure = http.send("GET", "/x")

    assert isinstance(failure, Failure)
    assert f"longer than {BYTES_MAX} bytes" in failure.sentence


def test_an_answer_shows_nothing_of_what_it_holds() -> None:
    with serving(Told) as url, connected(url) as http:
        answer = http.send("POST", "/x", body=BODY)

    assert "wJalr" not in repr(answer) + str(answer)
