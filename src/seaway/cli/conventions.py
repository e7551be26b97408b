"""What holds for all commands, as the reference and seaway(1) tell it."""

from __future__ import annotations

HOST = """
`-H`, else the variable `SEAWAY_HOST`, else `unix:///run/seaway/seaway.sock` says where the engine
is: `unix://PATH`, or `tcp://HOST:PORT` with TLS. `DOCKER_HOST` is not heeded, since it may name a
Docker engine. Root and the group `seaway` may use the socket; behind TCP a certificate decides.
Flags, columns and `--format` are docker's where docker has the command.
"""
EXIT_CODES = (
    ("0", "done"),
    ("1", "refused, or the daemon does not answer; the reason is on standard error"),
    ("125", "a flag is wrong; of `run` also: the daemon refused, or does not answer"),
    ("126, 127", "of `run` and `exec`: the command cannot be run; there is no such command"),
    (
        "128 + n",
        "the process was ended by signal n; also 130 when you interrupt a `seaway` command",
    ),
    ("141", "the reader of a pipe went away"),
    ("any other", "of `run`, `exec`, `attach`, `start -a`: that of the process"),
)
SEVERAL = "Commands that take several names go on after an error and give 1 at the end."
FORMATS = """
`--format json`, `--format 'table …'` for lists, and of Go's templates: `{{.A.B}}`, `{{json}}`,
`{{range}}`, `{{if}}`, `{{else}}`, `{{with}}`, `{{end}}`, `{{index}}`, `{{len}}`, `{{join}}`,
`{{println}}`, pipelines and `$variables`. Anything else is refused by name.
"""
TIMES = "`--since` and `--until`: `10m`, `1h30m`, `1795500311`, `2026-11-25T17:28:00Z`."
COLOURS = """
Colours and the width of the window are heeded on a terminal only. `NO_COLOR`, when it is not
empty, and `TERM=dumb` switch colours off; `COLUMNS` says another width.
"""
ENVIRONMENT = (
    ("SEAWAY_HOST", "where the engine is, as `-H` says it"),
    ("DOCKER_TLS_VERIFY", "use TLS and know the engine by its certificate, when it is not empty"),
    ("DOCKER_CERT_PATH", "the folder of ca.pem, cert.pem and key.pem; `~/.docker` without it"),
    ("NO_COLOR", "no colours, when it is not empty"),
    ("COLUMNS", "the width of the terminal"),
)
FILES = (
    ("/etc/seaway/seaway.toml", "settings of the daemon"),
    ("/run/seaway/seaway.sock", "the daemon's socket"),
    ("/run/seaway/netns/NAME", "the network namespace of a sandbox"),
    ("/var/lib/seaway", "what was asked for, and the logs of sandboxes"),
)
