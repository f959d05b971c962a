"""Real requests on loopback: what is answered, what is refused, and what an attacker gets."""

from __future__ import annotations

import errno
import http.client
import json
import logging
import os
import socket
import threading
import time
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.request import urlopen

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rotator.model import HttpSettings
from rotator.web import CannotListen, Server, make_app, serve

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

LOOPBACK = HttpSettings(host="127.0.0.1", port=0)


@dataclass
class Daemon:
    """Stands where the daemon is asked."""

    lives: bool = True
    problems: list[str] = field(default_factory=list)
    metrics: Callable[[], bytes] = lambda: b"up 1\n"

    def write_metrics(self) -> bytes:
        return self.metrics()

    def find_problems(self) -> Sequence[str]:
        return list(self.problems)


@dataclass(frozen=True)
class Answer:
    """What came back, header names in small letters."""

    status: int
    headers: dict[str, str]
    body: str


@pytest.fixture
def daemon() -> Daemon:
    return Daemon()


@pytest.fixture
def server(daemon: Daemon) -> Iterator[Server]:
    """A server in front of the daemon, asking anew for each request."""
    app = make_app(
        alive=lambda: daemon.lives,
        problems=daemon.find_problems,
        metrics=daemon.write_metrics,
        fresh=0.0,
    )
    running = serve(app, LOOPBACK)
    yield running
    running.close()


def ask(server: Server, path: str, method: str = "GET") -> Answer:
    host = "127.0.0.1" if server.host == "0.0.0.0" else server.host  # noqa: S104 - compared
    connection = http.client.HTTPConnection(host, server.port, timeout=10)
    try:
        connection.request(method, path)
        response = connection.getresponse()
        headers = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, headers, response.read().decode())
    finally:
        connection.close()


def send(server: Server, raw: bytes) -> bytes:
    """Send bytes as they are, and read until the server closes, as it does after an error."""
    with socket.create_connection((server.host, server.port), timeout=10) as connection:
        connection.sendall(raw)
        return b"".join(iter(lambda: connection.recv(65536), b""))


def test_a_turning_loop_is_healthy(server: Server) -> None:
    answer = ask(server, "/healthz")

    assert (answer.status, answer.body) == (200, "The daemon's loop turns.\n")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"


def test_a_standing_loop_is_not(server: Server, daemon: Daemon) -> None:
    """503, so that whoever watches starts the daemon anew; and a sentence that says why."""
    daemon.lives = False

    answer = ask(server, "/healthz")

    assert (answer.status, answer.body) == (
        503,
        "The daemon's loop has not turned for over a minute.\n",
    )


def test_health_asks_nobody_but_the_loop(server: Server, daemon: Daemon) -> None:
    """The store being away is no reason to be restarted."""
    daemon.problems.append("the store is locked")

    assert ask(server, "/healthz").status == 200


def test_ready_without_problems(server: Server) -> None:
    answer = ask(server, "/readyz")

    assert answer.status == 200
    assert answer.headers["content-type"] == "application/json"
    assert json.loads(answer.body) == {"ready": True, "problems": []}


def test_not_ready_says_all_that_is_wrong(server: Server, daemon: Daemon) -> None:
    """Each problem as a sentence; key ids and passwords in it are masked."""
    daemon.problems += [
        "postgresql://rotator:hunter2@db/rotator is unreachable",
        "AKIAIOSFODNN7EXAMPLE may not call sts:AssumeRole",
    ]

    answer = ask(server, "/readyz")

    assert answer.status == 503
    assert json.loads(answer.body) == {
        "ready": False,
        "problems": [
            "postgresql://rotator:…@db/rotator is unreachable",
            "…MPLE may not call sts:AssumeRole",
        ],
    }


