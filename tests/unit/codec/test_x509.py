"""When certificates are valid, read by our own eyes."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta

import pytest
import trustme
from cryptography import x509
from hypothesis import given
from hypothesis import strategies as st

from seaway.codec.x509 import NotACertificate, validities

CA = trustme.CA()


@given(
    begins=st.datetimes(datetime(1950, 1, 1), datetime(2100, 1, 1)),  # noqa: DTZ001 - UTC is added
    days=st.integers(1, 30_000),
)
def test_the_times_are_those_that_another_reader_finds(begins: datetime, days: int) -> None:
    first = begins.replace(microsecond=0, tzinfo=UTC)
    made = CA.issue_cert("a.example", not_before=first, not_after=first + timedelta(days=days))
    pem = made.cert_chain_pems[0].bytes()

    (found,) = validities(pem)

    other = x509.load_pem_x509_certificate(pem)
    assert (found.begins, found.ends) == (other.not_valid_before_utc, other.not_valid_after_utc)


def test_each_certificate_of_a_file_is_found() -> None:
    assert len(validities(b"chain\n" + CA.cert_pem.bytes() * 3)) == 3


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"hello",
        b"-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----",
        b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----",
        b"-----BEGIN CERTIFICATE-----\nMIIBIjAN\n-----END CERTIFICATE-----",
        CA.cert_pem.bytes()[:400] + b"\n-----END CERTIFICATE-----",
    ],
)
def test_what_is_no_certificate_is_refused(content: bytes) -> None:
    with pytest.raises(NotACertificate):
        validities(content)


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(content: bytes) -> None:
    pem = b"-----BEGIN CERTIFICATE-----\n%b\n-----END CERTIFICATE-----" % base64.b64encode(content)
    try:
        validities(pem)
    except NotACertificate as error:
        assert str(error)
