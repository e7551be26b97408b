"""``seaway completion``: a thin script for a shell, which asks ``seaway __complete`` what fits."""

from __future__ import annotations

import sys

from seaway.cli.failure import Misused
from seaway.cli.options import FLAG_ERROR, Command

TYPE_CHECKING = False
if TYPE_CHECKING:
    from seaway.cli.client import Api
    from seaway.cli.options import Args

BASH = """\
# Completion of seaway for bash, also where the package bash-completion is missing.
_seaway() {
    local said
    mapfile -t COMPREPLY < <("$1" __complete bash "$COMP_WORDBREAKS" "${COMP_LINE:0:COMP_POINT}" 2>/dev/null)
    for said in "${COMPREPLY[@]}"; do
        case $said in
        :files) mapfile -t COMPREPLY < <(compgen -f -- "$2") && compopt -o filenames ;;
        :folders) mapfile -t COMPREPLY < <(compgen -d -- "$2") && compopt -o filenames ;;
        :programs) mapfile -t COMPREPLY < <(compgen -c -- "$2") ;;
        *[=:]) compopt -o nospace ;;
        esac
    done
}
complete -F _seaway seaway
"""
ZSH = """\
#compdef seaway
# Completion of seaway for zsh: a file _seaway in a folder of $fpath, or 'source <(seaway completion zsh)'.
_seaway() {
    local line word
    local -a said open open_shown whole whole_shown
    said=("${(@f)$("${(Q)words[1]}" __complete zsh "${(@Q)words[2,CURRENT-1]}" "${(Q)PREFIX}" 2>/dev/null)}")
    for line in "${said[@]}"; do
        word=${line%%$'\\t'*}
        case $word in
        '') ;;
        :files) compset -P '*='; _files ;;
        :folders) compset -P '*='; _files -/ ;;
        :programs) _command_names -e ;;
        *[=:]) open+=("$word") open_shown+=("${line/$'\\t'/  -- }") ;;
        *) whole+=("$word") whole_shown+=("${line/$'\\t'/  -- }") ;;
        esac
    done
    compadd -Q -S '' -l -d open_shown -a open
    compadd -l -d whole_shown -a whole
}
if [ "$funcstack[1]" = _seaway ]; then _seaway "$@"; else compdef _seaway seaway; fi
"""
FISH = """\
# Completion of seaway for fish.
function __seaway_complete
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    for line in ($words[1] __complete fish $words[2..-1] "$current" 2>/dev/null)
        switch $line
            case ':files' ':folders'
                set -l path (string replace -r '^--[^=]*=' '' -- "$current")
                set -l option (string match -r '^--[^=]*=' -- "$current")
                set -l found (__fish_complete_path "$path")
                test $line = :folders; and set found (__fish_complete_directories "$path" '')
                printf '%s\\n' "$option"$found
            case ':programs'
                __fish_complete_command
            case '*'
                printf '%s\\n' $line
        end
    end
end
complete -c seaway -f -a '(__seaway_complete)'
"""
SCRIPTS = {"bash": BASH, "zsh": ZSH, "fish": FISH}


def _completion(args: Args, _api: Api) -> int:
    shell = args.rest[0]
    if shell not in SCRIPTS:
        raise Misused(
            f"there is completion for {', '.join(SCRIPTS)}, not for {shell!r}", FLAG_ERROR
        )
    sys.stdout.write(SCRIPTS[shell])
    return 0


COMMANDS = {
    "completion": Command(
        _completion,
        "bash|zsh|fish",
        "Print the script by which a shell completes seaway's commands, options and names.",
        least=1,
        most=1,
        takes=("bash|zsh|fish",),
        docker="docker completion",
        notes="""
            `./start --install` puts the scripts where the shells look for them. See
            [Complete and look up](../how-to/complete-and-look-up.md).
        """,
        examples=(
            "source <(seaway completion bash)",
            "seaway completion fish >~/.config/fish/completions/seaway.fish",
        ),
    ),
}
