# shellcheck shell=bash
# The controller's Python environment: .venv, made from requirements.lock and nothing else.

REQUIREMENTS=$PROJECT/requirements.lock

# ansible-core 2.19 asks for this one; the lock ends at the newest that it was made for.
PYTHONS=(python3 python3.14 python3.13 python3.12 python3.11)
PYTHON_FITS='import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info < (3, 15))'

# venv_python: the path of an interpreter that can make the environment.
venv_python() {
    local python
    for python in "${PYTHONS[@]}"; do
        if "$python" -c "$PYTHON_FITS" 2>/dev/null; then
            "$python" -c 'import sys; print(sys.executable)'
            return
        fi
    done
    return 1
}

# venv_install_python: from the distribution, its default version before any other.
venv_install_python() {
    apt_ensure 'Python with venv' python3 python3-venv
    if venv_python >/dev/null; then
        return
    fi
    local python
    for python in "${PYTHONS[@]:1}"; do
        if apt_known "$python-venv"; then
            apt_ensure 'a newer Python' "$python" "$python-venv"
            return
        fi
    done
    die "Ansible needs Python 3.11 to 3.14, and this distribution has none; install one so that 'python3.11' is found"
}

# venv_stamp PYTHON: what the environment depends on, in one line.
venv_stamp() {
    printf '%s %s %s\n' "$(sha256sum <"$REQUIREMENTS" | cut -c 1-64)" "$VENV" "$("$1" -VV | tr '\n' ' ')"
}

# venv_ensure: .venv is complete and up to date when this returns.
venv_ensure() (
    lock venv
    # Its own interpreter first: the one on PATH may be another from day to day.
    if [[ -f $VENV/stamp && $(<"$VENV/stamp") == "$(venv_stamp "$VENV/bin/python" 2>/dev/null)" ]]; then
        exit
    fi
    venv_python >/dev/null || venv_install_python
    step 'Make .venv from requirements.lock' venv_make "$(venv_python)"
)

venv_make() {
    rm -rf "$VENV"
    "$1" -m venv "$VENV"
    # Wheels alone, so that nothing is run while it is installed. Compiling every module of every
    # collection takes longer than all else together; Python compiles those that are used.
    "$VENV/bin/python" -m pip install --disable-pip-version-check --no-input --quiet --no-compile \
        --only-binary :all: --require-hashes --requirement "$REQUIREMENTS"
    venv_stamp "$VENV/bin/python" >"$VENV/stamp"
}
