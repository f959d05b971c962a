"""The behaviours of AWS that moto lacks and a rotator meets, one subclass per service of moto.

Each method names what AWS does (and how that is known) and what moto does. Nothing of moto is
patched but the four addresses in its routing tables, by `install`. What concerns the signing key
(unknown, Inactive, too young, wrong secret) is refused before moto is asked; see `local_aws_app`.

Left as they are in moto: policies are not evaluated, tags are not limited, there is no quota of
users, and the credential report has no root row.
"""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import UTC
from typing import TYPE_CHECKING, Any, ClassVar, cast

from moto.core.responses import ActionResult
from moto.iam import urls as iam_urls
from moto.iam.exceptions import DeleteConflictException, EntityAlreadyExists
from moto.iam.responses import IamResponse
from moto.iam.utils import generate_access_key_id_from_account_id
from moto.secretsmanager import urls as secretsmanager_urls
from moto.ssm import urls as ssm_urls
from moto.sts import urls as sts_urls
from moto.sts.responses import TokenResponse

from rotator.demo.local_aws_request import AwsError
from rotator.demo.moto_gaps_stores import FaithfulSecretsManager, FaithfulSsm

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from rotator.demo.local_aws_world import World

_PAGE_DEFAULT = 100
_PAGE_MAX = 1000
_USER_ID_LENGTH = 21


def new_user_id(account_id: str) -> str:
    """An id as IAM gives it: AIDA and the account in it (moto: 20 small letters and digits)."""
    return generate_access_key_id_from_account_id(account_id, "AIDA", _USER_ID_LENGTH)


