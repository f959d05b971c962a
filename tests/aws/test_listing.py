"""What moto cannot show: pages, refusals, and answers that are none."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from rotator.errors import AccessDenied, OutcomeUnknown, ReadError, Rejected
from rotator.model import KeyStatus, NeverUsed, UsedAt, UseUnknown
from tests.aws import loopback
from tests.aws.loopback import KEY_ID, answer, error, in_turn, listed, page, plain

if TYPE_CHECKING:
    from collections.abc import Callable

    from rotator.aws.accounts import Entered
    from rotator.aws.iam import Iam
    from tests.aws.conftest import Counted, Enter
    from tests.aws.loopback import Loopback, Reply

OTHER = "AKIALOOPBACK00000002"
THIRD = "AKIALOOPBACK00000003"
ROLE = loopback.identity("arn:aws:sts::111122223333:assumed-role/rotator/rotator")


@pytest.fixture
def iam(entered: Entered) -> Iam:
    return entered.iam


@pytest.mark.parametrize(
    ("replies", "expected"),
    [
        pytest.param(in_turn(listed()), [], id="no key"),
        pytest.param(
            in_turn(
                listed((KEY_ID, "Active"), truncated=True, marker="a"),
                listed((OTHER, "Inactive")),
            ),
            [KEY_ID, OTHER],
            id="two pages",
        ),
        pytest.param(
            in_turn(
                listed((KEY_ID, "Active"), truncated=True, marker="a"),
                listed(truncated=True, marker="b"),
                listed((OTHER, "Inactive"), (THIRD, "Active")),
            ),
            [KEY_ID, OTHER, THIRD],
            id="an empty page in the middle",
        ),
        pytest.param(
            in_turn(listed((KEY_ID, "Active"), truncated=None)),
            [KEY_ID],
            id="a page that does not speak of others",
        ),
    ],
)
def test_every_page_is_read(
    aws: Loopback, iam: Iam, replies: list[Reply], expected: list[str]
) -> None:
    """A page may be short and not be the last; only IsTruncated tells."""
    aws.replies["ListAccessKeys"] = replies

    assert [key.key_id for key in iam.list_keys("alice")] == expected


A_KEY = (KEY_ID, "Active")


@pytest.mark.parametrize(
    "replies",
    [
        pytest.param(
            in_turn(listed(A_KEY, truncated=True, marker="a")), id="the same marker for ever"
        ),
        pytest.param(
            in_turn(
                *[listed(A_KEY, truncated=True, marker=marker) for marker in "abab"], listed(A_KEY)
            ),
            id="markers that go in a circle",
        ),
        pytest.param(in_turn(listed(A_KEY, truncated=True)), id="more to come and no marker"),
        pytest.param(in_turn(listed(A_KEY, marker="a")), id="a marker and nothing more to come"),
        pytest.param(
            in_turn(listed(A_KEY, truncated=True, marker="a"), error(403, "AccessDenied")),
            id="forbidden after the first page",
        ),
        pytest.param(
            in_turn(listed(A_KEY, truncated=True, marker="a"), plain(200, "")),
            id="an empty answer after the first page",
        ),
        pytest.param(in_turn(answer("ListAccessKeys", "<Other/>")), id="a page without a list"),
        pytest.param(in_turn(answer("ListAccessKeys")), id="an answer without a result"),
        pytest.param(in_turn(plain(200, "<html/>")), id="a captive portal"),
        pytest.param(
            in_turn(
                page(
                    "ListAccessKeys",
                    "AccessKeyMetadata",
                    "<member><Status>Active</Status></member>",
                )
            ),
            id="a key without an id",
        ),
        pytest.param(
            in_turn(
                page(
                    "ListAccessKeys",
                    "AccessKeyMetadata",
                    f"<member><AccessKeyId>{KEY_ID}</AccessKeyId><Status>Active</Status></member>",
                )
            ),
            id="a key without a date",
        ),
    ],
)
def test_a_listing_that_breaks_off_is_no_listing(
    aws: Loopback, iam: Iam, replies: list[Reply]
) -> None:
    """A key that was not read is not absent."""
    aws.replies["ListAccessKeys"] = replies

    with pytest.raises(ReadError):
        iam.list_keys("alice")


def test_an_expired_key_is_not_active(aws: Loopback, iam: Iam) -> None:
    """`Expired` is a status of the API that nobody has seen on an access key."""
    aws.replies["ListAccessKeys"] = listed((KEY_ID, "Expired"))

    assert [key.status for key in iam.list_keys("alice")] == [KeyStatus.EXPIRED]


def test_an_unknown_status_is_doubt(aws: Loopback, iam: Iam) -> None:
    """It is neither Active nor Inactive, so nothing may be concluded; the key is named, masked."""
    aws.replies["ListAccessKeys"] = listed((KEY_ID, "Suspended"))

    with pytest.raises(ReadError, match=r"…0001.*'Suspended'") as caught:
        iam.list_keys("alice")

    assert KEY_ID not in str(caught.value)


USED = "<LastUsedDate>2026-11-01T10:00:00Z</LastUsedDate>"
NOWHERE = "<Region>N/A</Region><ServiceName>N/A</ServiceName>"


def last_used(inside: str) -> Reply:
    told = f"<UserName>alice</UserName><AccessKeyLastUsed>{inside}</AccessKeyLastUsed>"
    return answer("GetAccessKeyLastUsed", told)


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        pytest.param(last_used(NOWHERE), NeverUsed, id="never, as AWS says it"),
        pytest.param(
            last_used(f"{USED}<Region>eu-north-1</Region><ServiceName>s3</ServiceName>"),
            UsedAt,
            id="used",
        ),
        pytest.param(last_used(USED), UsedAt, id="used, nobody knows where"),
        pytest.param(
            last_used("<Region>eu-north-1</Region><ServiceName>s3</ServiceName>"),
            UseUnknown,
            id="a service without a date",
        ),
        pytest.param(last_used(""), UseUnknown, id="an empty record"),
        pytest.param(
            answer("GetAccessKeyLastUsed", "<UserName>alice</UserName>"), UseUnknown, id="no record"
        ),
        pytest.param(
            last_used(f"<LastUsedDate>soon</LastUsedDate>{NOWHERE}"), UseUnknown, id="no date"
        ),
        pytest.param(error(403, "AccessDenied"), UseUnknown, id="forbidden, or a key not known"),
        pytest.param(error(404, "NoSuchEntity"), UseUnknown, id="no such key"),
        pytest.param(error(500, "ServiceFailure"), UseUnknown, id="a failure"),
        pytest.param(in_turn(loopback.drop), UseUnknown, id="no answer"),
        pytest.param(plain(200, ""), UseUnknown, id="an empty answer"),
    ],
)
def test_only_aws_says_that_a_key_was_never_used(
    aws: Loopback, iam: Iam, reply: Reply, expected: type
) -> None:
    """Any failure is unknown: AWS answers AccessDenied where it does not know the key."""
    aws.replies["GetAccessKeyLastUsed"] = reply

    assert type(iam.last_use(KEY_ID)) is expected


def test_why_a_use_is_unknown_is_said(aws: Loopback, iam: Iam) -> None:
    aws.replies["GetAccessKeyLastUsed"] = error(403, "AccessDenied", "not authorized")

    expected = UseUnknown(
        "could not read the last use of access key …0001:"
        " AWS answered 403 AccessDenied: not authorized"
    )
    assert iam.last_use(KEY_ID) == expected


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        pytest.param(error(403, "AccessDenied"), AccessDenied, id="forbidden"),
        pytest.param(error(400, "ValidationError"), ReadError, id="refused"),
        pytest.param(plain(404, ""), ReadError, id="a 404 of somebody in between"),
        pytest.param(error(500, "NoSuchEntity"), ReadError, id="a failure that says it is gone"),
        pytest.param(
            answer("GetUser", "<User><UserName>alice</UserName></User>"),
            ReadError,
            id="a user without an id",
        ),
        pytest.param(answer("GetUser", "<Other/>"), ReadError, id="no user and no error"),
        pytest.param(plain(200, ""), ReadError, id="an empty answer"),
    ],
)
def test_only_no_such_entity_says_that_a_user_is_gone(
    aws: Loopback, iam: Iam, reply: Reply, expected: type[ReadError]
) -> None:
    """A user that could not be read is still there."""
    aws.replies["GetUser"] = reply

    with pytest.raises(ReadError) as caught:
        iam.get_user("alice")

    assert type(caught.value) is expected


def member(name: str, inside: str = "") -> str:
    return (
        f"<member><UserName>{name}</UserName><UserId>AIDA{name.upper()}</UserId><Path>/</Path>"
        f"<Arn>arn:aws:iam::111122223333:user/{name}</Arn>{inside}</member>"
    )


DETAILS = "GetAccountAuthorizationDetails"
TAGS = "<member><Key>team</Key><Value>blue</Value></member>"
GROUPS = "<member><GroupName>deployers</GroupName></member>"


@pytest.fixture
def without_details(aws: Loopback) -> None:
    """An account in which GetAccountAuthorizationDetails is forbidden."""
    aws.replies |= {
        DETAILS: error(403, "AccessDenied"),
        "ListUsers": in_turn(
            page("ListUsers", "Users", member("alice"), truncated=True, marker="a"),
            page("ListUsers", "Users", member("bob")),
        ),
        "ListUserTags": page("ListUserTags", "Tags", TAGS),
        "ListGroupsForUser": page("ListGroupsForUser", "Groups", GROUPS),
    }


def test_all_pages_of_the_details_are_read(aws: Loopback, iam: Iam) -> None:
    """A thousand users come in one answer, five thousand in five."""
    aws.replies[DETAILS] = in_turn(
        page(DETAILS, "UserDetailList", member("alice"), truncated=True, marker="a"),
        page(DETAILS, "UserDetailList", member("bob")),
    )

    assert [user.name for user in iam.users(groups=True, tags=True)] == ["alice", "bob"]
    assert aws.arrived("ListUsers") == 0


@pytest.mark.parametrize(
    ("groups", "tags", "asked"),
    [
        pytest.param(False, False, (0, 0), id="neither"),
        pytest.param(False, True, (2, 0), id="tags"),
        pytest.param(True, False, (0, 2), id="groups"),
        pytest.param(True, True, (2, 2), id="both"),
    ],
)
def test_without_the_details_only_what_is_wanted_is_asked(
    aws: Loopback, iam: Iam, without_details: None, groups: bool, tags: bool, asked: tuple[int, int]
) -> None:
    """One call for each user and question; what was not asked is not known."""
    users = iam.users(groups=groups, tags=tags)

    assert [user.name for user in users] == ["alice", "bob"]
    assert (aws.arrived("ListUserTags"), aws.arrived("ListGroupsForUser")) == asked
    assert {user.groups for user in users} == {frozenset({"deployers"}) if groups else None}
    assert [user.tags for user in users] == [{"team": "blue"} if tags else {}] * 2
    assert {user.attached_policies for user in users} == {None}


@pytest.mark.parametrize(
    "broken",
    [
        pytest.param({DETAILS: error(500, "ServiceFailure")}, id="the details fail"),
        pytest.param({DETAILS: plain(200, "<html/>")}, id="the details are of a captive portal"),
        pytest.param(
            {DETAILS: page(DETAILS, "UserDetailList", member("alice"), truncated=True, marker="a")},
            id="the details go in a circle",
        ),
        pytest.param({"ListUsers": error(403, "AccessDenied")}, id="users are forbidden too"),
        pytest.param(
            {
                "ListUsers": in_turn(
                    page("ListUsers", "Users", member("alice"), truncated=True, marker="a"),
                    error(500, "ServiceFailure"),
                )
            },
            id="the second page of users fails",
        ),
        pytest.param({"ListUserTags": error(403, "AccessDenied")}, id="tags are forbidden"),
        pytest.param(
            {
                "ListUserTags": in_turn(
                    page("ListUserTags", "Tags", TAGS), error(404, "NoSuchEntity")
                )
            },
            id="a user is renamed meanwhile",
        ),
        pytest.param({"ListGroupsForUser": plain(200, "")}, id="groups are an empty answer"),
    ],
)
def test_a_list_of_users_that_breaks_off_is_none(
    aws: Loopback, iam: Iam, without_details: None, broken: dict[str, Reply | list[Reply]]
) -> None:
    """A user, tag or group that was not read would be taken for "gone" or "not excluded"."""
    aws.replies |= broken

    with pytest.raises(ReadError):
        iam.users(groups=True, tags=True)


def test_reading_goes_on_after_a_failure(aws: Loopback, enter: Enter, counted: Counted) -> None:
    """A request that only reads may be repeated; each attempt is counted."""
    iam = enter().iam
    aws.replies["ListAccessKeys"] = in_turn(error(500, "ServiceFailure"), listed(A_KEY))

    assert len(iam.list_keys("alice")) == 1
    assert counted.told[-2:] == [
        ("default", "iam:ListAccessKeys", "unknown"),
        ("default", "iam:ListAccessKeys", "ok"),
    ]


def test_reading_ends_after_as_many_failures_as_its_time_allows(aws: Loopback, iam: Iam) -> None:
    """Everything has a bound."""
    aws.replies["GetUser"] = error(500, "ServiceFailure")

    with pytest.raises(ReadError, match="the answer was 500 ServiceFailure"):
        iam.get_user("alice")

    assert aws.arrived("GetUser") == 2


CHANGES = {
    "UpdateAccessKey": lambda iam: iam.set_status("alice", KEY_ID, KeyStatus.INACTIVE),
    "DeleteAccessKey": lambda iam: iam.delete_key("alice", KEY_ID),
}


@pytest.mark.parametrize("action", CHANGES)
@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        pytest.param(loopback.drop, OutcomeUnknown, id="a dropped answer"),
        pytest.param(loopback.silence, OutcomeUnknown, id="no answer in time"),
        pytest.param(error(500, "ServiceFailure"), OutcomeUnknown, id="a failure"),
        pytest.param(plain(200, ""), OutcomeUnknown, id="an empty answer"),
        pytest.param(plain(200, "<html/>"), OutcomeUnknown, id="a captive portal"),
        pytest.param(error(404, "NoSuchEntity"), Rejected, id="no such key or user"),
        pytest.param(error(400, "Throttling"), Rejected, id="throttled"),
        pytest.param(error(403, "AccessDenied"), Rejected, id="forbidden"),
    ],
)
def test_updates_and_deletions_are_sent_once_too(
    aws: Loopback, iam: Iam, action: str, reply: Reply, expected: type[Exception]
) -> None:
    """What is repeated, and when, is decided by what is then seen."""
    aws.replies[action] = reply
    change: Callable[[Iam], None] = CHANGES[action]

    with pytest.raises(expected):
        change(iam)

    assert aws.arrived(action) == 1


def test_a_role_must_say_whose_keys(aws: Loopback, enter: Enter) -> None:
    """A role has none of its own, so nothing is sent."""
    aws.replies["GetCallerIdentity"] = ROLE
    iam = enter().iam

    for change in (
        lambda: iam.create_key(None),
        lambda: iam.set_status(None, KEY_ID, KeyStatus.ACTIVE),
        lambda: iam.delete_key(None, KEY_ID),
    ):
        with pytest.raises(Rejected, match="say which user"):
            change()
    for reading in (lambda: iam.list_keys(None), lambda: iam.get_user(None)):
        with pytest.raises(ReadError, match="say which user"):
            reading()

    assert {request.action for request in aws.requests} == {"GetCallerIdentity"}


def test_a_create_says_for_which_rotation(aws: Loopback, iam: Iam) -> None:
    """CloudTrail shows the user agent; only this one request carries the rotation."""
    iam.create_key("alice", rotation_id="r-42")
    iam.delete_key("alice", KEY_ID)

    agents = {request.action: request.headers["User-Agent"] for request in aws.requests}
    assert agents["CreateAccessKey"].endswith(" rotation/r-42")
    assert "rotator/" in agents["CreateAccessKey"]
    assert "rotation/" not in agents["DeleteAccessKey"]


def test_a_change_has_a_connection_of_its_own(aws: Loopback, iam: Iam) -> None:
    """A kept one may be closed already, and then nobody knows whether the request arrived."""
    aws.replies["ListAccessKeys"] = listed()
    iam.create_key("alice")
    iam.list_keys("alice")

    kept = {request.action: request.headers.get("Connection") for request in aws.requests}
    assert kept == {"CreateAccessKey": "close", "ListAccessKeys": None}


def test_what_an_answer_lacks_is_said(aws: Loopback, iam: Iam) -> None:
    """Whoever runs something between us and AWS can look for it."""
    aws.replies["ListAccessKeys"] = answer("ListAccessKeys", "<Other/>")

    with pytest.raises(ReadError, match="the answer of AWS has no AccessKeyMetadata"):
        iam.list_keys("alice")


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        pytest.param(last_used(NOWHERE), "alice", id="its user is named"),
        pytest.param(error(403, "AccessDenied"), None, id="forbidden, or a key not known"),
        pytest.param(error(404, "NoSuchEntity"), None, id="no such key"),
    ],
)
def test_whose_a_key_is(aws: Loopback, iam: Iam, reply: Reply, expected: str | None) -> None:
    """IAM names the user along with the last use; it denies what it does not know."""
    aws.replies["GetAccessKeyLastUsed"] = reply

    assert iam.owner_of(KEY_ID) == expected


def test_a_failure_says_nothing_about_whose_a_key_is(aws: Loopback, iam: Iam) -> None:
    """An error is no answer."""
    aws.replies["GetAccessKeyLastUsed"] = error(400, "Throttled")

    with pytest.raises(ReadError, match=r"ask whose access key …0001 is"):
        iam.owner_of(KEY_ID)
