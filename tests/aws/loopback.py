"""An AWS on loopback that goes wrong in the way that a test chooses, and counts what arrives.

It speaks the Query protocol of IAM and STS as far as these tests need it. What it has is one
`Reply` for each action, or several that are given in turn; what it saw stands in `requests`.
"""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from urllib.parse import parse_qs

ACCOUNT_ID = "111122223333"
KEY_ID = "AKIALOOPBACK00000001"
SECRET = "l00pback/SECRET+key/that+must/never/show"
TOKEN = "l00pbackSESSIONtokenTHATmustNEVERshow"

Reply = Callable[[socket.socket], None]
"""Writes to the connection what is answered to a request that was read; it is closed after."""


@dataclass(frozen=True, slots=True)
class Request:
    """One request that was fully received."""

    action: str
    form: dict[str, str]
    headers: dict[str, str]


@dataclass(eq=False)
class Loopback:
    """The server; `url` is where it listens."""

    url: str
    replies: dict[str, Reply | list[Reply]] = field(default_factory=dict)
    requests: list[Request] = field(default_factory=list)
    connections: int = 0
    unread: bool = False
    ahead: timedelta = timedelta()
    closing: threading.Event = field(default_factory=threading.Event)

    def arrived(self, action: str) -> int:
        """How many requests of this action were fully received."""
        return sum(request.action == action for request in list(self.requests))

    def reset(self) -> None:
        """Forget what was seen, and answer everything as IAM does when all is well."""
        self.requests.clear()
        self.connections = 0
        self.unread = False
        self.ahead = timedelta()
        self.replies = {
            "GetCallerIdentity": identity(),
            "CreateAccessKey": created(),
            "AssumeRole": assumed(),
            "UpdateAccessKey": answer("UpdateAccessKey"),
            "DeleteAccessKey": answer("DeleteAccessKey"),
        }

    def reply_to(self, action: str) -> Reply:
        reply = self.replies.get(action, error(400, "InvalidAction"))
        if not isinstance(reply, list):
            return reply
        return reply.pop(0) if len(reply) > 1 else reply[0]

    def serve(self, connection: socket.socket) -> None:
        """Answer one request, and close."""
        with connection:
            connection.settimeout(10)
            if self.unread:
                connection.recv(1)
                return _abort(connection)
            head, _, body = _receive(connection)
            if not head:
                return None
            headers = dict(line.split(": ", 1) for line in head.split("\r\n")[1:])
            form = {name: values[0] for name, values in parse_qs(body).items()}
            action = form.get("Action", head.split(" ", 1)[0])
            self.requests.append(Request(action, form, headers))
            _Here.date = format_datetime(datetime.now(UTC) + self.ahead, usegmt=True)
            _Here.closing = self.closing
            return self.reply_to(action)(connection)


class _Local(threading.local):
    """What a reply knows of the request that it answers."""

    date = ""
    closing = threading.Event()


_Here = _Local()


@contextmanager
def loopback() -> Iterator[Loopback]:
    """Run the server for a while."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=64)
    listener.settimeout(0.1)
    server = Loopback(f"http://127.0.0.1:{listener.getsockname()[1]}")
    server.reset()
    thread = threading.Thread(target=_accept, args=(listener, server), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.closing.set()
        thread.join()
        listener.close()


def _accept(listener: socket.socket, server: Loopback) -> None:
    workers: list[threading.Thread] = []
    while not server.closing.is_set():
        try:
            connection, _ = listener.accept()
        except TimeoutError:
            continue
        server.connections += 1
        worker = threading.Thread(target=_serve, args=(server, connection), daemon=True)
        worker.start()
        workers = [each for each in workers if each.is_alive()]
        workers.append(worker)
    for worker in workers:
        worker.join()


def _serve(server: Loopback, connection: socket.socket) -> None:
    try:
        server.serve(connection)
    except OSError:
        # The client gave up first, which is what many of these tests are about.
        return


def _receive(connection: socket.socket) -> tuple[str, str, str]:
    """A request as head, separator and body."""
    raw = b""
    while b"\r\n\r\n" not in raw:
        more = connection.recv(65536)
        if not more:
            return "", "", ""
        raw += more
    head, separator, body = raw.partition(b"\r\n\r\n")
    text = head.decode()
    length = next(
        (
            int(line[15:])
            for line in text.split("\r\n")
            if line.lower().startswith("content-length")
        ),
        0,
    )
    while len(body) < length:
        body += connection.recv(65536)
    return text, separator.decode(), body.decode()


def _abort(connection: socket.socket) -> None:
    """Close with a reset rather than a farewell."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def _head(status: int, *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status} Status", f"Date: {_Here.date}", "Connection: close", *headers]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


# What IAM and STS say when all is well


