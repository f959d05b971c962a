"""A secret shows itself to nobody who has not asked for it by name."""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING

import pytest

from rotator.model import Credential, Secret

if TYPE_CHECKING:
    from collections.abc import Callable

SECRET = "wJalrXUtnFEMIEXAMPLEKEY"
CREDENTIAL = Credential("AKIAEXAMPLE000000001", Secret(SECRET), "alice", "123456789012")


@pytest.mark.parametrize(
    "show",
    [
        pytest.param(repr, id="repr"),
        pytest.param(str, id="str"),
        pytest.param("{0}".format, id="format"),
        pytest.param("{0!r:>80}".format, id="format of its repr"),
        pytest.param(lambda shown: f"{[shown]}", id="in a list"),
    ],
)
def test_no_text_of_it_holds_it(show: Callable[[object], str]) -> None:
    """Whatever makes a text of a credential, or of its secret, makes one without it."""
    assert SECRET not in show(CREDENTIAL)
    assert SECRET not in show(CREDENTIAL.secret_access_key)


def test_it_is_never_serialised() -> None:
    """Nor does a pickle hold it, that some other process may read."""
    with pytest.raises(TypeError, match="never serialised"):
        pickle.dumps(CREDENTIAL.secret_access_key)