class FaithfulIam(IamResponse):
    """IAM, where moto's is too kind, too quick or wrong."""

    world: ClassVar[World]

    def create_user(self) -> ActionResult:
        """Names are unique whatever their case, ids begin with AIDA, dates are whole seconds
        (IAM User Guide, quotas and identifiers); moto compares the case and has other ids.
        """
        name = self._get_param("UserName")
        self._refuse_taken(name)
        answer = super().create_user()
        user = self.backend.get_user(name)
        user.id = new_user_id(self.current_account)
        user.create_date = self.world.clock.second()
        return answer

    def update_user(self) -> ActionResult:
        """Keys, and tags, follow a user who is renamed or moved (recorded against AWS); in moto a
        key keeps the old name, so that DeleteAccessKey answers 200 and deletes nothing.
        """
        user = self.backend.get_user(self._get_param("UserName"))
        new_name = self._get_param("NewUserName")
        if new_name and new_name.casefold() != user.name.casefold():
            self._refuse_taken(new_name)
        old_arn = user.arn
        answer = super().update_user()
        for key in user.access_keys:
            key.user_name = user.name
        if user.arn != old_arn:
            self.backend.tagger.copy_tags(old_arn, user.arn)
            self.backend.tagger.delete_all_tags_for_resource(old_arn)
        return answer

    def delete_user(self) -> ActionResult:
        """A user who has keys or is in a group is DeleteConflict (API reference, DeleteUser);
        moto deletes, and leaves the keys.
        """
        user = self.backend.get_user(self._get_param("UserName"))
        if user.access_keys:
            raise DeleteConflictException("Cannot delete entity, must delete access keys first.")
        if user.group_list:
            raise DeleteConflictException(
                "Cannot delete entity, must remove users from group first."
            )
        return super().delete_user()

    def get_user(self) -> ActionResult:
        """Without UserName it is the user who signs; a role gets ValidationError (recorded against
        AWS). moto makes up a `default_user`.
        """
        return ActionResult({"User": self.backend.get_user(self._subject())})

    def create_access_key(self) -> ActionResult:
        """CreateDate is in whole seconds (API reference, examples); moto gives microseconds."""
        key = self.backend.create_access_key(self._subject())
        key.create_date = self.world.clock.second()
        return ActionResult({"AccessKey": key})

    def update_access_key(self) -> ActionResult:
        """Status is an enumeration (service model), and without UserName it is the user who signs
        (recorded against AWS). moto stores any word, and finds the owner by the key's id.
        """
        status = self._get_param("Status")
        if status not in {"Active", "Inactive"}:
            raise AwsError(
                "ValidationError",
                f"1 validation error detected: Value '{status}' at 'status' failed to satisfy "
                "constraint: Member must satisfy enum value set: [Active, Inactive]",
            )
        self.backend.update_access_key(self._subject(), self._get_param("AccessKeyId"), status)
        return ActionResult(None)

    def delete_access_key(self) -> ActionResult:
        """Without UserName it is the user who signs (recorded against AWS); moto deletes the key of
        anybody.
        """
        self.backend.delete_access_key(self._get_param("AccessKeyId"), self._subject())
        return ActionResult(None)

    def list_access_keys(self) -> ActionResult:
        """IsTruncated is always there, MaxItems and Marker are honoured, no order is promised (API
        reference); moto leaves the first out, ignores the second and lists the oldest first.
        """
        user_name = self._subject()
        keys = self.backend.list_access_keys(user_name)
        page, end = self._page(keys, lambda key: key.access_key_id)
        return ActionResult({"UserName": user_name, "AccessKeyMetadata": page, **end})

    def get_access_key_last_used(self) -> ActionResult:
        """An unknown key is 403 AccessDenied, and a use is shown minutes later (recorded against
        AWS); moto says NoSuchEntity, and shows at once, rejected requests too.
        """
        key_id = self._get_param("AccessKeyId")
        key = self.backend.access_keys.get(key_id)
        if key is None or key.user_name is None:
            caller = self.world.caller_arn(self.get_access_key())
            raise AwsError(
                "AccessDenied",
                f"User: {caller} is not authorized to perform: iam:GetAccessKeyLastUsed "
                f"on resource: access key {key_id}",
                403,
            )
        use = self.world.ledger.shown(key_id)
        last_used: dict[str, Any] = {"Region": "N/A", "ServiceName": "N/A"}
        if use:
            seen_at = use.at.astimezone(UTC).replace(microsecond=0, tzinfo=None)
            last_used = {
                "LastUsedDate": seen_at,
                "Region": use.region,
                "ServiceName": use.service,
            }
        return ActionResult({"UserName": key.user_name, "AccessKeyLastUsed": last_used})

    def list_users(self) -> ActionResult:
        """Pages of 100 unless MaxItems says otherwise (API reference); moto has one page."""
        users = self.backend.list_users(self._get_param("PathPrefix"), None, None)
        page, end = self._page(users, lambda user: user.name)
        return ActionResult({"Users": page, **end})

    def list_user_tags(self) -> ActionResult:
        """Pages (API reference); moto has one page."""
        tags = self.backend.list_user_tags(self._get_param("UserName"))
        page, end = self._page(tags or [], lambda tag: tag["Key"])
        return ActionResult({"Tags": page, **end})

    def list_groups_for_user(self) -> ActionResult:
        """Pages (API reference); moto has one page."""
        groups = self.backend.get_groups_for_user(self._get_param("UserName"))
        page, end = self._page(groups, lambda group: group.name)
        return ActionResult({"Groups": page, **end})

    def get_group(self) -> ActionResult:
        """Pages of users, IsTruncated always there (API reference); moto has one page without."""
        group = self.backend.get_group(self._get_param("GroupName"))
        page, end = self._page(group.users, lambda user: user.name)
        return ActionResult({"Group": group, "Users": page, **end})

    def get_account_authorization_details(self) -> ActionResult:
        """Pages over users, groups, roles and policies together (API reference); moto has one."""
        details = self.backend.get_account_authorization_details(self._get_param("Filter", []))
        names = {
            "UserDetailList": "users",
            "GroupDetailList": "groups",
            "RoleDetailList": "roles",
            "Policies": "managed_policies",
        }
        entries = [(kind, entry) for kind, name in names.items() for entry in details[name]]
        kinds = list(names)
        page, end = self._page(entries, lambda pair: f"{kinds.index(pair[0])}{pair[1].name}")
        lists = {kind: [entry for of, entry in page if of == kind] for kind in kinds}
        return ActionResult({**lists, **end})

    def get_credential_report(self) -> ActionResult:
        """GeneratedTime is when it was generated (API reference), last uses are shown late; moto
        says 2015-02-02 whatever the day, and shows them at once.
        """
        for user in self.backend.users.values():
            for key in user.access_keys:
                use = self.world.ledger.shown(key.access_key_id)
                # Whatever has a strftime is good enough for the report.
                key.last_used = cast("Any", use.at if use else None)
        content = self.backend.get_credential_report()
        return ActionResult(
            {
                "Content": content,
                "ReportFormat": "text/csv",
                "GeneratedTime": self.world.clock.second(),
            }
        )

    def _subject(self) -> str:
        """UserName, or else the user whose key signs the request."""
        name: str | None = self._get_param("UserName")
        if name:
            return name
        key = self.backend.access_keys.get(self.get_access_key())
        if key is None or key.user_name is None:
            raise AwsError(
                "ValidationError", "Must specify userName when calling with non-User credentials"
            )
        return key.user_name

    def _refuse_taken(self, name: str) -> None:
        if name.casefold() in {taken.casefold() for taken in self.backend.users}:
            raise EntityAlreadyExists(f"User with name {name} already exists.")

    def _page(
        self, entries: Iterable[Any], name: Callable[[Any], str]
    ) -> tuple[list[Any], dict[str, Any]]:
        """One page in the order of names, which a Marker can resume whatever came or went."""
        size = self._get_int_param("MaxItems", _PAGE_DEFAULT)
        if not 1 <= size <= _PAGE_MAX:
            raise AwsError("ValidationError", f"MaxItems is {size}, not between 1 and {_PAGE_MAX}")
        size = min(size, self.world.timing.page_max)
        after = _read_marker(self._get_param("Marker"))
        rest = [
            entry for entry in sorted(entries, key=name) if after is None or name(entry) > after
        ]
        page = rest[:size]
        if len(rest) <= size:
            return page, {"IsTruncated": False}
        marker = urlsafe_b64encode(name(page[-1]).encode()).decode()
        return page, {"IsTruncated": True, "Marker": marker}


