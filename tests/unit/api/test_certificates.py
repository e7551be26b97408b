"""Files that are no certificates hold nobody up, at the start and while the daemon runs."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from bed.authority import Authority
from seaway.api.certificates import CertificateFiles, Certificates
from seaway.model.errors import Unavailable


@pytest.fixture
def files(tmp_path: Path) -> CertificateFiles:
    """Good ones."""
    Authority().fill(tmp_path, "localhost")
    return CertificateFiles(
        ca=tmp_path / "ca.pem", cert=tmp_path / "cert.pem", key=tmp_path / "key.pem"
    )


def _large(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(100 << 20)


def _folder(path: Path) -> None:
    path.mkdir()


def _endless(path: Path) -> None:
    path.symlink_to("/dev/zero")


def _loop(path: Path) -> None:
    path.symlink_to(path)


ODDITIES: list[tuple[Callable[[Path], None], str]] = [
    (os.mkfifo, "it should be a file"),
    (_endless, "it should be a file"),
    (_folder, "it should be a file"),
    (_large, "it is larger than 1 MB"),
    (_loop, "Too many levels of symbolic links"),
]


@pytest.mark.timeout(10)
@pytest.mark.parametrize(("odd", "why"), ODDITIES)
@pytest.mark.parametrize("name", ["ca", "cert", "key"])
def test_what_is_no_file_or_too_large_is_told_and_not_waited_for(
    files: CertificateFiles, name: str, odd: Callable[[Path], None], why: str
) -> None:
    path: Path = getattr(files, name)
    path.unlink()
    odd(path)

    with pytest.raises(Unavailable) as caught:
        Certificates(files)

    assert str(caught.value) == f"TLS needs {path}: {why}"


@pytest.mark.timeout(10)
@pytest.mark.parametrize(("odd", "why"), ODDITIES)
def test_in_the_place_of_a_good_one_it_leaves_that_in_use(
    files: CertificateFiles, odd: Callable[[Path], None], why: str
) -> None:
    certificates = Certificates(files)
    good = certificates.context
    files.cert.unlink()
    odd(files.cert)

    assert certificates.context is good
    assert certificates.warnings() == [
        f"new certificates are not used, those read before are: TLS needs {files.cert}: {why}"
    ]


def test_a_folder_that_is_exchanged_behind_a_symlink_is_a_renewal(tmp_path: Path) -> None:
    for name in ("old", "new"):
        Authority().fill(tmp_path / name, "localhost")
    link = tmp_path / "tls"
    link.symlink_to("old")
    certificates = Certificates(
        CertificateFiles(ca=link / "ca.pem", cert=link / "cert.pem", key=link / "key.pem")
    )
    before = certificates.context
    other = tmp_path / "other"
    other.symlink_to("new")
    other.rename(link)

    assert certificates.context is not before
    assert certificates.warnings() == []
