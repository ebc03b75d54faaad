# shellcheck shell=bash
# The Docker engine that the hosts run in: found, or installed and started.

# Written when we started the daemon ourselves: its process id, so that it can be stopped by that.
ENGINE_PID_FILE=/run/python-service-engine.pid
ENGINE_LOG=/var/log/python-service-engine.log

engine_answers() { docker version --format '{{.Server.Version}}' >/dev/null 2>&1; }

# engine_claim "$@": makes sure that this process may talk to the engine, or install one. Where
# only root may, the script runs itself again through sudo with the same arguments.
engine_claim() {
    if ((EUID == 0)) || engine_answers; then
        return
    fi
    engine_require_ours
    command -v sudo >/dev/null ||
        die "no Docker engine answers to $(id -un) and there is no sudo; run this as root"
    echo "  Only root may talk to the Docker engine here: running again with sudo."
    exec sudo --preserve-env=NO_COLOR,TERM,http_proxy,https_proxy,no_proxy -- "$PROJECT/script/$(basename "$0")" "$@"
}

# An engine that the user chose is the user's to repair.
engine_require_ours() {
    [[ -z ${DOCKER_HOST:-} ]] ||
        die "the Docker engine at DOCKER_HOST=$DOCKER_HOST does not answer; start it, or unset DOCKER_HOST"
}

# engine_ensure: an engine answers when this returns.
engine_ensure() {
    engine_answers && return
    engine_require_ours
    local packages=()
    command -v dockerd >/dev/null || packages+=(docker.io ca-certificates)
    # Debian 13 took the client out of docker.io.
    if ! command -v docker >/dev/null && apt_known docker-cli; then
        packages+=(docker-cli)
    fi
    apt_ensure 'the Docker engine' "${packages[@]}"
    engine_answers || step 'Start the Docker engine' engine_start
}

engine_start() {
    lock engine
    engine_answers && return
    if [[ -d /run/systemd/system ]]; then
        as_root systemctl start docker
    else
        engine_forget_dead_pid
        setsid dockerd >"$ENGINE_LOG" 2>&1 </dev/null 9>&- &
        echo $! >"$ENGINE_PID_FILE"
    fi
    local second
    for ((second = 0; second < 60; second++)); do
        engine_answers && return
        # Gone is gone; that it has another name yet only means that it is about to become dockerd.
        if [[ -f $ENGINE_PID_FILE && ! -d /proc/$(<"$ENGINE_PID_FILE") ]]; then
            break
        fi
        sleep 1
    done
    [[ ! -f $ENGINE_LOG ]] || tail -n 15 "$ENGINE_LOG"
    echo "the engine did not answer; see $ENGINE_LOG, or 'journalctl -u docker' where systemd started it"
    return 1
}

# dockerd refuses to start beside a pid file, also when its process died with the machine.
engine_forget_dead_pid() {
    local file=/var/run/docker.pid
    [[ -f $file ]] || return 0
    is_dockerd "$(<"$file")" || rm -f "$file"
}

# is_dockerd PID: a process of that id is alive, and no other program took the id over.
is_dockerd() { [[ $(cat "/proc/$1/comm" 2>/dev/null || true) == dockerd ]]; }

# engine_is_ours: the daemon that we started is alive.
engine_is_ours() { [[ -f $ENGINE_PID_FILE ]] && is_dockerd "$(<"$ENGINE_PID_FILE")"; }

# engine_stop_if_idle: stops the daemon that we started, once no container of anybody is left.
engine_stop_if_idle() {
    engine_is_ours || return 0
    [[ -z $(docker ps --all --quiet) ]] || return 0
    step 'Stop the Docker engine that was started here' engine_stop
}

engine_stop() {
    local pid
    pid=$(<"$ENGINE_PID_FILE")
    as_root kill "$pid"
    while [[ -d /proc/$pid ]]; do sleep 0.1; done
    as_root rm -f "$ENGINE_PID_FILE"
}
