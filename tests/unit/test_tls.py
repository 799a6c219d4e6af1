"""Whom the bot believes about who answers: authorities of a file, on real sockets."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from bot.domain.errors import BadInput, Unreachable
from bot.kit.http import HttpClients, Limits
from bot.kit.tls import trusting


def certificate(folder: Path, name: str, host: str = "127.0.0.1") -> tuple[str, str]:
    """One that vouches for itself, as a kube-apiserver makes it; the files of it and of its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key())
        .serial_number(x509.random_serial_number()).not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address(host))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    pem, secret = folder / f"{name}.crt", folder / f"{name}.key"
    pem.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    secret.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return str(pem), str(secret)


@asynccontextmanager
async def listening(pem: str, key: str) -> AsyncIterator[str]:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}")
        await writer.drain()
        writer.close()

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem, key)
    server = await asyncio.start_server(talk, "127.0.0.1", 0, ssl=context)
    try:
        yield f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        await server.wait_closed()


async def ask(url: str, ca_file: str) -> object:
    clients = HttpClients(limits=Limits(attempts=3, connect=2.0))
    tls = trusting(ca_file, "kserve") if ca_file else None
    try:
        return await clients(url, system="kserve", tls=tls).get_json("/")
    finally:
        await clients.aclose()


async def test_an_authority_of_ones_own_is_believed(tmp_path: Path) -> None:
    pem, key = certificate(tmp_path, "cluster")
    async with listening(pem, key) as url:
        assert await ask(url, pem) == {}


@pytest.mark.parametrize("whom", ["nobody in particular", "somebody else"])
async def test_any_other_is_not_and_is_not_tried_again(tmp_path: Path, whom: str) -> None:
    pem, key = certificate(tmp_path, "cluster")
    other, _ = certificate(tmp_path, "other")
    async with listening(pem, key) as url:
        with pytest.raises(Unreachable, match="certificate verify failed") as told:
            await ask(url, other if whom == "somebody else" else "")
    assert "Let the bot trust its authority" in told.value.next_step


async def test_a_certificate_of_another_host_is_not_believed(tmp_path: Path) -> None:
    pem, key = certificate(tmp_path, "cluster", host="192.0.2.1")
    async with listening(pem, key) as url:
        with pytest.raises(Unreachable, match="certificate verify failed"):
            await ask(url, pem)


@pytest.mark.parametrize(
    ("content", "words"),
    [(None, "is not there"), (b"", "it holds no certificate"), (b"\x00\xff" * 99, "it holds no certificate")],
)
def test_a_file_without_an_authority_is_said(tmp_path: Path, content: bytes | None, words: str) -> None:
    path = tmp_path / "ca.crt"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(BadInput, match=words) as told:
        trusting(str(path), "kserve")
    assert "integrations.kserve.ca_file" in told.value.next_step


def test_a_folder_or_a_key_is_no_authority(tmp_path: Path) -> None:
    _, key = certificate(tmp_path, "cluster")
    for path in (str(tmp_path), key):
        with pytest.raises(BadInput):
            trusting(path, "kserve")


async def test_whom_the_machine_trusts_is_read_once_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[ssl.SSLContext] = []
    real = httpx.create_ssl_context
    monkeypatch.setattr(httpx, "create_ssl_context", lambda: read.append(real()) or read[-1])
    clients = HttpClients()
    for name in ("a", "b", "c"):
        clients(f"https://{name}.example", system=name)
    await clients.aclose()
    assert len(read) == 1
