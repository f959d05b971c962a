"""No text whatever makes the loader do anything but load or tell what is wrong."""

from __future__ import annotations

import contextlib
import json
import time
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rotator.config import load
from rotator.errors import ConfigError
from tests.config.test_loading import WHOLE
from tests.config.worlds import ENVIRON, SECRET, TABLES

WORDS = sorted({word.strip("[]{}:,\"'") for word in WHOLE.split()} - {""})
ODD = [
    "", "\t", "-", ": ", "? ", "- ", "\n", "  ", "&a ", "*a", "!x ", "|", ">", "'", '"', "[", "]",
    "{", "}", ",", "#", "%", "${", "${EXTERNAL_ID}", "${NO}", "${file:x}", "$${", "---\n", "...\n",
    "<<: ", "~", "null", "true", "0x1f", "1e9", ".nan", ".inf", "0s", "-1d", "\x00", "\ud7ff",
    "\U0001f511", "\u202e", "\\", '"\\ud800"', '"\\UFFFFFFFF"', "\ufeff", "\x85", "=",
]  # fmt: skip
YAMLISH = st.lists(st.sampled_from(WORDS + ODD * 3), max_size=60).map("".join)
SPACED = st.lists(st.sampled_from(WORDS + ODD), max_size=60).map(" ".join)
NAMES = st.sampled_from([word.strip("- ") for word in WORDS if word.isidentifier()])
LEAVES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.sampled_from(WORDS + ODD), st.text()
)
TREES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(NAMES | st.text(max_size=3), inner, max_size=6)
    ),
    max_leaves=40,
)


@st.composite
def damaged(draw: st.DrawFn) -> str:
    """A right configuration with a part replaced."""
    begin = draw(st.integers(0, len(WHOLE)))
    end = draw(st.integers(begin, min(len(WHOLE), begin + 30)))
    return WHOLE[:begin] + draw(st.sampled_from(ODD + WORDS) | st.text(max_size=5)) + WHOLE[end:]


def tell(content: bytes) -> None:
    """Load it; every problem has a place in the file, and shows no secret."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "rotator.yaml"
        path.write_bytes(content)
        try:
            load(path, environ=ENVIRON, tables=TABLES)
        except ConfigError as exc:
            for problem in exc.problems:
                assert problem.file == str(path)
                assert problem.line >= 1
                assert problem.column >= 1
                assert "\n" not in problem.sentence
                assert "pydantic" not in problem.sentence
                assert SECRET not in problem.sentence
                assert "hunter2" not in problem.sentence


@pytest.mark.slow
@settings(max_examples=400)
@given(damaged() | YAMLISH | SPACED)
def test_text(text: str) -> None:
    """Damaged files, and heaps of YAML's tokens."""
    tell(text.encode("utf-8", "surrogatepass"))


@pytest.mark.slow
@settings(max_examples=300)
@given(TREES)
def test_trees(tree: object) -> None:
    """Well-formed values of any shape under names that mean something here."""
    tell(json.dumps({"policies": [tree], "accounts": tree, "timing": tree}).encode())
    tell(json.dumps(tree, ensure_ascii=False).encode("utf-8", "surrogatepass"))


@settings(max_examples=60)
@given(st.binary(max_size=200))
def test_bytes(content: bytes) -> None:
    """Bytes that are no text at all."""
    tell(content)


@settings(max_examples=60)
@given(st.text(alphabet=st.characters(codec="utf-8"), min_size=8, max_size=90))
def test_any_secret(secret: str) -> None:
    """A value from the environment is never shown, whatever it is made of."""
    text = WHOLE.replace("12w", "${EXTERNAL_ID}").replace('"{user}/a"', "${EXTERNAL_ID}")
    with TemporaryDirectory() as folder, contextlib.suppress(UnicodeEncodeError):
        path = Path(folder) / "rotator.yaml"
        path.write_text(text)
        with pytest.raises(ConfigError) as caught:
            load(path, environ={"EXTERNAL_ID": secret}, tables=TABLES)
        assert secret not in str(caught.value).replace(str(path), "")


EXAMPLES = sorted((Path(__file__).parents[2] / "config").glob("*.yaml"))


@st.composite
def torn(draw: st.DrawFn) -> bytes:
    """The bytes of a real example, some of them changed, doubled or left out."""
    raw = draw(st.sampled_from(EXAMPLES)).read_bytes()
    for _ in range(draw(st.integers(1, 4))):
        begin = draw(st.integers(0, len(raw)))
        end = draw(st.integers(begin, min(len(raw), begin + 30)))
        put = draw(st.binary(max_size=4) | st.just(raw[begin:end] * 2) | st.just(b"${EXTERNAL_ID}"))
        raw = raw[:begin] + put + raw[end:]
    return raw


@pytest.mark.slow
@settings(max_examples=150)
@given(torn())
def test_torn_examples(content: bytes) -> None:
    """What people really have, damaged by an editor, a merge or a disk."""
    tell(content)


def _of_ten(lines: str) -> bytes:
    """Nine levels, each ten times the one before."""
    names = "abcdefghij"
    levels = [
        lines.replace("NEW", new).replace("OLD", ", ".join([f"*{old}"] * 10))
        for old, new in pairwise(names)
    ]
    return ("a: &a {x: 1}\n" + "".join(levels)).encode()


@pytest.mark.slow
@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"[" * 100_000, id="lists in lists"),
        pytest.param(b"{a: " * 20_000, id="fields in fields"),
        pytest.param(_of_ten("NEW: &NEW [OLD]\n"), id="a billion laughs"),
        pytest.param(_of_ten("NEW: &NEW {<<: [OLD]}\n"), id="a billion merges"),
        pytest.param(b"a: &a [*a]", id="a list in itself"),
        pytest.param(b"version: " + b"9" * 100_000, id="a number without an end"),
        pytest.param(b"- &x y\n" * 30_000, id="an anchor again and again"),
        pytest.param(b'"' * 300_000, id="quotes"),
        pytest.param(b": " * 50_000, id="colons"),
        pytest.param(b"a" * (2 << 20), id="two megabytes"),
    ],
)
def test_no_file_takes_long(content: bytes) -> None:
    """A second or so on an idle machine, and no more memory than its own size a few times."""
    begun = time.process_time()
    tell(content)

    assert time.process_time() - begun < 15
