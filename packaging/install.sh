# shellcheck shell=bash
# Shell functions of ./check and ./start: what they install, and how.

as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi; }

# since TIME: the seconds since TIME, which was $EPOCHREALTIME.
since() { awk -v a="$1" -v b="$EPOCHREALTIME" 'BEGIN { printf "%.1f", b - a }'; }

# missing_packages PURPOSE...: the packages of packaging/debian-packages with these purposes that are not installed.
missing_packages() {
    local purposes=" $* " name purpose _
    while read -r name purpose _; do
        [[ $name != '#'* && $purposes == *" $purpose "* ]] || continue
        [[ $(dpkg-query -W -f '${Status}' "$name" 2>/dev/null) == *'ok installed' ]] || echo "$name"
    done <packaging/debian-packages
}

# install_packages NAME...: by apt-get; with fresh lists when those here do not know them.
install_packages() {
    local get=(env DEBIAN_FRONTEND=noninteractive apt-get -qq install --no-install-recommends "$@")
    as_root "${get[@]}" || { as_root apt-get -qq update && as_root "${get[@]}"; }
}

# venv_has LOCK: whether .venv has what LOCK says. What the tests need includes what Seaway needs.
venv_has() {
    sha256sum --status -c ".venv/$1.sha256" 2>/dev/null
}

# install_venv LOCK [FOLDER]: .venv, or FOLDER, with the Python packages of LOCK, each checked against its hash.
install_venv() {
    local folder=${2:-.venv}
    [ -x "$folder/bin/python" ] || "$(command -v python3.11 || command -v python3)" -m venv "$folder"
    "$folder/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes -r "$1"
    sha256sum "$1" >"$folder/$1.sha256"
}

# Where Debian's man looks for pages, and its shells for completion, that no package brought.
MANUAL=/usr/local/share/man/man1
declare -A COMPLETION=(
    [bash]=/usr/local/share/bash-completion/completions/seaway
    [zsh]=/usr/local/share/zsh/site-functions/_seaway
    [fish]=/etc/fish/completions/seaway.fish
)

# install_manual PYTHON: the man pages and completion of the command in /usr/local/bin.
install_manual() {
    local shell
    PYTHONPATH=src:. "$1" -B -m launch.manual "$MANUAL"
    for shell in "${!COMPLETION[@]}"; do
        mkdir -p "${COMPLETION[$shell]%/*}"
        /usr/local/bin/seaway completion "$shell" >"${COMPLETION[$shell]}"
    done
}

remove_manual() { rm -f "${COMPLETION[@]}" "$MANUAL"/seaway.1 "$MANUAL"/seaway-*.1; }
