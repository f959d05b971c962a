"""What AWS answers when it says no, as it was recorded, and what the adapter makes of it.

Nothing here says by itself what a caller then knows: each answer goes as the exception of botocore
that it would be through `rotator.aws.answers`, so that the simulated IAM cannot tell the product
anything that the real adapter would not.

    raise recorded.no_user("bob").change("delete a key")     # Rejected, code NoSuchEntity
    raise recorded.THROTTLING.read("list the keys")          # ReadError, code Throttling
"""

from __future__ import annotations

from dataclasses import dataclass

from botocore.exceptions import ClientError

from rotator.aws import answers
from rotator.errors import AnswerError, ReadError

__all__ = [
    "KEY_UNKNOWN_TO_STS",
    "QUOTA",
    "REPORT_ABSENT",
    "REPORT_EXPIRED",
    "REPORT_IN_PROGRESS",
    "SERVICE_FAILURE",
    "THROTTLING",
    "WRONG_SECRET",
    "Answer",
    "denied",
    "name_taken",
    "no_key",
    "no_user",
    "use_denied",
    "user_has_keys",
]


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer of AWS that is no success: status, error code and message."""

    status: int
    code: str
    message: str

    def error(self, operation: str = "") -> ClientError:
        """What botocore raises for it."""
        told = {"Code": self.code, "Message": self.message}
        metadata = {"HTTPStatusCode": self.status, "RequestId": "", "RetryAttempts": 0}
        answer = {"Error": told, "ResponseMetadata": {**metadata, "HostId": "", "HTTPHeaders": {}}}
        return ClientError(answer, operation)  # type: ignore[arg-type]  # as botocore builds it

    def change(self, doing: str) -> AnswerError:
        """What the adapter raises where a request that changes something is answered so."""
        try:
            answers.changed(self._asked, doing, was_sent=lambda: True)
        except AnswerError as exc:
            return exc
        raise AssertionError(f"{self} was taken for a yes")

    def read(self, doing: str) -> ReadError:
        """What the adapter raises where a request that reads is answered so."""
        try:
            answers.read(self._asked, doing)
        except ReadError as exc:
            return exc
        raise AssertionError(f"{self} was taken for an answer")

    def _asked(self) -> None:
        raise self.error()


THROTTLING = Answer(400, "Throttling", "Rate exceeded")
SERVICE_FAILURE = Answer(500, "ServiceFailure", "The request processing has failed.")
QUOTA = Answer(409, "LimitExceeded", "Cannot exceed quota for AccessKeysPerUser: 2")
KEY_UNKNOWN_TO_STS = Answer(
    403, "InvalidClientTokenId", "The security token included in the request is invalid."
)
WRONG_SECRET = Answer(
    403,
    "SignatureDoesNotMatch",
    "The request signature we calculated does not match the signature you provided.",
)
REPORT_ABSENT = Answer(410, "ReportNotPresent", "No report exists.")
REPORT_EXPIRED = Answer(410, "ReportExpired", "The report has expired.")
REPORT_IN_PROGRESS = Answer(404, "ReportInProgress", "The report is still being generated.")


def no_user(name: str | None) -> Answer:
    """Nobody has this name now."""
    return Answer(404, "NoSuchEntity", f"The user with name {name} cannot be found.")


def no_key(key_id: str) -> Answer:
    """The user has no such key now."""
    return Answer(404, "NoSuchEntity", f"The Access Key with id {key_id} cannot be found.")


def use_denied(key_id: str, caller: str) -> Answer:
    """What GetAccessKeyLastUsed says of a key that there is not: as if asking were forbidden."""
    return Answer(
        403,
        "AccessDenied",
        f"User: {caller} is not authorized to perform: iam:GetAccessKeyLastUsed"
        f" on resource: access key {key_id}",
    )


def denied(action: str, caller: str) -> Answer:
    """A permission is missing."""
    return Answer(403, "AccessDenied", f"User: {caller} is not authorized to perform: iam:{action}")


def user_has_keys(name: str) -> Answer:
    """A user is not deleted as long as it has keys."""
    return Answer(409, "DeleteConflict", f"Cannot delete {name}, must delete access keys first.")


def name_taken(name: str) -> Answer:
    """Somebody has this name already, whatever its case."""
    return Answer(409, "EntityAlreadyExists", f"User with name {name} already exists.")
