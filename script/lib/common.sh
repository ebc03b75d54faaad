# shellcheck shell=bash
# What every script shares: where things are, how a step is shown, how root is reached.
# Sourced, never run. A script sources it right after `set -euo pipefail`.
# shellcheck disable=SC2034 # what is set here is for those scripts

PROJECT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
CACHE=$PROJECT/.cache
LOGS=$CACHE/logs
VENV=$PROJECT/.venv
# Ansible insists on UTF-8, and what programs say is read here in English.
export LC_ALL=C.UTF-8
# Without bytecode, each start of Ansible compiles all of it: two seconds of CPU time more.
unset PYTHONDONTWRITEBYTECODE
mkdir -p "$LOGS" "$CACHE/locks"

if [[ -t 1 && -z ${NO_COLOR:-} && ${TERM:-dumb} != dumb ]]; then
    BOLD=$'\e[1m' DIM=$'\e[2m' RED=$'\e[31m' GREEN=$'\e[32m' RESET=$'\e[0m'
else
    BOLD='' DIM='' RED='' GREEN='' RESET=''
fi

# heading TEXT: opens a part of the output.
heading() { printf '%s%s%s\n' "$BOLD" "$1" "$RESET"; }

# die MESSAGE: what is wrong and what to do; ends the script.
die() {
    printf '%s%s: %s%s\n' "$RED" "script/$(basename "$0")" "$1" "$RESET" >&2
    exit 1
}

# usage: the comment at the top of the running script is its manual.
usage() { sed -n '2,/^[^#]/{/^# shellcheck /d; s/^# \{0,1\}//p}' "$0"; }

# value_of OPTION [VALUE…]: the value that follows an option on the command line.
value_of() {
    (($# > 1)) || die "$1 needs a value; see script/$(basename "$0") --help"
    printf '%s\n' "$2"
}

# seconds_since START: elapsed time with one decimal; START is a value of $EPOCHREALTIME.
seconds_since() {
    local from=${1//[!0-9]/} now=${EPOCHREALTIME//[!0-9]/}
    local tenths=$(((now - from) / 100000))
    printf '%d.%d s' $((tenths / 10)) $((tenths % 10))
}

# step TITLE COMMAND [ARG…]: one line that says what is done and how long it took. The command's
# output goes to a log; when it fails, the end of that log is shown and the script ends.
# Not for use in a condition: there bash would ignore errors inside COMMAND.
step() {
    local title=$1 started=$EPOCHREALTIME status log
    shift
    log=$LOGS/$(tr -cs '[:alnum:].' '-' <<<"$title")
    log=${log%-}.log
    printf '  %s ' "$title"
    set +e
    (
        set -e
        "$@"
    ) >"$log" 2>&1 </dev/null
    status=$?
    set -e
    if ((status == 0)); then
        printf '%s%s%s\n' "$DIM" "$(seconds_since "$started")" "$RESET"
        return
    fi
    printf '%sfailed%s after %s\n' "$RED" "$RESET" "$(seconds_since "$started")"
    {
        tail -n 25 "$log" | sed 's/^/    /'
        printf '  The whole output: %s\n' "$log"
    } >&2
    exit "$status"
}

# lock NAME: waits until no other script holds NAME; held until the (sub)shell that called it ends.
# A daemon started meanwhile must close descriptor 9, or it would hold the lock for ever.
lock() {
    exec 9>"$CACHE/locks/$1"
    flock 9
}

# lab_python ARG…: Python with the modules of tests/lab, and the package whose escapes they read.
lab_python() { PYTHONPATH=$PROJECT/tests:$PROJECT/roles/python_service/files "$VENV/bin/python" "$@"; }

# as_root COMMAND [ARG…]: runs one command with root's rights.
as_root() {
    if ((EUID == 0)); then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        die "root is needed for '$*' and there is no sudo; run this as root"
    fi
}

# Where root works in somebody's clone, what it makes there is theirs in the end.
if ((EUID == 0)) && [[ $(stat -c %u "$PROJECT") != 0 ]]; then
    trap 'chown -R --from=0 --no-dereference "$(stat -c %u:%g "$PROJECT")" "$PROJECT"' EXIT
fi
