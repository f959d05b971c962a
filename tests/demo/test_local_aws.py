"""What AWS does, asked of the local AWS over HTTP with boto3; each rule names its source.

Recorded: answers of real AWS that were published with their requests. Reference: the API reference
or the IAM User Guide. Model: the service model that botocore carries. Observed: measurements that
users of AWS published.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from botocore import UNSIGNED
from botocore.config import Config

from tests.demo.conftest import assume, code_of, eventually, last_used, refuses

if TYPE_CHECKING:
    from collections.abc import Callable

    from rotator.demo.aws import LocalAws

    NewKey = Callable[[str], dict[str, str]]


INVALID = ("InvalidClientTokenId", 403)


class TestSigningKey:
    """Whose signature AWS accepts."""

    def test_unknown_key_is_refused_by_sts_and_iam(self, aws: LocalAws) -> None:
        """InvalidClientTokenId 403 (observed: what a key not yet propagated gets)."""
        stranger = {"aws_access_key_id": "AKIA" + "X" * 16, "aws_secret_access_key": "x" * 40}

        assert code_of(aws.client("sts", **stranger).get_caller_identity) == INVALID
        assert code_of(aws.client("iam", **stranger).list_users) == INVALID

    def test_unknown_key_is_refused_by_secrets_manager(self, aws: LocalAws) -> None:
        """The JSON protocol says UnrecognizedClientException, 400 (reference: common errors)."""
        stranger = {"aws_access_key_id": "AKIA" + "X" * 16, "aws_secret_access_key": "x" * 40}
        secretsmanager = aws.client("secretsmanager", **stranger)

        refusal = code_of(secretsmanager.get_secret_value, SecretId="x")

        assert refusal == ("UnrecognizedClientException", 400)

    def test_inactive_key_is_refused_until_it_is_active_again(
        self, aws: LocalAws, new_key: NewKey
    ) -> None:
        """An Inactive key cannot be used for API calls (reference: UpdateAccessKey)."""
        iam = aws.client("iam")
        iam.create_user(UserName="ci")
        key = new_key("ci")
        sts = aws.client("sts", **key)
        arn = sts.get_caller_identity()["Arn"]
        change = {"UserName": "ci", "AccessKeyId": key["aws_access_key_id"]}

        iam.update_access_key(**change, Status="Inactive")
        refused = code_of(sts.get_caller_identity)
        iam.update_access_key(**change, Status="Active")

        assert refused == INVALID
        assert sts.get_caller_identity()["Arn"] == arn == "arn:aws:iam::123456789012:user/ci"

    def test_deleted_key_is_refused(self, aws: LocalAws, new_key: NewKey) -> None:
        """A deleted key is unknown (reference: DeleteAccessKey)."""
        aws.plant({"users": [{"name": "ci"}]})
        key = new_key("ci")
        sts = aws.client("sts", **key)

        aws.client("iam").delete_access_key(UserName="ci", AccessKeyId=key["aws_access_key_id"])

        assert code_of(sts.get_caller_identity) == INVALID

    def test_wrong_secret_is_refused(self, aws: LocalAws, new_key: NewKey) -> None:
        """SignatureDoesNotMatch 403, and InvalidSignatureException in JSON (reference)."""
        aws.plant({"users": [{"name": "ci"}]})
        wrong = {**new_key("ci"), "aws_secret_access_key": "x" * 40}

        query = code_of(aws.client("sts", **wrong).get_caller_identity)
        in_json = code_of(aws.client("secretsmanager", **wrong).list_secrets)

        assert query == ("SignatureDoesNotMatch", 403)
        assert in_json == ("InvalidSignatureException", 400)

    def test_new_key_is_refused_for_a_while(self, aws: LocalAws, new_key: NewKey) -> None:
        """A new key is InvalidClientTokenId for 3 to 15 s (observed, many times)."""
        aws.plant({"users": [{"name": "ci"}]})
        aws.settings(new_key_delay="1s")
        sts = aws.client("sts", **new_key("ci"))

        at_first = code_of(sts.get_caller_identity)

        assert at_first == INVALID
        assert eventually(lambda: aws.truth()["ci"]["keys"][0]["accepted"])
        assert sts.get_caller_identity()["Arn"].endswith("/ci")

    @pytest.mark.parametrize("end", ["deactivated", "deleted"])
    def test_dead_key_works_a_little_longer(self, aws: LocalAws, new_key: NewKey, end: str) -> None:
        """A key that was deleted still signs for 3 to 4 s (observed, December 2025)."""
        iam = aws.client("iam")
        aws.plant({"users": [{"name": "ci"}]})
        aws.settings(revoke_delay="1s")
        key = new_key("ci")
        sts = aws.client("sts", **key)
        change = {"UserName": "ci", "AccessKeyId": key["aws_access_key_id"]}

        if end == "deleted":
            iam.delete_access_key(**change)
        else:
            iam.update_access_key(**change, Status="Inactive")

        assert sts.get_caller_identity()["Arn"] == "arn:aws:iam::123456789012:user/ci"
        assert eventually(lambda: refuses(sts.get_caller_identity))

    def test_session_ends(self, aws: LocalAws) -> None:
        """ExpiredToken 403 after DurationSeconds (reference: AssumeRole)."""
        aws.plant({"roles": [{"name": "other"}]})
        session = assume(aws, "arn:aws:iam::123456789012:role/other")
        sts = aws.client("sts", **session)
        arn = sts.get_caller_identity()["Arn"]

        aws.settings(clock_offset="2h")

        assert arn == "arn:aws:sts::123456789012:assumed-role/other/test"
        assert code_of(sts.get_caller_identity) == ("ExpiredToken", 403)

    def test_session_without_its_token_is_refused(self, aws: LocalAws) -> None:
        """A session's key is nothing without its token (reference: GetSessionToken)."""
        aws.plant({"roles": [{"name": "other"}]})
        session = assume(aws, "arn:aws:iam::123456789012:role/other")
        del session["aws_session_token"]

        assert code_of(aws.client("sts", **session).get_caller_identity) == INVALID

    def test_unsigned_request_is_refused(self, aws: LocalAws) -> None:
        """MissingAuthenticationToken 403 (reference: common errors)."""
        sts = aws.client("sts", config=Config(signature_version=UNSIGNED))

        assert code_of(sts.get_caller_identity) == ("MissingAuthenticationToken", 403)


