# shellcheck shell=bash
# Python environments of the controller: made by uv from a lock, by hash, and from nothing else.

REQUIREMENTS=$PROJECT/requirements.lock

# ansible-core 2.19 asks for the first; the locks were made for those before the last.
PYTHONS='>=3.11,<3.15'

# uv_ensure: $UV is a uv that runs: the user's own, or else one in .cache, of the version in the lock.
uv_ensure() {
    UV=$CACHE/uv/bin/uv
    if [[ ! -x $UV ]]; then
        if command -v uv >/dev/null && uv --version >/dev/null 2>&1; then
            UV=uv
            return
        fi
        python3 -c 'import venv, ensurepip' 2>/dev/null || apt_ensure 'to install uv' python3 python3-venv
        step 'Install uv' uv_install
    fi
    # Whoever told pip of an index or of certificates means all that installs packages.
    export UV_DEFAULT_INDEX=${UV_DEFAULT_INDEX:-$(pip_setting index-url PIP_INDEX_URL)}
    export SSL_CERT_FILE=${SSL_CERT_FILE:-$(pip_setting cert PIP_CERT)}
    [[ -n $UV_DEFAULT_INDEX ]] || unset UV_DEFAULT_INDEX
    [[ -n $SSL_CERT_FILE ]] || unset SSL_CERT_FILE
    export UV_SYSTEM_CERTS=${UV_SYSTEM_CERTS:-true}
}

uv_install() {
    rm -rf "$CACHE/uv"
    python3 -m venv "$CACHE/uv.new"
    "$CACHE/uv.new/bin/python" -m pip install --disable-pip-version-check --no-input --quiet \
        --only-binary :all: --require-hashes --requirement <(sed -n '/^uv==/,/[^\\]$/p' "$REQUIREMENTS")
    mv "$CACHE/uv.new" "$CACHE/uv"
}

# pip_setting NAME VARIABLE: what pip was told, by its variable or in a file of its own.
pip_setting() {
    printenv "$2" || "$CACHE/uv/bin/python" -m pip config list 2>/dev/null | sed -n "s/^global\.$1='\(.*\)'$/\1/p"
}

# venv_stamp DIRECTORY LOCK: what an environment depends on, in one line.
venv_stamp() {
    printf '%s %s %s\n' "$(sha256sum <"$2" | cut -c 1-64)" "$1" "$("$1/bin/python" -VV 2>/dev/null | tr '\n' ' ')"
}

# venv_ensure DIRECTORY LOCK: an environment is complete and up to date when this returns.
venv_ensure() (
    lock "venv-$(basename "$1")"
    # Several work trees may share one by a link, and its programs name the place where it is.
    set -- "$(realpath --canonicalize-missing "$1")" "$2"
    if [[ -f $1/stamp && $(<"$1/stamp") == "$(venv_stamp "$@")" ]]; then
        exit
    fi
    uv_ensure
    step "Make ${1#"$PROJECT/"} from ${2#"$PROJECT/"}" venv_make "$@"
)

venv_make() {
    "$UV" venv --clear --python "$PYTHONS" --python-preference system "$1"
    # Wheels alone, so that nothing is run while it is installed.
    "$UV" pip sync --python "$1" --only-binary :all: --require-hashes "$2"
    venv_stamp "$@" >"$1/stamp"
}
