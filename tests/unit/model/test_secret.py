"""Secrets as a type, and the passwords that addresses carry."""

from __future__ import annotations

import copy
import json
import pickle
import time
from urllib.parse import quote, urlsplit

import attrs
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pcswitcher.model.codec import dumps, to_json
from pcswitcher.model.secret import DOTS, Secret, mask

HEX = "0123456789ABCDEF"
UNRESERVED = "abzAZ09-._~"
SUB_DELIMITERS = "!$&'()*+,;="
# userinfo of RFC 3986, section 3.2.1: unreserved, percent-encoded, sub-delimiters, ":".
CHARACTERS = st.one_of(
    st.sampled_from(list(UNRESERVED + SUB_DELIMITERS + ":")),
    st.tuples(st.sampled_from(HEX), st.sampled_from(HEX)).map(lambda pair: "%" + "".join(pair)),
)
USERS = st.lists(CHARACTERS, min_size=1, max_size=20).map("".join)
SCHEMES = st.sampled_from(["http", "https", "ftp", "git+ssh", "socks5h", "x"])
HOSTS = st.sampled_from(["vega", "deb.example.org:8080", "[2001:db8::1]:443", "192.0.2.7"])
SURROUNDINGS = st.sampled_from(["", " ", "'", '"', "<", "(", "deb [arch=amd64] ", "URL=", "\n", "// ", "a@b "])
PATHS = st.sampled_from(["", "/", "/@scope/x", "?a=b@c", "#d", "/x//y"])


def test_a_secret_shows_itself_as_dots_everywhere() -> None:
    """L3, promise 9."""
    secret = Secret("hunter2")
    assert secret.reveal() == "hunter2"
    shown = [str(secret), repr(secret), f"{secret}", f"{secret:>9}", f"{secret!r}", repr([secret])]
    assert all("hunter2" not in text and DOTS in text for text in shown)
    assert not hasattr(secret, "__dict__")


def test_a_secret_leaves_the_process_in_no_form() -> None:
    """Promise 9."""
    for leave in (pickle.dumps, copy.copy, copy.deepcopy, json.dumps, attrs.asdict):
        with pytest.raises((TypeError, attrs.exceptions.NotAnAttrsClassError)):
            leave(Secret("hunter2"))  # type: ignore[operator]


@attrs.frozen
class _Holder:
    environment: dict[str, str | Secret]
    password: Secret


def test_a_secret_becomes_no_json_wherever_it_is_held() -> None:
    """L3, promise 9: neither on the wire nor in a record, a plan or a log."""
    for value in (Secret("x"), [Secret("x")], {"a": Secret("x")}, _Holder({}, Secret("x"))):
        for write in (to_json, dumps):
            with pytest.raises(TypeError, match="a secret becomes no JSON unless it is revealed"):
                write(value)
    with pytest.raises(TypeError):
        dumps(_Holder({"PASSWORD": Secret("x")}, Secret("y")).environment)


def test_secrets_are_equal_by_their_text_and_equal_to_nothing_else() -> None:
    assert Secret("a") == Secret("a")
    assert len({Secret("a"), Secret("a"), Secret("b")}) == 2
    assert Secret("a") != "a"


@given(SURROUNDINGS, SCHEMES, USERS, HOSTS, PATHS, SURROUNDINGS)
@example("", "https", "u:it's", "vega", "/", "")
def test_the_user_of_every_well_formed_address_is_hidden_and_nothing_else(
    before: str, scheme: str, user: str, host: str, path: str, after: str
) -> None:
    """L3, promise 9: RFC 3986 says what an address is, whatever stands around it."""
    blank = " " if after and not after.startswith((" ", "\n")) else ""  # a quote may be part of an address, a blank not
    assert urlsplit(f"{scheme}://{user}@{host}{path}").netloc == f"{user}@{host}"
    masked = mask(f"{before}{scheme}://{user}@{host}{path}{blank}{after}")
    assert masked == f"{before}{scheme}://{DOTS}@{host}{path}{blank}{after}"


@given(st.text(min_size=1).map(lambda text: quote(text, safe="")), SURROUNDINGS)
def test_any_password_that_is_encoded_as_it_should_be_is_hidden(password: str, around: str) -> None:
    """L3: whatever the password is."""
    assert mask(f"{around}ftp://sam:{password}@vega/{around}") == f"{around}ftp://{DOTS}@vega/{around}"


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("https://sam:p@ss@vega/x", "https://•••@vega/x"),
        ("https://sam:pa/ss@vega/x", "https://•••@vega/x"),
        ("https://sam:pa?ss@vega", "https://•••@vega"),
        ("https://sam:#@vega", "https://•••@vega"),
        ("https://sam:/@vega", "https://•••@vega"),
        ("https://ghp_token@vega/x.git", "https://•••@vega/x.git"),
        ("//sam:secret@vega/share", "//•••@vega/share"),
        (r"{'url':'https:\/\/sam:secret@vega\/x'}", r"{'url':'https:\/\/•••@vega\/x'}"),
        ("""curl 'https://sam:it'"'"'s@vega/'""", """curl 'https://•••@vega/'"""),
        ("https://a:b@x,https://c:d@y https://e:f@z", "https://•••@x,https://•••@y https://•••@z"),
        ("https:////sam:secret@vega", "https:////•••@vega"),
        ("http://x//sam:secret@vega", "http://x//•••@vega"),
    ],
)
def test_addresses_that_people_write_wrong_are_hidden_rather_too_much(text: str, masked: str) -> None:
    """L3, promise 9: percent-encoding is forgotten, quotes come from a shell, slashes are escaped by JSON."""
    assert mask(text) == masked


@pytest.mark.parametrize(
    "text",
    [
        "/home/sam/node_modules/@types/node/index.d.ts",
        "/home//sam/me@example.org",
        "http://vega:8080/@scope/x",
        "http://[::1]:80/a@b",
        "mail sam@vega or see https://vega/x",
        "https://vega, sam@vega",
        "",
        "//",
        "@",
        "https://@vega",
    ],
)
def test_what_holds_no_user_stays_as_it_is(text: str) -> None:
    assert mask(text) == text


@given(st.text(alphabet="/@:ab \\'\"%?#\n"))
def test_hiding_twice_hides_no_more_and_never_fails(text: str) -> None:
    assert mask(mask(text)) == mask(text)


def test_no_text_makes_it_slow() -> None:
    """L5: a megabyte of the worst kind takes less than ten seconds on a slow machine, not hours."""
    started = time.monotonic()
    for text in ("//:a" * 250_000 + " @", "//" * 500_000 + "@", "\\" * 1_000_000 + "//a@b", "//:x@" * 200_000):
        mask(text)
    assert time.monotonic() - started < 10
