"""What IAM, STS and Secrets Manager answer, asked of the local AWS over HTTP with boto3.

Sources are named as in `test_local_aws`.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.demo.conftest import assume, code_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from rotator.demo.aws import LocalAws

    NewKey = Callable[[str], dict[str, str]]


class TestKeys:
    """Access keys, where moto differs."""

    def test_dates_are_whole_seconds(self, aws: LocalAws) -> None:
        """CreateDate has no fraction (reference: examples of CreateAccessKey and CreateUser)."""
        iam = aws.client("iam")
        user = iam.create_user(UserName="ci")["User"]
        key = iam.create_access_key(UserName="ci")["AccessKey"]
        listed = iam.list_access_keys(UserName="ci")["AccessKeyMetadata"][0]

        assert user["CreateDate"].microsecond == key["CreateDate"].microsecond == 0
        assert listed["CreateDate"] == key["CreateDate"]
        assert datetime.now(UTC) - key["CreateDate"] < timedelta(seconds=10)

    def test_status_is_an_enumeration(self, aws: LocalAws, new_key: NewKey) -> None:
        """Another word than Active or Inactive is a ValidationError (model)."""
        aws.plant({"users": [{"name": "ci"}]})
        update: Any = aws.client("iam").update_access_key
        key_id = new_key("ci")["aws_access_key_id"]

        refusal = code_of(update, UserName="ci", AccessKeyId=key_id, Status="Bogus")

        assert refusal == ("ValidationError", 400)
        assert aws.truth()["ci"]["keys"][0]["status"] == "Active"

    def test_third_key_is_refused_also_beside_an_inactive_one(self, aws: LocalAws) -> None:
        """409 LimitExceeded, inactive keys count (recorded; User Guide, quotas)."""
        aws.plant({"users": [{"name": "ci", "keys": [{}, {"status": "Inactive"}]}]})

        refusal = code_of(aws.client("iam").create_access_key, UserName="ci")

        assert refusal == ("LimitExceeded", 409)

    @pytest.mark.parametrize(
        "action", ["create_access_key", "list_access_keys", "update", "delete", "get_user"]
    )
    def test_role_must_name_the_user(self, aws: LocalAws, action: str) -> None:
        """400 ValidationError for a role's session without UserName (recorded)."""
        iam = aws.client("iam")
        aws.plant({"users": [{"name": "ci", "keys": [{}]}]})
        key_id = aws.truth()["ci"]["keys"][0]["access_key_id"]
        calls: dict[str, Callable[[], object]] = {
            "create_access_key": iam.create_access_key,
            "list_access_keys": iam.list_access_keys,
            "update": lambda: iam.update_access_key(AccessKeyId=key_id, Status="Inactive"),
            "delete": lambda: iam.delete_access_key(AccessKeyId=key_id),
            "get_user": iam.get_user,
        }

        assert code_of(calls[action]) == ("ValidationError", 400)
        assert aws.truth()["ci"]["keys"][0]["status"] == "Active"

    def test_user_need_not_name_itself(self, aws: LocalAws, new_key: NewKey) -> None:
        """Without UserName it is the user who signs, and nobody else (reference)."""
        aws.plant({"users": [{"name": "ci"}, {"name": "other", "keys": [{}]}]})
        iam = aws.client("iam", **new_key("ci"))
        foreign = aws.truth()["other"]["keys"][0]["access_key_id"]

        assert iam.get_user()["User"]["UserName"] == "ci"
        assert [key["UserName"] for key in iam.list_access_keys()["AccessKeyMetadata"]] == ["ci"]
        assert code_of(iam.delete_access_key, AccessKeyId=foreign) == ("NoSuchEntity", 404)

    def test_keys_and_tags_follow_a_rename(self, aws: LocalAws, new_key: NewKey) -> None:
        """Renamed or moved, a user keeps keys, tags and id (recorded)."""
        aws.plant({"users": [{"name": "ci", "tags": {"team": "a"}, "groups": ["deployers"]}]})
        iam = aws.client("iam")
        key = new_key("ci")
        user_id = aws.truth()["ci"]["user_id"]

        iam.update_user(UserName="ci", NewUserName="cd", NewPath="/cd/")

        assert iam.list_access_keys(UserName="cd")["AccessKeyMetadata"][0]["UserName"] == "cd"
        assert aws.client("sts", **key).get_caller_identity()["Arn"].endswith(":user/cd/cd")
        seen = aws.truth()["cd"]
        assert (seen["user_id"], seen["tags"], seen["groups"]) == (
            user_id,
            {"team": "a"},
            ["deployers"],
        )
        iam.delete_access_key(UserName="cd", AccessKeyId=key["aws_access_key_id"])
        assert iam.list_access_keys(UserName="cd")["AccessKeyMetadata"] == []


