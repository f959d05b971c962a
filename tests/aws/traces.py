"""Searches all that a raised error could tell, in a log or on a terminal, for the secrets."""

from __future__ import annotations

import base64
import traceback
from urllib.parse import quote

from tests.aws.conftest import OWN_SECRET
from tests.aws.loopback import SECRET, TOKEN


def forms(secret: str) -> set[str]:
    """The shapes in which a secret could show."""
    encoded = base64.b64encode(secret.encode()).decode()
    return {secret, encoded, quote(secret, safe=""), secret[::-1], repr(secret)[1:-1]}


def assert_tells_no_secret(error: BaseException) -> None:
    """Neither the error, nor what it was raised from or during, nor their tracebacks tell one."""
    told = "".join(traceback.format_exception(error)) + everything(error)

    for secret in (SECRET, TOKEN, OWN_SECRET):
        assert not {form for form in forms(secret) if form in told}


def everything(error: BaseException | None) -> str:
    """Texts of the whole chain, suppressed contexts included, which format_exception leaves out."""
    if error is None:
        return ""
    own = f"{error!s} {error!r} {error.args!r} {getattr(error, '__dict__', '')!r}"
    return own + everything(error.__cause__) + everything(error.__context__)
