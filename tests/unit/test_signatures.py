"""Secrets of deliveries are compared whole, and what is configured must fit."""

import base64
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr, ValidationError

from bot.domain.errors import Forged
from bot.kit.signatures import Credentials, SenderSettings, fresh, hmac_sha256, same

NOW = datetime(2026, 11, 23, 3, 10, tzinfo=UTC)


def basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def test_nothing_configured_can_not_tell() -> None:
    assert Credentials().check({"authorization": "Bearer whatever"}, "x") is False


@pytest.mark.parametrize("header", ["Bearer token-of-test", "bearer token-of-test", "Bearer  token-of-test "])
def test_the_right_bearer_token(header: str) -> None:
    assert Credentials(bearer=SecretStr("token-of-test")).check({"authorization": header}, "x") is True


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Bearer",
        "Bearer ",
        "Bearer token-of-tes",
        "Bearer token-of-test1",
        "Basic token-of-test",
        "token-of-test",
        "Bearer tökén",
    ],
)
def test_a_wrong_bearer_token(header: str) -> None:
    with pytest.raises(Forged) as caught:
        Credentials(bearer=SecretStr("token-of-test")).check({"authorization": header} if header else {}, "x")
    assert "token-of-test" not in str(caught.value)
    assert caught.value.system == "x"


def test_the_right_password() -> None:
    credentials = Credentials(user="bot", password=SecretStr("pä:ss"))
    assert credentials.check({"authorization": basic("bot", "pä:ss")}, "x") is True


@pytest.mark.parametrize(
    "header",
    [
        basic("bot", "wrong"),
        basic("other", "pass"),
        "Basic ???",
        "Basic",
        "",
        "Bearer " + basic("bot", "pass")[6:],
        "Basic é",
    ],
)
def test_a_wrong_password(header: str) -> None:
    with pytest.raises(Forged):
        Credentials(user="bot", password=SecretStr("pass")).check({"authorization": header}, "x")


@given(st.text(max_size=60))
def test_any_header_is_either_right_or_forged(header: str) -> None:
    with pytest.raises(Forged):
        Credentials(bearer=SecretStr("a-token-nobody-guesses")).check({"authorization": header}, "x")
    with pytest.raises(Forged):
        Credentials(user="u", password=SecretStr("p-nobody-guesses")).check({"authorization": header}, "x")


def test_settings_name_one_way() -> None:
    assert SenderSettings().credentials.check({}, "x") is False
    assert SenderSettings(bearer_token=SecretStr("t")).credentials.check({"authorization": "Bearer t"}, "x")
    for wrong in (
        {"basic_user": "bot"},
        {"basic_password": "p"},
        {"bearer_token": "t", "basic_user": "u", "basic_password": "p"},
        {"bearer_token": ""},
    ):
        with pytest.raises(ValidationError):
            SenderSettings.model_validate(wrong)


def test_hmac_is_the_one_of_the_rfc() -> None:
    # RFC 4231, test case 2.
    digest = hmac_sha256(SecretStr("Jefe"), b"what do ya want for nothing?")
    assert digest.hex() == "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    assert same(digest.hex(), "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843")
    assert not same(digest.hex(), "")


@pytest.mark.parametrize(("offset", "good"), [(0, True), (-300, True), (300, True), (-301, False), (301, False)])
def test_a_signed_time_is_good_for_five_minutes(offset: int, good: bool) -> None:
    seconds = str(int((NOW + timedelta(seconds=offset)).timestamp()))
    assert fresh(seconds, NOW) is good


@pytest.mark.parametrize("text", ["", " 1", "-1", "1e9", "١٧٤٢٣٠٠٠٠٠", "9" * 5_000, "NaN"])
def test_what_is_no_time_is_not_fresh(text: str) -> None:
    assert not fresh(text, NOW)
