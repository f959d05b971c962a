"""The format `ses-smtp`: the password that AWS's published algorithm gives, and nothing to read."""

from __future__ import annotations

import json

import pytest
from pydantic import ValidationError

from rotator.formats.ses_smtp import SesSmtpFormat, smtp_password
from rotator.model import Credential, Empty, Secret, Stranger

KEY = Credential("AKIAIOSFODNN7EXAMPLE", Secret("some+secret+key"), "bob", "123456789012")
FORMAT = SesSmtpFormat(region="eu-central-1")


@pytest.mark.parametrize(
    ("region", "secret", "expected"),
    [
        ("eu-central-1", "some+secret+key", "BMXhUYlu5Z3gSXVQORxlVa7XPaz91aGWdfHxvkOZdWZ2"),
        ("eu-central-1", "another+secret+key", "BBbphbrQmrKMx42d1N6+C7VINYEBGI5v9VsZeTxwskfh"),
        ("us-west-1", "some+secret+key", "BH+jbMzper5WwlwUar9E1ySBqHa9whi0GPo+sJ0mVYJj"),
        ("us-west-1", "another+secret+key", "BKVmjjMDFk/qqw8EROW99bjCS65PF8WKvK5bSr4Y6EqF"),
    ],
)
def test_a_password_is_what_others_derive(region: str, secret: str, expected: str) -> None:
    """The vectors of HashiCorp's AWS provider, whose resource derives it too."""
    assert expected == smtp_password(Secret(secret), region)


def test_user_name_and_password_stand_in_one_object() -> None:
    """Other fields of it stay, and writing twice is writing once."""
    fmt = SesSmtpFormat(
        region="us-west-1",
        fields={"user": "username", "pass": "password"},
        constants={"host": "email-smtp.us-west-1.amazonaws.com", "port": 587},
    )
    once = fmt.render(KEY, '{"from": "ops@example.com", "pass": "old"}')

    assert json.loads(once) == {
        "from": "ops@example.com",
        "host": "email-smtp.us-west-1.amazonaws.com",
        "port": 587,
        "user": KEY.access_key_id,
        "pass": "BH+jbMzper5WwlwUar9E1ySBqHa9whi0GPo+sJ0mVYJj",
    }
    assert fmt.render(KEY, once) == once
    assert KEY.secret_access_key.reveal() not in once


def test_nothing_is_read_back() -> None:
    assert FORMAT.one_way
    assert isinstance(FORMAT.read(FORMAT.render(KEY, None)), Stranger)
    assert FORMAT.read('{"other": 1}') == Empty()
    assert isinstance(FORMAT.read("no JSON"), Stranger)


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        pytest.param({}, "region", id="no region"),
        pytest.param({"region": "Ireland"}, "region", id="what is no region"),
        pytest.param(
            {"region": "eu-west-1", "fields": {"u": "username"}},
            "no name for password",
            id="no password",
        ),
        pytest.param(
            {"region": "eu-west-1", "constants": {"SMTP_PASSWORD": "x"}},
            "both a field and a constant",
            id="a constant in place of the password",
        ),
        pytest.param(
            {"region": "eu-west-1", "fields": {"u": "secret"}}, "username", id="the secret itself"
        ),
    ],
)
def test_what_nobody_could_use_is_refused(given: dict[str, object], complaint: str) -> None:
    with pytest.raises(ValidationError, match=complaint):
        SesSmtpFormat.model_validate(given)
