"""What runtimes say, in the words of docker run."""

from __future__ import annotations

import pytest

from seaway.model.errors import CannotRun, Unavailable
from seaway.plan.oci_error import refusal

BEGIN = (
    "failed to create task for container: failed to create shim task: OCI runtime create failed: "
)
RUNC = 'time="2026-11-25T17:53:14Z" level=error msg="runc create failed: unable to start container process: {}"'


@pytest.mark.parametrize(
    ("said", "code", "message"),
    [
        (
            RUNC.format(r"exec: \"nosuch\": executable file not found in $PATH"),
            127,
            (
                "runc create failed: unable to start container process: "
                'exec: "nosuch": executable file not found in $PATH'
            ),
        ),
        (
            RUNC.format(r"exec: \"/etc\": permission denied"),
            126,
            'runc create failed: unable to start container process: exec: "/etc": permission denied',
        ),
        (
            RUNC.format(r"chdir to cwd (\"/root\") set in config.json failed: permission denied"),
            126,
            (
                "runc create failed: unable to start container process: "
                'chdir to cwd ("/root") set in config.json failed: permission denied'
            ),
        ),
        (
            "executable file `nosuch` not found in $PATH: No such file or directory",
            127,
            'exec: "nosuch": executable file not found in $PATH',
        ),
        (
            '{"msg":"open executable: Permission denied","level":"error"}',
            126,
            'exec: "/etc/passwd": permission denied',
        ),
    ],
)
def test_a_command_that_cannot_run(said: str, code: int, message: str) -> None:
    error = refusal(said, command="/etc/passwd")

    assert isinstance(error, CannotRun)
    assert error.exit_code == code
    assert str(error) == f"{BEGIN}{message}: unknown"


def test_a_further_command_that_cannot_run() -> None:
    error = refusal(
        'exec failed: exec: "x": executable file not found in $PATH', command="x", further=True
    )

    assert isinstance(error, CannotRun)
    assert str(error) == (
        'OCI runtime exec failed: exec failed: exec: "x": executable file not found in $PATH: unknown'
    )


@pytest.mark.parametrize(
    "said",
    [
        'error mounting "/x" to rootfs at "/exec": mount: no such file or directory',
        "cgroups in hybrid mode not supported",
        "",
    ],
)
def test_all_else_is_not_the_commands_fault(said: str) -> None:
    assert isinstance(refusal(said, command="true"), Unavailable)
    assert str(refusal("", command="true")) == f"{BEGIN}the runtime said nothing: unknown"