class TestUsers:
    """Users, where moto differs."""

    def test_ids_begin_with_aida(self, aws: LocalAws) -> None:
        """A UserId is AIDA and more (User Guide, identifiers)."""
        user = aws.client("iam").create_user(UserName="ci")["User"]

        assert user["UserId"].startswith("AIDA")

    @pytest.mark.parametrize("change", ["create", "rename"])
    def test_names_are_unique_whatever_their_case(self, aws: LocalAws, change: str) -> None:
        """409 EntityAlreadyExists (User Guide, quotas)."""
        iam = aws.client("iam")
        aws.plant({"users": [{"name": "ci"}, {"name": "cd"}]})

        if change == "create":
            refusal = code_of(iam.create_user, UserName="CI")
        else:
            refusal = code_of(iam.update_user, UserName="cd", NewUserName="CI")

        assert refusal == ("EntityAlreadyExists", 409)

    def test_user_may_change_the_case_of_the_own_name(self, aws: LocalAws) -> None:
        """The own name is no other's."""
        aws.plant({"users": [{"name": "ci"}]})

        aws.client("iam").update_user(UserName="ci", NewUserName="CI")

        assert list(aws.truth()) == ["CI"]

    @pytest.mark.parametrize("held_by", [{"keys": [{}]}, {"groups": ["g"]}], ids=["key", "group"])
    def test_user_with_belongings_is_not_deleted(
        self, aws: LocalAws, held_by: dict[str, Any]
    ) -> None:
        """409 DeleteConflict while there are keys or groups (reference: DeleteUser)."""
        aws.plant({"users": [{"name": "ci", **held_by}]})

        refusal = code_of(aws.client("iam").delete_user, UserName="ci")

        assert refusal == ("DeleteConflict", 409)

    def test_bare_user_is_deleted(self, aws: LocalAws) -> None:
        """And a new one of the same name has another id (User Guide, identifiers)."""
        iam = aws.client("iam")
        first = iam.create_user(UserName="ci")["User"]["UserId"]

        iam.delete_user(UserName="ci")

        assert iam.create_user(UserName="ci")["User"]["UserId"] != first