def test_metrics_are_text_for_prometheus(server: Server) -> None:
    answer = ask(server, "/metrics")

    assert (answer.status, answer.body) == (200, "up 1\n")
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics", "/none"])
def test_head_is_get_without_the_body(server: Server, path: str) -> None:
    get, head = ask(server, path), ask(server, path, "HEAD")

    assert head.body == ""
    assert head.status == get.status
    assert head.headers["content-length"] == get.headers["content-length"]


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW"])
def test_nothing_can_be_done_but_reading(server: Server, method: str) -> None:
    answer = ask(server, "/metrics", method)

    assert answer.status == 405
    assert answer.headers["allow"] == "GET, HEAD"


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/healthz/",
        "/HEALTHZ",
        "/metrics/../healthz",
        "/../../etc/passwd",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/healthz%00",
        "/%ff",
        "*",
        "/<script>alert(1)</script>",
    ],
)
def test_there_is_nothing_else(server: Server, path: str) -> None:
    """Any other path is 404, and the answer repeats nothing of it."""
    answer = ask(server, path)

    assert (answer.status, answer.body) == (404, "There is nothing here.\n")


def test_a_query_is_not_part_of_the_path(server: Server) -> None:
    assert ask(server, "/healthz?full=1").status == 200


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics", "/none"])
def test_every_answer_is_guarded(server: Server, path: str) -> None:
    """No browser keeps, frames, guesses the type of, or runs anything of an answer."""
    headers = ask(server, path).headers

    assert headers["cache-control"] == "no-store"
    assert headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert "server" not in headers


def test_no_traceback_in_a_body(
    server: Server, daemon: Daemon, caplog: pytest.LogCaptureFixture
) -> None:
    """A bug behind the page is 500 without a word of why; the log has the traceback."""

    def fail() -> bytes:
        raise RuntimeError("the very reason")

    daemon.metrics = fail

    answer = ask(server, "/metrics")

    assert answer.status == 500
    assert "reason" not in answer.body
    assert "Traceback" not in answer.body
    assert "the very reason" in caplog.text
    assert ask(server, "/healthz").status == 200


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        pytest.param(b"nonsense\r\n\r\n", b"400", id="no request at all"),
        pytest.param(b"\x16\x03\x01\x02\x00\r\n\r\n", b"400", id="TLS on a plain port"),
        pytest.param(
            (b"GET /healthz HTTP/1.1\r\nX: " + b"a" * 8192)[:8192], b"431", id="long headers"
        ),
        pytest.param(
            b"GET /healthz HTTP/1.1\r\nContent-Length: 2000\r\n\r\n" + b"a" * 2000,
            b"413",
            id="long body",
        ),
        pytest.param(
            b"GET /healthz HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: x\r\n\r\n",
            b"501",
            id="smuggled",
        ),
    ],
)
def test_bad_requests_are_refused(server: Server, raw: bytes, expected: bytes) -> None:
    """What is no request, or too much of one, is refused, and the next one is served."""
    answer = send(server, raw)

    assert answer.split(b" ", 2)[1] == expected
    assert b"Traceback" not in answer
    assert ask(server, "/healthz").status == 200


def test_a_client_that_leaves_disturbs_nobody(server: Server) -> None:
    """Half a request and a reset connection leave the server as it was."""
    for _ in range(20):
        connection = socket.create_connection((server.host, server.port), timeout=10)
        linger = b"\x01\x00\x00\x00\x00\x00\x00\x00"
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        connection.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n")
        connection.close()

    assert ask(server, "/healthz").status == 200