class FaithfulSts(TokenResponse):
    """STS, where moto's lets everybody be anybody."""

    world: ClassVar[World]

    def assume_role(self) -> ActionResult:
        """A role that does not exist, or asks for another external id, is 403 AccessDenied (API
        reference, AssumeRole); moto gives a session of any role.
        """
        role_arn = self._get_param("RoleArn")
        role = self.world.role(role_arn)
        if role is None or not _trusts(
            json.loads(role.assume_role_policy_document), self._get_param("ExternalId")
        ):
            caller = self.world.caller_arn(self.get_access_key())
            raise AwsError(
                "AccessDenied",
                f"User: {caller} is not authorized to perform: sts:AssumeRole "
                f"on resource: {role_arn}",
                403,
            )
        answer = super().assume_role()
        session = cast("dict[str, Any]", answer.result)["Credentials"]
        session.expiration += self.world.clock.offset
        return answer

    def get_caller_identity(self) -> ActionResult:
        """A key that was just deleted is still its user's (see `--revoke-delay`); moto would say
        that it belongs to a user `moto`.
        """
        user = self.world.ledger.owner(self.get_access_key())
        if user is None:
            return super().get_caller_identity()
        return ActionResult({"UserId": user.id, "Account": user.account_id, "Arn": user.arn})


def _read_marker(marker: str | None) -> str | None:
    if marker is None:
        return None
    try:
        return urlsafe_b64decode(marker.encode()).decode()
    except ValueError as exc:
        raise AwsError("ValidationError", "Invalid Marker.") from exc


def _trusts(document: dict[str, Any], external_id: str | None) -> bool:
    """Does a trust policy of the local AWS ask for no external id, or for this one?"""
    wanted = [
        statement["Condition"]["StringEquals"]["sts:ExternalId"]
        for statement in document["Statement"]
        if "Condition" in statement
    ]
    return not wanted or external_id in wanted


def install(world: World) -> None:
    """Put the four services in the place of moto's own, before the first request is routed."""
    FaithfulIam.world = FaithfulSts.world = world
    iam_urls.url_paths["{0}/$"] = FaithfulIam.dispatch
    sts_urls.url_paths["{0}/$"] = FaithfulSts.dispatch
    secretsmanager_urls.url_paths["{0}/$"] = FaithfulSecretsManager.dispatch
    ssm_urls.url_paths["{0}/$"] = FaithfulSsm.dispatch