def plain(status: int, body: str) -> Reply:
    """A whole answer with this body, whatever it is."""

    def reply(connection: socket.socket) -> None:
        content = body.encode()
        length = f"Content-Length: {len(content)}"
        connection.sendall(_head(status, "Content-Type: text/xml", length) + content)

    return reply


def answer(action: str, result: str = "") -> Reply:
    """What IAM or STS answers when it did what it was asked."""
    wrapped = f"<{action}Result>{result}</{action}Result>" if result else ""
    return plain(200, _envelope(action, wrapped))


def _envelope(action: str, inside: str) -> str:
    metadata = "<ResponseMetadata><RequestId>0b6c1a2f-loop</RequestId></ResponseMetadata>"
    return f"<{action}Response>{inside}{metadata}</{action}Response>"


def error(status: int, code: str, message: str = "a message of AWS") -> Reply:
    """An error as the Query protocol has it."""
    inside = f"<Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error>"
    return plain(status, f"<ErrorResponse>{inside}<RequestId>0b6c</RequestId></ErrorResponse>")


def identity(arn: str = f"arn:aws:iam::{ACCOUNT_ID}:user/ops/rotator") -> Reply:
    """Who signed, as GetCallerIdentity tells it."""
    account_id = arn.split(":")[4]
    result = f"<Arn>{arn}</Arn><UserId>AIDALOOPBACK</UserId><Account>{account_id}</Account>"
    return answer("GetCallerIdentity", result)


def assumed(expires_at: datetime | None = None) -> Reply:
    """The credentials of a role, for an hour unless it is said otherwise."""
    until = expires_at or datetime.now(UTC) + timedelta(hours=1)
    result = (
        "<Credentials><AccessKeyId>ASIALOOPBACK00000001</AccessKeyId>"
        f"<SecretAccessKey>{SECRET}</SecretAccessKey><SessionToken>{TOKEN}</SessionToken>"
        f"<Expiration>{until:%Y-%m-%dT%H:%M:%SZ}</Expiration></Credentials>"
    )
    return answer("AssumeRole", result)


def new_key(*, without: str = "", secret: str = SECRET) -> str:
    """The result of CreateAccessKey, with its secret; one member may be left out."""
    members = {
        "UserName": "alice",
        "AccessKeyId": KEY_ID,
        "Status": "Active",
        "SecretAccessKey": secret,
        "CreateDate": "2026-11-24T12:00:00Z",
    }
    told = "".join(f"<{name}>{it}</{name}>" for name, it in members.items() if name != without)
    return f"<AccessKey>{told}</AccessKey>"


def created(*, without: str = "") -> Reply:
    """What CreateAccessKey answers."""
    return answer("CreateAccessKey", new_key(without=without))


def listed(
    *keys: tuple[str, str],
    truncated: bool | None = False,
    marker: str = "",
) -> Reply:
    """A page of ListAccessKeys: key ids with their status."""
    members = "".join(
        f"<member><UserName>alice</UserName><AccessKeyId>{key_id}</AccessKeyId>"
        f"<Status>{status}</Status><CreateDate>2026-01-01T00:00:00Z</CreateDate></member>"
        for key_id, status in keys
    )
    return page("ListAccessKeys", "AccessKeyMetadata", members, truncated=truncated, marker=marker)


def page(
    action: str,
    member: str,
    members: str,
    *,
    truncated: bool | None = False,
    marker: str = "",
) -> Reply:
    """A page of any listing; `truncated=None` leaves IsTruncated out."""
    more = "" if truncated is None else f"<IsTruncated>{str(truncated).lower()}</IsTruncated>"
    token = f"<Marker>{marker}</Marker>" if marker else ""
    return answer(action, f"<{member}>{members}</{member}>{more}{token}")


# What goes wrong


def silence(connection: socket.socket) -> None:
    """No answer, and no end, for as long as the server runs."""
    connection.settimeout(0.05)
    while not _Here.closing.is_set():
        try:
            if not connection.recv(1):
                return
        except TimeoutError:
            continue


def stall(connection: socket.socket) -> None:
    """The head and half of a body that holds the secret, then silence."""
    connection.sendall(_head(200, "Content-Length: 9999") + new_key().encode())
    silence(connection)


def drop(connection: socket.socket) -> None:
    """The connection is closed instead of an answer."""


def cut(connection: socket.socket) -> None:
    """A body that is shorter than its Content-Length; the secret is in what came."""
    connection.sendall(_head(200, "Content-Length: 9999") + new_key().encode())


def cut_chunks(connection: socket.socket) -> None:
    """A chunked body without its end; the secret is in what came."""
    body = new_key().encode()
    head = _head(200, "Transfer-Encoding: chunked")
    connection.sendall(head + f"{len(body):x}\r\n".encode() + body + b"\r\n")


reset: Reply = _abort
"""The connection is reset after the request was read."""


def in_turn(*replies: Reply) -> list[Reply]:
    """One reply after the other; the last one again and again."""
    return list(replies)