class TestPages:
    """MaxItems, Marker and IsTruncated (reference: each List action)."""

    NAMES = tuple(f"user-{number:03}" for number in range(7))

    @pytest.fixture
    def seven(self, aws: LocalAws) -> LocalAws:
        """Seven users in one group, the first with seven tags, seven groups and two keys."""
        first = {
            "tags": dict.fromkeys(self.NAMES, "x"),
            "groups": list(self.NAMES),
            "keys": [{}, {}],
        }
        users = [{"name": name, "groups": ["all"]} for name in self.NAMES]
        aws.plant({"users": [{"name": self.NAMES[0], **first}, *users]})
        aws.plant({"users": [{"name": self.NAMES[0], "groups": ["all"]}]})
        return aws

    @pytest.mark.parametrize(
        ("action", "of", "result", "count"),
        [
            pytest.param("list_users", {}, "Users", 7, id="ListUsers"),
            pytest.param("list_access_keys", {"UserName": "user-000"}, "AccessKeyMetadata", 2),
            pytest.param("list_user_tags", {"UserName": "user-000"}, "Tags", 7),
            pytest.param("list_groups_for_user", {"UserName": "user-000"}, "Groups", 8),
            pytest.param("get_group", {"GroupName": "all"}, "Users", 7),
            pytest.param(
                "get_account_authorization_details", {"Filter": ["User"]}, "UserDetailList", 7
            ),
        ],
    )
    def test_pages_hold_what_was_asked_for(
        self, seven: LocalAws, action: str, of: dict[str, Any], result: str, count: int
    ) -> None:
        """One item on each page, all of them in the end, IsTruncated on every page."""
        paginator: Any = seven.client("iam").get_paginator(action)  # type: ignore[call-overload]  # of six actions

        pages = list(paginator.paginate(**of, PaginationConfig={"PageSize": 1}))

        assert [len(page[result]) for page in pages] == [1] * count
        assert [page["IsTruncated"] for page in pages] == [True] * (count - 1) + [False]

    def test_pages_may_be_short(self, seven: LocalAws) -> None:
        """IAM may return fewer than MaxItems and yet more to come (reference: ListUsers)."""
        seven.settings(page_max=3)

        first = seven.client("iam").list_users(MaxItems=1000)

        assert (len(first["Users"]), first["IsTruncated"]) == (3, True)

    def test_page_resumes_where_it_was_whatever_went(self, seven: LocalAws) -> None:
        """Nobody is skipped when the last of a page has been deleted meanwhile."""
        iam = seven.client("iam")
        first = iam.list_users(MaxItems=3)
        iam.remove_user_from_group(GroupName="all", UserName="user-002")
        iam.delete_user(UserName="user-002")

        second = iam.list_users(MaxItems=3, Marker=first["Marker"])

        assert [user["UserName"] for user in second["Users"]] == [
            "user-003",
            "user-004",
            "user-005",
        ]

    def test_whole_account_is_one_list(self, seven: LocalAws) -> None:
        """Without a filter users, groups, roles and policies share the pages (reference)."""
        paginator = seven.client("iam").get_paginator("get_account_authorization_details")
        pages = list(paginator.paginate(PaginationConfig={"PageSize": 4}))

        sizes = [
            sum(
                len(page[kind])
                for kind in ("UserDetailList", "GroupDetailList", "RoleDetailList", "Policies")
            )
            for page in pages
        ]
        assert set(sizes[:-1]) == {4}
        assert sum(len(page["UserDetailList"]) for page in pages) == 7
        assert sum(len(page["GroupDetailList"]) for page in pages) == 8

    @pytest.mark.parametrize("marker", ["garbage", "/////w=="])
    def test_unknown_marker_is_refused(self, seven: LocalAws, marker: str) -> None:
        """A Marker that was never given is a ValidationError."""
        refusal = code_of(seven.client("iam").list_users, Marker=marker)

        assert refusal == ("ValidationError", 400)

    def test_page_of_more_than_a_thousand_is_refused(self, seven: LocalAws) -> None:
        """MaxItems is between 1 and 1000 (model)."""
        assert code_of(seven.client("iam").list_users, MaxItems=1001) == ("ValidationError", 400)


class TestRoles:
    """Who may become whom."""

    def test_role_that_does_not_exist_is_denied(self, aws: LocalAws) -> None:
        """403 AccessDenied (reference: AssumeRole)."""
        refusal = code_of(
            aws.client("sts").assume_role,
            RoleArn="arn:aws:iam::123456789012:role/none",
            RoleSessionName="test",
        )

        assert refusal == ("AccessDenied", 403)

    def test_external_id_must_be_the_roles(self, aws: LocalAws) -> None:
        """AccessDenied without it or with another (User Guide, confused deputy)."""
        aws.plant({"roles": [{"name": "rotator", "external_id": "42"}]})
        role = {"RoleArn": "arn:aws:iam::123456789012:role/rotator", "RoleSessionName": "test"}
        sts: Any = aws.client("sts")

        assert code_of(sts.assume_role, **role) == ("AccessDenied", 403)
        assert code_of(sts.assume_role, **role, ExternalId="43") == ("AccessDenied", 403)
        assert sts.assume_role(**role, ExternalId="42")["AssumedRoleUser"]["Arn"].endswith("/test")

    def test_session_acts_in_the_account_of_its_role(self, aws: LocalAws) -> None:
        """Another account has other users (reference: AssumeRole)."""
        aws.plant(
            {
                "roles": [{"name": "rotator", "account": "444455556666"}],
                "users": [{"name": "there", "account": "444455556666"}, {"name": "here"}],
            }
        )
        session = assume(aws, "arn:aws:iam::444455556666:role/rotator")

        users = aws.client("iam", **session).list_users()["Users"]

        assert [user["UserName"] for user in users] == ["there"]
        assert aws.client("sts", **session).get_caller_identity()["Account"] == "444455556666"