class TestLastUsed:
    """What GetAccessKeyLastUsed knows, and when."""

    def test_never_used_has_no_date(self, aws: LocalAws, new_key: NewKey) -> None:
        """N/A, N/A, and no LastUsedDate (recorded)."""
        aws.plant({"users": [{"name": "ci"}]})

        answer = last_used(aws, new_key("ci"))

        assert answer == {"Region": "N/A", "ServiceName": "N/A"}

    def test_use_is_shown_only_after_the_lag(self, aws: LocalAws, new_key: NewKey) -> None:
        """A use was shown about 7 minutes later, with its service and Region (recorded)."""
        aws.plant({"users": [{"name": "ci"}]})
        aws.settings(lag="7m")
        key = new_key("ci")
        before = datetime.now(UTC).replace(microsecond=0)
        aws.client("sts", **key, region_name="us-west-2").get_caller_identity()

        at_first = last_used(aws, key)
        aws.settings(clock_offset="8m")
        later = last_used(aws, key)

        assert "LastUsedDate" not in at_first
        assert (later["ServiceName"], later["Region"]) == ("sts", "us-west-2")
        assert before <= later["LastUsedDate"] <= before + timedelta(seconds=10)
        assert later["LastUsedDate"].microsecond == 0

    def test_only_the_first_use_in_a_grain_is_recorded(
        self, aws: LocalAws, new_key: NewKey
    ) -> None:
        """Used more than once in 15 minutes, only the first is recorded (User Guide, report)."""
        aws.plant({"users": [{"name": "ci"}]})
        aws.settings(grain="15m")
        key = new_key("ci")
        seen = []

        for offset in ("0s", "14m", "16m"):
            aws.settings(clock_offset=offset)
            aws.client("sts", **key).get_caller_identity()
            seen.append(last_used(aws, key)["LastUsedDate"])

        assert seen[0] == seen[1]
        assert seen[2] - seen[0] >= timedelta(minutes=15)

    def test_rejected_request_is_no_use(self, aws: LocalAws, new_key: NewKey) -> None:
        """A rejected request cannot be relied on to be recorded; here it never is."""
        aws.plant({"users": [{"name": "ci"}]})
        key = new_key("ci")
        wrong = {**key, "aws_secret_access_key": "x" * 40}
        assert refuses(aws.client("sts", **wrong).get_caller_identity)
        aws.client("iam").update_access_key(
            UserName="ci", AccessKeyId=key["aws_access_key_id"], Status="Inactive"
        )
        assert refuses(aws.client("sts", **key).get_caller_identity)

        assert last_used(aws, key) == {"Region": "N/A", "ServiceName": "N/A"}

    def test_unknown_key_is_access_denied(self, aws: LocalAws) -> None:
        """403 AccessDenied, not NoSuchEntity (recorded)."""
        ask = aws.client("iam").get_access_key_last_used

        assert code_of(ask, AccessKeyId="AKIA" + "X" * 16) == ("AccessDenied", 403)

    def test_report_is_as_late_and_of_now(self, aws: LocalAws) -> None:
        """GeneratedTime is when the report was made (reference: GetCredentialReport)."""
        aws.plant(
            {
                "users": [
                    {"name": "ci", "keys": [{"age": "9d", "last_used": {"age": "2d"}}, {}]},
                ]
            }
        )
        iam = aws.client("iam")
        iam.generate_credential_report()

        report = iam.get_credential_report()

        used_at = aws.truth()["ci"]["keys"][0]["shown"]["at"]
        assert used_at in report["Content"].decode()
        assert datetime.now(UTC) - report["GeneratedTime"] < timedelta(minutes=1)
