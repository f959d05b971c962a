"""The sections that say which AWS accounts there are, and how each is entered."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from rotator.config.fields import (
    AccountId,
    Given,
    Kind,
    Region,
    RoleArn,
    RoleName,
    Text,
    UnitId,
)
from rotator.config.section import Section, StandIns

__all__ = ["AccountSection", "AccountTagsSection", "OrganizationSection"]

_Rate = Annotated[float, Field(ge=0.1, le=1000), Kind("number")]


class OrganizationSection(Section):
    """The accounts of an AWS organization, found by themselves."""

    noun = "an organization"
    stand_ins: ClassVar[StandIns] = {"role_name": "rotator"}

    role_name: RoleName = Field(
        description="The role that is assumed in each account, by its name."
    )
    units: Given[Annotated[list[UnitId], Field(min_length=1)]] = Field(
        None,
        description="Organizational units, with all that is in them; the whole organization where"
        " not given.",
    )
    tag: Given[Annotated[dict[str, Text], Kind("mapping of text to text")]] = Field(
        None, description="Tags that an account must have, all of them; the values are globs."
    )
    exclude: Given[list[AccountId]] = Field(
        None,
        description=(
            "Ids of accounts that are never entered. One that is not in the organization stops all"
            " of it: a slip of the pen must not let an account in."
        ),
    )


class AccountSection(Section):
    """How an AWS account is entered; `{}` is by the credentials that the environment has."""

    noun = "an account"

    organization: Given[OrganizationSection] = Field(
        None,
        description="Not one account, but those of an organization; without `role_arn`. The other"
        " fields are those of each of them.",
    )
    role_arn: Given[RoleArn] = Field(None, description="The role to assume.")
    external_id: Given[Text] = Field(
        None, description="The external id that the role's trust asks for."
    )
    region: Given[Region] = Field(
        None, description="The region to sign in for; that of the AWS settings where not given."
    )
    rate: Given[_Rate] = Field(
        None,
        description=(
            "How many requests a second may read there, which people and other tools share; a tenth"
            " of them may change. Where not given, what the account bears is found out, up to 20."
        ),
    )


class AccountTagsSection(Section):
    """Which accounts of organizations, by their tags."""

    noun = "`accounts`"
    stand_ins: ClassVar[StandIns] = {"tag": {"?": "?"}}

    tag: Annotated[dict[str, Text], Field(min_length=1), Kind("mapping of text to text")] = Field(
        description="Tags that an account must have, all of them; the values are globs."
    )