class TestSecrets:
    """Secrets Manager, where moto differs."""

    def test_labels_move_as_they_should(self, aws: LocalAws) -> None:
        """A pending version becomes current, the current one previous (reference)."""
        secretsmanager = aws.client("secretsmanager")
        first = secretsmanager.create_secret(Name="ci", SecretString="1")["VersionId"]
        second = secretsmanager.put_secret_value(
            SecretId="ci", SecretString="2", VersionStages=["AWSPENDING"]
        )["VersionId"]

        secretsmanager.update_secret_version_stage(
            SecretId="ci",
            VersionStage="AWSCURRENT",
            MoveToVersionId=second,
            RemoveFromVersionId=first,
        )

        current = secretsmanager.get_secret_value(SecretId="ci")
        previous = secretsmanager.get_secret_value(SecretId="ci", VersionStage="AWSPREVIOUS")
        assert (current["SecretString"], previous["SecretString"]) == ("2", "1")

    @pytest.mark.parametrize("action", ["create", "put", "move"])
    def test_secret_scheduled_for_deletion_is_closed(self, aws: LocalAws, action: str) -> None:
        """InvalidRequestException (reference: each of the three)."""
        secretsmanager = aws.client("secretsmanager")
        secretsmanager.create_secret(Name="ci", SecretString="1")
        secretsmanager.delete_secret(SecretId="ci")
        calls: dict[str, tuple[Callable[..., Any], dict[str, str]]] = {
            "create": (secretsmanager.create_secret, {"Name": "ci", "SecretString": "2"}),
            "put": (secretsmanager.put_secret_value, {"SecretId": "ci", "SecretString": "2"}),
            "move": (
                secretsmanager.update_secret_version_stage,
                {"SecretId": "ci", "VersionStage": "AWSCURRENT"},
            ),
        }
        call, parameters = calls[action]

        assert code_of(call, **parameters) == ("InvalidRequestException", 400)

    @pytest.mark.parametrize(("size", "fits"), [(65536, True), (65537, False)])
    def test_secret_has_a_limit(self, aws: LocalAws, size: int, fits: bool) -> None:
        """65536 bytes (quotas of Secrets Manager)."""
        create: Any = aws.client("secretsmanager").create_secret
        secret = {"Name": "ci", "SecretString": "x" * size}

        if fits:
            assert create(**secret)["Name"] == "ci"
        else:
            assert code_of(create, **secret) == ("ValidationException", 400)


class TestParameters:
    """Parameter Store, where moto takes what AWS refuses."""

    @pytest.mark.parametrize(
        ("before", "after", "expected"),
        [
            pytest.param({}, {}, None, id="the same once more"),
            pytest.param(
                {"Type": "String"},
                {"Type": "SecureString"},
                ("HierarchyTypeMismatchException", 400),
                id="another type",
            ),
            pytest.param(
                {"Type": "SecureString"},
                {"Type": "String"},
                ("HierarchyTypeMismatchException", 400),
                id="a type that is not secret",
            ),
            pytest.param(
                {"Tier": "Advanced"},
                {"Tier": "Standard"},
                ("ValidationException", 400),
                id="a lower tier",
            ),
            pytest.param({}, {"Value": "x" * 4096}, None, id="four kilobytes"),
            pytest.param(
                {}, {"Value": "x" * 4097}, ("ValidationException", 400), id="and one more"
            ),
            pytest.param({}, {"Tier": "Advanced", "Value": "x" * 8192}, None, id="eight kilobytes"),
            pytest.param(
                {"Tier": "Advanced"},
                {"Value": "x" * 8193},
                ("ValidationException", 400),
                id="eight and one more",
            ),
            pytest.param(
                {}, {"Value": "{{other}}"}, ("ValidationException", 400), id="another in its value"
            ),
        ],
    )
    def test_overwriting_is_limited(
        self,
        aws: LocalAws,
        before: dict[str, str],
        after: dict[str, str],
        expected: tuple[str, int] | None,
    ) -> None:
        """Types, tiers and sizes (reference: PutParameter)."""
        put: Any = getattr(aws.client("ssm"), "put_parameter")  # noqa: B009 - the stubs lack it
        parameter = {"Name": "/ci/one", "Type": "SecureString", "Value": "1"}
        put(**{**parameter, **before})
        again = {**parameter, **before, "Overwrite": True, **after}
        if expected is None:
            assert put(**again)["Version"] == 2
        else:
            assert expected == code_of(put, **again)