def test_requests_that_drip_leave_room_for_others(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A hundred clients that send a byte now and then are all the connections that there are."""
    monkeypatch.setattr("rotator.web.server._REQUEST_SECONDS", 0.3)
    with ExitStack() as opened:
        drips = [
            opened.enter_context(socket.create_connection((server.host, server.port), timeout=5))
            for _ in range(100)
        ]
        ends = time.monotonic() + 20
        while drips and time.monotonic() < ends:
            drips = [drip for drip in drips if _is_taken(drip)]
            time.sleep(0.02)

    assert drips == []


def _is_taken(drip: socket.socket) -> bool:
    """Whether one more byte of a request that never ends is taken."""
    try:
        drip.sendall(b"a")
        drip.setblocking(False)
        return drip.recv(1) != b""
    except BlockingIOError:
        return True
    except OSError:
        return False
    finally:
        drip.settimeout(5)


@settings(max_examples=60, suppress_health_check=list(HealthCheck))
@given(
    st.lists(
        st.sampled_from([b"GET ", b"/healthz", b" HTTP/1.1\r\n", b"\r\n", b": ", b"X", b"\x00"])
        | st.binary(max_size=20),
        max_size=12,
    ).map(b"".join)
)
def test_any_bytes_are_a_request_at_most(server: Server, raw: bytes) -> None:
    """Garbage is refused or waited for; nothing of the inside shows, and health is told on."""
    with socket.create_connection((server.host, server.port), timeout=5) as client:
        client.sendall(raw)
        client.shutdown(socket.SHUT_WR)
        with suppress(ConnectionError):
            told = client.makefile("rb").read()
            assert b"Traceback" not in told
            assert b"waitress" not in told.lower().replace(b"generated by waitress", b"")

    with urlopen(f"http://{server.address}/healthz", timeout=5) as answer:
        assert answer.status == 200


def test_a_hanging_store_leaves_health_alone(server: Server, daemon: Daemon) -> None:
    """However many scrapes pile up behind a reading that hangs, `/healthz` answers."""
    ask(server, "/metrics")
    entered, let_go = threading.Event(), threading.Event()

    def hang() -> bytes:
        entered.set()
        assert let_go.wait(30)
        return b"up 2\n"

    daemon.metrics = hang
    scrapes = [threading.Thread(target=ask, args=(server, "/metrics")) for _ in range(6)]
    for scrape in scrapes:
        scrape.start()
    assert entered.wait(10)

    answer = ask(server, "/healthz")
    let_go.set()
    for scrape in scrapes:
        scrape.join(10)

    assert answer.status == 200
    assert ask(server, "/metrics").body == "up 2\n"


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (
            "/readyz",
            '{"ready": false, "problems": ["The store gives no answer for 0.05 seconds."]}\n',
        ),
        ("/metrics", "The store gives no answer for 0.05 seconds.\n"),
    ],
)
def test_a_reading_that_takes_too_long_is_said(path: str, expected: str) -> None:
    """Nobody waits for ever: 503, and what it is that does not answer."""
    entered, let_go = threading.Event(), threading.Event()

    def hang() -> bytes:
        entered.set()
        assert let_go.wait(30)
        return b""

    app = make_app(alive=bool, problems=lambda: [hang().decode()], metrics=hang, stale_max=0.05)
    running = serve(app, LOOPBACK)
    first = threading.Thread(target=ask, args=(running, path))
    first.start()
    assert entered.wait(10)

    answer = ask(running, path)
    let_go.set()
    first.join(10)
    running.close()

    assert (answer.status, answer.body) == (503, expected)


def test_a_free_port_is_taken_and_told(server: Server) -> None:
    assert server.port > 0
    assert server.address == f"127.0.0.1:{server.port}"


def test_a_taken_port_is_said(server: Server) -> None:
    """One sentence that names the address and the reason; nothing is left behind."""
    before = threading.active_count()

    with pytest.raises(CannotListen) as caught:
        serve(make_app(alive=bool, problems=list, metrics=bytes), HttpSettings(port=server.port))

    assert str(caught.value) == (
        f"cannot listen on 127.0.0.1:{server.port}: {os.strerror(errno.EADDRINUSE)}"
    )
    assert threading.active_count() == before


@pytest.mark.parametrize(
    "settings",
    [
        pytest.param(HttpSettings(host="192.0.2.1", port=0), id="an address of somebody else"),
        pytest.param(HttpSettings(host="127.0.0.1", port=70_000), id="no such port"),
        pytest.param(HttpSettings(host="127.0.0.1.1", port=0), id="no address"),
        pytest.param(HttpSettings(host="a" * 70 + ".example", port=0), id="no name"),
    ],
)
def test_an_impossible_address_is_said(settings: HttpSettings) -> None:
    """Whatever is wrong with the address, it is one kind of error."""
    app = make_app(alive=bool, problems=list, metrics=bytes)

    with pytest.raises(CannotListen, match=f"^cannot listen on {settings.host}:{settings.port}: "):
        serve(app, settings)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "::1", "", "0.0.0.0"])  # noqa: S104 - asked for
def test_names_and_both_families_work(host: str) -> None:
    """A name, an IPv4 or IPv6 address, or every address: one port each."""
    app = make_app(alive=lambda: True, problems=list, metrics=bytes)
    try:
        running = serve(app, HttpSettings(host=host, port=0))
    except CannotListen:
        pytest.skip(f"this machine has no {host}")

    try:
        assert ask(running, "/healthz").status == 200
        assert running.address.endswith(f":{running.port}")
        assert ("[" in running.address) == (":" in running.host)
    finally:
        running.close()


def test_closing_leaves_nothing() -> None:
    """No thread, no listening port, no open file; and it may be closed again."""
    app = make_app(alive=lambda: True, problems=list, metrics=bytes)
    threads, files = threading.active_count(), _open_files()

    for _ in range(3):
        running = serve(app, LOOPBACK)
        ask(running, "/healthz")
        running.close()
        running.close()
        with pytest.raises(ConnectionRefusedError):
            ask(running, "/healthz")

    assert _eventually(lambda: threading.active_count() == threads)
    assert files == _open_files()


def test_the_port_can_be_taken_again_at_once() -> None:
    """A daemon that is started again right after it ended finds its port free."""
    app = make_app(alive=lambda: True, problems=list, metrics=bytes)
    first = serve(app, LOOPBACK)
    ask(first, "/healthz")
    first.close()

    second = serve(app, HttpSettings(port=first.port))

    try:
        assert ask(second, "/healthz").status == 200
    finally:
        second.close()


def test_closing_lets_an_answer_be_finished() -> None:
    """Who is being answered when the daemon stops gets the answer."""
    entered, let_go = threading.Event(), threading.Event()

    def slow() -> bytes:
        entered.set()
        assert let_go.wait(10)
        return b"up 1\n"

    running = serve(make_app(alive=bool, problems=list, metrics=slow), LOOPBACK)
    answers: list[Answer] = []
    asking = threading.Thread(target=lambda: answers.append(ask(running, "/metrics")))
    asking.start()
    assert entered.wait(10)
    closing = threading.Thread(target=running.close)
    closing.start()
    let_go.set()
    closing.join(10)
    asking.join(10)

    assert [answer.body for answer in answers] == ["up 1\n"]


def test_closing_does_not_wait_for_a_stuck_reading(monkeypatch: pytest.MonkeyPatch) -> None:
    """A reading that hangs is left behind; its thread does not keep the process alive."""
    monkeypatch.setattr("rotator.web.server._CLOSE_SECONDS", 0.1)
    entered, let_go = threading.Event(), threading.Event()

    def hang() -> bytes:
        entered.set()
        let_go.wait(30)
        return b""

    running = serve(make_app(alive=bool, problems=list, metrics=hang), LOOPBACK)
    asking = threading.Thread(target=_ask_quietly, args=(running, "/metrics"))
    asking.start()
    assert entered.wait(10)

    started = time.monotonic()
    running.close()
    took = time.monotonic() - started

    assert took < 5
    let_go.set()
    asking.join(10)
    assert _eventually(lambda: not running._server.task_dispatcher.threads)
    running.close()


def test_a_thousand_requests_cost_one_reading() -> None:
    """However often it is scraped, the store is read once a second."""
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)
    readings: list[float] = []

    def read() -> bytes:
        readings.append(time.monotonic())
        return b"up 1\n" * 2000

    running = serve(make_app(alive=bool, problems=list, metrics=read), LOOPBACK)
    started = time.monotonic()
    connection = http.client.HTTPConnection(running.host, running.port, timeout=10)
    for _ in range(1000):
        connection.request("GET", "/metrics")
        assert connection.getresponse().read().endswith(b"up 1\n")
    connection.close()
    took = time.monotonic() - started
    running.close()

    assert len(readings) <= took + 1


def _ask_quietly(server: Server, path: str) -> None:
    """Ask, and do not mind being left without an answer."""
    try:
        ask(server, path)
    except (OSError, http.client.HTTPException):
        return


def _open_files() -> int:
    return len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - a count, not paths


def _eventually(holds: Callable[[], bool]) -> bool:
    """Whether it holds within a few seconds; threads end a moment after they were told to."""
    end = time.monotonic() + 5
    while not holds() and time.monotonic() < end:
        time.sleep(0.01)
    return holds()
