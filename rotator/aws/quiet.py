"""Keeps botocore's own logs from telling secrets, whatever level a log is set to.

At DEBUG, `botocore.parsers` logs whole answers (a new key with its secret), `botocore.endpoint`
and `botocore.regions` whole requests (the value of a secret that is being stored),
`botocore.auth` the session token in the canonical request; `botocore.credentials` adds the
traceback of a failed refresh, whose text may quote an answer of STS.
"""

from __future__ import annotations

import logging

__all__ = ["WITHOUT_WIRE", "quiet_boto"]

TALKATIVE = ("boto3", "botocore", "s3transfer", "urllib3")
"""The libraries whose DEBUG output never leaves the process."""

TELLING = (
    "boto3.resources",
    "botocore.auth",
    "botocore.client",
    "botocore.credentials",
    "botocore.endpoint",
    "botocore.hooks",
    "botocore.httpsession",
    "botocore.loaders",
    "botocore.parsers",
    "botocore.regions",
    "botocore.retryhandler",
    "botocore.retries",
    "botocore.session",
    "botocore.utils",
    "urllib3.connection",
    "urllib3.connectionpool",
)
"""Loggers below those that are pinned by their own name too, in case somebody set them apart."""


class WithoutWire(logging.Filter):
    """Drops what these libraries say below INFO, and the tracebacks in the rest.

    For a handler, where it holds for every logger there is or will be.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record may be written; its traceback is taken off on the way."""
        if record.name.partition(".")[0] not in TALKATIVE:
            return True
        if record.levelno < logging.INFO:
            return False
        record.exc_info = None
        record.exc_text = None
        record.stack_info = None
        return True


WITHOUT_WIRE = WithoutWire()
"""The filter, to be added to every handler that a log is written by."""


def quiet_boto() -> None:
    """Keep the loggers of boto3 and what it stands on at INFO or above, without tracebacks.

    A logger that has no level of its own goes by the one above it, which may be higher.
    Call it after logging is configured, and once more whenever that is done again. Repeating it
    changes nothing.
    """
    for name in (*TALKATIVE, *TELLING):
        logger = logging.getLogger(name)
        if name in TALKATIVE or logger.level != logging.NOTSET:
            logger.setLevel(max(logger.level, logging.INFO))
        if WITHOUT_WIRE not in logger.filters:
            logger.addFilter(WITHOUT_WIRE)
