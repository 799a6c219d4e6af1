"""AWS's own vectors, and AWS's own library, agree with our signatures."""

import json
import subprocess
from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from bot.kit.sigv4 import Key, Message, signed
from tests.needs import needs, path_of

AT = datetime(2015, 8, 30, 12, 36, tzinfo=UTC)
HOST = "example.amazonaws.com"
EXAMPLE = "/".join(("wJalrXUtnFEMI", "K7MDENG+bPxRfiCY" + "EXAMPLEKEY"))
"""The secret that AWS publishes for its test suite, in pieces, so that nobody takes it for one."""
TOKEN = "6e86291e8372ff2a2260956d9b8aae1d763fbf315fa00fa31553b73ebf194267"
LETTERS = "-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
FORM = b"Param1=value1"
FORM_HEADERS = {
    "content-type": "application/x-www-form-urlencoded",
    "content-length": "13",
    "x-amz-content-sha256": "9095672bbd1f56dfc5b65f3e153adc8731a4a654192329106275f4c7b24d0b6e",
}
# awslabs/aws-c-auth (Apache-2.0), tests/aws-signing-test-suite/v4, header-signed-request.txt of each
VECTORS = {
    "get-vanilla-query-order-key-case": (
        Message("GET", HOST, query=[("Param2", "value2"), ("Param1", "value1")]),
        "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
    ),
    "get-vanilla-query-unreserved": (
        Message("GET", HOST, query=[(LETTERS, LETTERS)]),
        "9c3e54bfcdf0b19771a7f523ee5669cdf59bc7cc0884027167c21bb143a40197",
    ),
    "get-utf8": (
        Message("GET", HOST, "/ሴ"), "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85",
    ),
    "get-space-normalized": (
        Message("GET", HOST, "/example space/"), "652487583200325589f1fba4c7e578f72c47cb61beeca81406b39ddec1366741",
    ),
    "post-x-www-form-urlencoded": (
        Message("POST", HOST, headers=FORM_HEADERS, body=FORM),
        "d3875051da38690788ef43de4db0d8f280229d82040bfac253562e56c3f20e0b",
    ),
}  # fmt: skip


def sign(message: Message, *, token: str = "", secret: str = EXAMPLE) -> dict[str, str]:
    key = Key("AKIDEXAMPLE", SecretStr(secret), SecretStr(token) if token else None)
    return dict(signed(message, key, region="us-east-1", service="service", at=AT))


@pytest.mark.parametrize("name", VECTORS)
def test_a_published_vector(name: str) -> None:
    message, signature = VECTORS[name]
    found = sign(message)
    assert found["x-amz-date"] == "20150830T123600Z"
    names = ";".join(sorted({"host", "x-amz-date", *dict(message.headers)}))
    assert found["authorization"] == (
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, "
        f"SignedHeaders={names}, Signature={signature}"
    )


def test_temporary_credentials() -> None:
    found = sign(Message("GET", HOST), token=TOKEN)
    assert found["x-amz-security-token"] == TOKEN
    assert "SignedHeaders=host;x-amz-date;x-amz-security-token" in found["authorization"]
    assert found["authorization"].endswith("07ec1639c89043aa0e3e2de82b96708f198cceab042d4a97044c66dd9f74e7f8")


def test_the_secret_is_not_in_what_is_sent() -> None:
    assert EXAMPLE not in str(sign(Message("GET", HOST)))


ORACLE = """
import json, sys
from unittest import mock
import datetime
from botocore import auth, awsrequest, credentials
for line in sys.stdin:
    one = json.loads(line)
    request = awsrequest.AWSRequest(one["method"], "https://" + one["host"] + one["path"], headers=one["headers"], data=one["body"].encode(), params=one["query"])
    at = datetime.datetime(2015, 8, 30, 12, 36, tzinfo=datetime.timezone.utc)
    with mock.patch.object(auth, "get_current_datetime", lambda remove_tzinfo=True: at.replace(tzinfo=None) if remove_tzinfo else at, create=True):
        auth.SigV4Auth(credentials.Credentials("AKIDEXAMPLE", one["secret"]), "service", "us-east-1").add_auth(request)
    print(request.headers["Authorization"], flush=True)
"""
texts = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=12)


@needs("localstack")
def test_botocore_signs_alike() -> None:
    oracle = subprocess.Popen(
        [path_of("localstack"), "-W", "ignore", "-c", ORACLE], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert oracle.stdin is not None
    assert oracle.stdout is not None
    stdin, stdout = oracle.stdin, oracle.stdout

    @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
    @given(
        st.sampled_from(["GET", "POST"]), st.dictionaries(texts.filter(bool), texts, max_size=4), texts,
        st.dictionaries(st.sampled_from(["content-type", "x-amz-target", "x-thing"]), st.text("abc xyz/.", min_size=1)),
    )  # fmt: skip
    def same(method: str, query: dict[str, str], body: str, headers: dict[str, str]) -> None:
        one = {
            "method": method,
            "host": HOST,
            "path": "/",
            "headers": headers,
            "body": body,
            "query": query,
            "secret": EXAMPLE,
        }
        stdin.write(json.dumps(one) + "\n")
        stdin.flush()
        expected = stdout.readline().strip()
        message = Message(method, HOST, "/", list(query.items()), headers, body.encode())
        assert sign(message)["authorization"] == expected

    try:
        same()
    finally:
        oracle.stdin.close()
        oracle.stdout.close()
        oracle.wait()
