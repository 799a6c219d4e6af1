"""Whether AWS has signed a message of SNS, and where its certificate may come from.

Amazon SNS developer guide, "Verifying the signatures of Amazon SNS messages".
"""

import base64
import binascii
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

from bot.domain.errors import Forged, Unreadable
from bot.kit.parsing import read_value
from integrations.cloudwatch.wire import Envelope, Stamped

SLUG = "cloudwatch"
OLDEST = timedelta(hours=1)
"""SNS tries for an hour at most; what is older was recorded by somebody."""
AHEAD = timedelta(minutes=5)
CERTIFICATE = re.compile(r"^/(_aws/sns/)?SimpleNotificationService-[0-9a-f]{32}\.pem$")

_NOTIFICATION = ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type")
_CONFIRMATION = ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type")


def host_of(region: str) -> str:
    """SNS's host of a region; China has a domain of its own."""
    return f"sns.{region}.amazonaws.com{'.cn' if region.startswith('cn-') else ''}"


def region_of(arn: str) -> str:
    """The region that an ARN names, or nothing."""
    parts = arn.split(":")
    return parts[3] if len(parts) >= 6 else ""


def certificate_place(url: str, topic: str, endpoint: str) -> tuple[str, str]:
    """The server and the path of a signing certificate, where it is one that may be fetched for this topic.

    `endpoint` is the configured address in the place of AWS. Raises Forged for every other place.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise _forged("the address of its certificate is none") from None
    plain = not (parts.query or parts.fragment or parts.username or parts.password)
    if not plain or not CERTIFICATE.match(parts.path):
        raise _forged("the address of its certificate is not one of SNS")
    if endpoint:
        if f"{parts.scheme}://{parts.netloc}" != endpoint:
            raise _forged("its certificate is not at endpoint_url")
    elif parts.scheme != "https" or port is not None or parts.hostname != host_of(region_of(topic)):
        raise _forged("its certificate is not at AWS, in the topic's region")
    return f"{parts.scheme}://{parts.netloc}", parts.path


def check_signature(envelope: Envelope, certificate: bytes, *, by_aws: bool, now: datetime) -> None:
    """Raises Forged unless the holder of this certificate (PEM) has signed the message lately.

    `by_aws`: the certificate has to be Amazon's own. The libraries are loaded when the first message comes.
    """
    from cryptography import x509  # noqa: PLC0415
    from cryptography.exceptions import InvalidSignature  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric import padding, rsa  # noqa: PLC0415
    from cryptography.hazmat.primitives.hashes import SHA1, SHA256  # noqa: PLC0415

    sent = _sent_at(envelope)
    if not now - OLDEST <= sent <= now + AHEAD:
        raise _forged("it was not sent within the last hour")
    try:
        read = x509.load_pem_x509_certificate(certificate)
        key = read.public_key()
        signature = base64.b64decode(envelope.signature, validate=True)
    except (ValueError, binascii.Error):
        raise _forged("its certificate or its signature is none") from None
    if by_aws and not (_is_amazons(read) and read.not_valid_before_utc <= now <= read.not_valid_after_utc):
        raise _forged("its certificate is not Amazon's, or not valid now")
    algorithm = {"1": SHA1(), "2": SHA256()}.get(envelope.signature_version)  # noqa: S303 - version 1 is SHA-1
    if algorithm is None or not isinstance(key, rsa.RSAPublicKey):
        raise _forged("it is signed in a way that is not known")
    try:
        key.verify(signature, to_sign(envelope), padding.PKCS1v15(), algorithm)
    except InvalidSignature:
        raise _forged("its signature does not fit") from None


def _is_amazons(certificate: object) -> bool:
    from cryptography import x509  # noqa: PLC0415
    from cryptography.x509.oid import NameOID  # noqa: PLC0415

    assert isinstance(certificate, x509.Certificate)
    names = [str(name.value) for name in certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
    issuers = [str(name.value) for name in certificate.issuer.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)]
    theirs = (re.fullmatch(r"sns\.[a-z0-9.-]*amazonaws\.com(\.cn)?", name) for name in names)
    return bool(names) and issuers == ["Amazon"] and all(theirs)


def to_sign(envelope: Envelope) -> bytes:
    """What AWS signs: names and values, each on a line, in the order of the names."""
    return "".join(f"{name}\n{value}\n" for name, value in _signed_fields(envelope)).encode()


def _signed_fields(envelope: Envelope) -> Iterator[tuple[str, str]]:
    values = envelope.model_dump(by_alias=True)
    names = _NOTIFICATION if envelope.type == "Notification" else _CONFIRMATION
    yield from ((name, values[name]) for name in names if values[name] is not None)


def _sent_at(envelope: Envelope) -> datetime:
    try:
        at = read_value(Stamped, {"at": envelope.timestamp}, SLUG).at
    except Unreadable:
        raise _forged("it does not say when it was sent") from None
    return at if at.tzinfo is not None else at.replace(tzinfo=UTC)


def _forged(why: str) -> Forged:
    return Forged(f"A message in the name of SNS was refused: {why}.", system=SLUG)
