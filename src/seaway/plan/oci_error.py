"""What an OCI runtime said when it failed, in the words and exit codes of ``docker run``."""

from __future__ import annotations

import re

from seaway.model.errors import CannotRun, EngineError, Unavailable

_CREATE = (
    "failed to create task for container: failed to create shim task: OCI runtime create failed"
)
_EXEC = "OCI runtime exec failed"
_MESSAGE = re.compile(r'msg="((?:[^"\\]|\\.)*)"|"msg": ?"((?:[^"\\]|\\.)*)"')
_CRUN_NOT_FOUND = re.compile(r"executable file `([^`']*)[`'] not found in \$PATH.*")
_CRUN_OPEN = re.compile(r"(?:open|exec(?:ve)?|stat) executable:? ?(.*)")
_OF_COMMAND = ("exec", "chdir")
"""One of these words is in a message about the command or its working directory."""
_NOT_FOUND = ("executable file not found", "no such file or directory")
_NOT_RUN = (
    "permission denied",
    "operation not permitted",
    "is a directory",
    "not a directory",
    "exec format error",
)


def refusal(said: str, *, command: str, further: bool = False) -> EngineError:
    """The error for *said*, the output of a runtime that could not start *command*.

    CannotRun with 127 when there is no such command, with 126 when it cannot be executed;
    Unavailable for all else. *further*: a process in a running container.
    """
    reason = _reason(said, command)
    sentence = f"{_EXEC if further else _CREATE}: {reason}: unknown"
    text = reason.lower()
    if "mount" in text or not any(word in text for word in _OF_COMMAND):
        return Unavailable(sentence)
    if any(words in text for words in _NOT_FOUND):
        return CannotRun(sentence, 127)
    if any(words in text for words in _NOT_RUN):
        return CannotRun(sentence, 126)
    return Unavailable(sentence)


def _reason(said: str, command: str) -> str:
    """The last message of *said*; crun's words about *command* turned into runc's."""
    found = [m[1] or m[2] for m in _MESSAGE.finditer(said)]
    text = found[-1].replace('\\"', '"').replace("\\\\", "\\") if found else said.strip()
    if "exec:" not in text:
        text = _CRUN_NOT_FOUND.sub(r'exec: "\1": executable file not found in $PATH', text)
        text = _CRUN_OPEN.sub(lambda m: f'exec: "{command}": {m[1].lower()}', text)
    return text or "the runtime said nothing"
