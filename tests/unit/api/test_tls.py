"""Who may come in by TLS, and that nobody keeps others out or leaves something behind."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from seaway.api import tls
from seaway.api.certificates import CertificateFiles, Certificates
from unit.api.stage import open_files, until

DAY = timedelta(days=1)


@dataclass(frozen=True, kw_only=True)
class Holder:
    """A certificate and its key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    def write(self, folder: Path, name: str) -> Path:
        """Both in one file."""
        path = folder / f"{name}.pem"
        path.write_bytes(
            self.certificate.public_bytes(Encoding.PEM)
            + self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        )
        return path


def holder(
    name: str,
    issuer: Holder | None = None,
    *,
    begins: timedelta = -DAY,
    ends: timedelta = DAY,
    usage: x509.ObjectIdentifier | None = None,
    is_authority: bool = False,
) -> Holder:
    """A certificate by *issuer*, or by itself; *begins* and *ends* from now."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.certificate.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + begins)
        .not_valid_after(now + ends)
        .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False
        )
    )
    if usage is not None:
        made = made.add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
    return Holder(certificate=made.sign(issuer.key if issuer else key, hashes.SHA256()), key=key)


CLIENT, SERVER = ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH
AUTHORITY = holder("authority", is_authority=True)


class Echo(asyncio.Protocol):
    """Says what it hears, and ends when that ends."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Say it."""
        self._transport.write(data)

    def eof_received(self) -> bool:
        """Say the rest, then end."""
        return False

    def pause_writing(self) -> None:
        """Hear no more than can be said."""
        self._transport.pause_reading()

    def resume_writing(self) -> None:
        """Go on."""
        self._transport.resume_reading()


@dataclass(frozen=True, kw_only=True)
class Door:
    """A TLS port with an echo behind it."""

    port: int
    folder: Path

    async def connect(
        self, who: Holder | None, change: Callable[[ssl.SSLContext], None] = lambda _: None
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Come in as *who*."""
        context = ssl.create_default_context(cafile=self.folder / "ca.pem")
        if who is not None:
            context.load_cert_chain(who.write(self.folder, "client"))
        change(context)
        return await asyncio.open_connection("127.0.0.1", self.port, ssl=context)

    async def echo(
        self, who: Holder | None, change: Callable[[ssl.SSLContext], None] = lambda _: None
    ) -> bytes:
        """What comes back; nothing when the client is refused."""
        with suppress(ConnectionError, ssl.SSLError):
            reader, writer = await self.connect(who, change)
            writer.write(b"hello")
            try:
                return await asyncio.wait_for(reader.read(5), 5)
            finally:
                writer.close()
                with suppress(ConnectionError, ssl.SSLError):
                    await writer.wait_closed()
        return b""


@asynccontextmanager
async def opened(tmp_path: Path) -> AsyncGenerator[tuple[Door, asyncio.Task[None]]]:
    """A door, and what serves it until the block ends."""
    AUTHORITY.write(tmp_path, "ca")
    own = holder("server", AUTHORITY, usage=SERVER).write(tmp_path, "server")
    certificates = Certificates(CertificateFiles(ca=tmp_path / "ca.pem", cert=own, key=own))
    listening = socket.create_server(("127.0.0.1", 0), backlog=1024)
    listening.setblocking(False)
    serving = asyncio.create_task(tls.TlsDoor(certificates, Echo).serve(listening))
    yield Door(port=listening.getsockname()[1], folder=tmp_path), serving
    serving.cancel()
    await asyncio.wait([serving])


@pytest.fixture
async def door(tmp_path: Path) -> AsyncIterator[Door]:
    """It, until the test ends."""
    async with opened(tmp_path) as (found, _):
        yield found


def jobs() -> int:
    """How many connections are carried."""
    names = [getattr(task.get_coro(), "__qualname__", "") for task in asyncio.all_tasks()]
    return names.count("TlsDoor._one")


@pytest.mark.parametrize("usage", [None, CLIENT])
async def test_a_client_of_the_authority_comes_in(
    door: Door, usage: x509.ObjectIdentifier | None
) -> None:
    assert await door.echo(holder("anna", AUTHORITY, usage=usage)) == b"hello"


@pytest.mark.parametrize(
    "who",
    [
        None,
        holder("anna"),
        holder("anna", holder("authority", is_authority=True)),
        holder("anna", AUTHORITY, begins=-2 * DAY, ends=-DAY),
        holder("anna", AUTHORITY, begins=DAY, ends=2 * DAY),
        holder("anna", AUTHORITY, usage=SERVER),
        holder("anna", holder("bert", AUTHORITY)),
    ],
    ids=[
        "none",
        "by itself",
        "of another authority of that name",
        "expired",
        "not yet valid",
        "for servers",
        "by another client",
    ],
)
async def test_anybody_else_does_not(door: Door, who: Holder | None) -> None:
    assert await door.echo(who) == b""


def _weak(context: ssl.SSLContext) -> None:
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("NULL:aNULL:3DES:RC4:EXPORT:@SECLEVEL=0")


async def test_weak_ciphers_are_refused(door: Door) -> None:
    assert await door.echo(holder("anna", AUTHORITY), _weak) == b""


async def test_a_client_that_offers_http_2_gets_no_protocol_and_is_served(door: Door) -> None:
    assert (
        await door.echo(holder("anna", AUTHORITY), lambda c: c.set_alpn_protocols(["h2"]))
        == b"hello"
    )


async def test_strangers_that_say_nothing_keep_nobody_out(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tls, "STRANGERS", 8)
    idle = [await asyncio.open_connection("127.0.0.1", door.port) for _ in range(100)]

    async with asyncio.timeout(3):
        assert await door.echo(holder("anna", AUTHORITY)) == b"hello"
    assert jobs() <= 10

    for _, writer in idle:
        writer.close()


async def test_a_known_client_that_says_nothing_is_no_stranger(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tls, "STRANGERS", 4)
    reader, writer = await door.connect(holder("anna", AUTHORITY))
    writer.write(b"1")
    assert await reader.read(1) == b"1"
    idle = [await asyncio.open_connection("127.0.0.1", door.port) for _ in range(40)]
    await until(lambda: jobs() == 5)

    writer.write(b"2")

    assert await reader.read(1) == b"2"
    for each in (writer, *(other for _, other in idle)):
        each.close()


async def test_clients_that_never_read_and_then_reset_leave_nothing(door: Door) -> None:
    await door.echo(holder("anna", AUTHORITY))
    await until(lambda: jobs() == 0)
    before = open_files()
    for _ in range(5):
        _, writer = await door.connect(holder("anna", AUTHORITY))
        writer.write(b"x" * (8 << 20))  # more than all buffers on the way hold
        await asyncio.sleep(0.05)
        writer.transport.abort()

    await until(lambda: jobs() == 0)
    await until(lambda: open_files() <= before)


async def test_an_end_while_much_is_on_its_way_leaves_nothing(tmp_path: Path) -> None:
    before = open_files()
    async with opened(tmp_path) as (door, serving):
        clients = [await door.connect(holder("anna", AUTHORITY)) for _ in range(3)]
        strangers = [await asyncio.open_connection("127.0.0.1", door.port) for _ in range(3)]
        for _, writer in clients:
            writer.write(b"x" * (8 << 20))
        await until(lambda: jobs() == 6)

        async with asyncio.timeout(5):
            serving.cancel()
            await asyncio.wait([serving])

        assert jobs() == 0
        for _, writer in (*clients, *strangers):
            writer.transport.abort()
        await until(lambda: open_files() <= before)
