"""What docker can do with networks and containers and Seaway does not, and why."""

from __future__ import annotations

WITHOUT = (
    (
        "docker container commit",
        "no images: a root file system is a directory, `seaway run --rootfs DIR`",
    ),
    (
        "docker container cp",
        "no file systems of its own: copy into the directory of `--rootfs` or `-v`",
    ),
    (
        "docker container create",
        "`seaway run -d` creates and starts; `seaway sandbox create` makes a namespace without a process",
    ),
    ("docker container diff", "the host's file system is seen read-only, so nothing differs"),
    ("docker container export", "no images: the directory of `--rootfs` is there to be copied"),
    (
        "docker container update",
        "limits are not Seaway's; ports and networks change live: `seaway publish`, `seaway network connect`",
    ),
)
"""Commands of ``docker container`` without a counterpart."""
