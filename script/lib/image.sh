# shellcheck shell=bash
# The image of a host: one definition, in lib/host, on the base of any Debian release.

HOST_DEFINITION=$PROJECT/script/lib/host
# shellcheck disable=SC2034 # for script/bootstrap
HOST_IMAGES=(debian:11 debian:12 debian:13 debian:testing)

# image_tag IMAGE: our name for the host made from it, such as python-service-host:debian-12.
image_tag() { printf 'python-service-host:%s' "${1//:/-}"; }

# image_digest IMAGE: changes when the definition does.
image_digest() {
    { cat "$HOST_DEFINITION"/* && echo "$1"; } | sha256sum | cut -c 1-16
}

# image_suite IMAGE: the name of the release on a Debian mirror.
image_suite() {
    case $1 in
    debian:11) echo bullseye ;;
    debian:12) echo bookworm ;;
    debian:13) echo trixie ;;
    debian:testing) echo testing ;;
    *) die "no host can be made from '$1'; take debian:11, debian:12, debian:13 or debian:testing" ;;
    esac
}

image_is_current() {
    [[ $(docker image inspect --format '{{index .Config.Labels "python-service.definition"}}' \
        "$(image_tag "$1")" 2>/dev/null) == "$(image_digest "$1")" ]]
}

# image_ensure IMAGE: the host image is there and up to date when this returns.
image_ensure() (
    suite=$(image_suite "$1")
    lock "image-${1//:/-}"
    image_is_current "$1" && exit
    image_has_base "$1" || step "Look for $1 in a registry" image_pull_base "$1"
    if ! image_has_base "$1"; then
        apt_ensure 'to make a Debian root file system' mmdebstrap debian-archive-keyring
        step "Make the base of $1 from a Debian mirror" image_make_base "$1" "$suite"
    fi
    step "Make the host image of $1" image_build "$1"
)

# image_base IMAGE: the name of its base: the release's own image, else the one made here, which
# has a name of its own so that it can never pass for the former.
image_base() {
    if docker image inspect "$1" >/dev/null 2>&1; then
        echo "$1"
    else
        echo "python-service-base:${1//:/-}"
    fi
}

image_has_base() { docker image inspect "$(image_base "$1")" >/dev/null 2>&1; }

# Nobody has to be able to reach a registry, so that none answers is no failure.
image_pull_base() {
    timeout 120 docker pull --quiet "$1" || echo 'No registry answered: the base is made here.'
}

image_make_base() {
    # The list of packages of a snapshot is past its date, and testing's may be of any age.
    mmdebstrap --variant=minbase --aptopt='Acquire::Check-Valid-Until "false"' \
        --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
        --dpkgopt='path-exclude=/usr/share/locale/*' \
        "$2" - | docker import - "python-service-base:${1//:/-}"
}

image_build() {
    docker build --build-arg "BASE=$(image_base "$1")" --label "python-service.definition=$(image_digest "$1")" \
        --tag "$(image_tag "$1")" "$HOST_DEFINITION"
}
