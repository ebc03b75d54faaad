# shellcheck shell=bash
# Debian packages: what is missing is installed, what is there is left alone.

# apt_have PACKAGE: whether it is installed.
apt_have() { [[ $(dpkg-query -W -f '${db:Status-Abbrev}' "$1" 2>/dev/null) == ii* ]]; }

# apt_known PACKAGE: whether this release of the distribution has it.
apt_known() { [[ -n $(apt-cache madison "$1" 2>/dev/null) ]]; }

# apt_ensure PURPOSE PACKAGE…: installs those that are missing.
apt_ensure() {
    local purpose=$1 missing=() package
    shift
    command -v apt-get >/dev/null ||
        die "this is not Debian or Ubuntu; install what your distribution calls $* ($purpose), then run this again"
    for package; do
        apt_have "$package" || missing+=("$package")
    done
    ((${#missing[@]})) || return 0
    step "Install ${missing[*]} ($purpose)" apt_install "${missing[@]}"
}

apt_install() {
    local options=(-y --no-install-recommends -o DPkg::Lock::Timeout=600)
    # The lists on the machine may be absent or name versions that the mirror no longer has.
    apt_run install "${options[@]}" "$@" || {
        apt_run update
        apt_run install "${options[@]}" "$@"
    }
}

apt_run() { as_root env DEBIAN_FRONTEND=noninteractive apt-get "$@"; }
