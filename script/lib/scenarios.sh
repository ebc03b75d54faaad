# shellcheck shell=bash
# Molecule's scenarios: found by their folders, run side by side.

# A scenario waits for its hosts most of the time, so that two fit on two cores.
SCENARIOS_AT_ONCE=2

# scenarios_all: the names of all scenarios, a line each. Those with the most tests come first:
# so no long one is left alone at the end.
scenarios_all() {
    local file directory
    for file in "$PROJECT"/molecule/*/molecule.yml; do
        directory=$(dirname "$file")
        printf '%d %s\n' "$(cat "$directory"/tests/*.py | wc --bytes)" "$(basename "$directory")"
    done | sort --numeric-sort --reverse | cut --delimiter=' ' --fields=2
}

# scenarios_check NAME…: ends the script when one does not exist.
scenarios_check() {
    local name
    for name; do
        [[ -f $PROJECT/molecule/$name/molecule.yml ]] ||
            die "no such scenario: '$name'; there are: $(scenarios_all | paste -sd ' ')"
    done
}

scenario_log() { printf '%s/molecule-%s.log' "$LOGS" "$1"; }

# run_scenario NAME: everything that Molecule does for it, into its log.
run_scenario() {
    cd "$PROJECT" || return
    PATH=$VENV/bin:$PATH NO_COLOR=1 exec molecule test --no-command-borders --scenario-name "$1" \
        >"$(scenario_log "$1")" 2>&1 </dev/null
}

# run_scenarios NAME…: runs them, says how each went, and records it in script/test's summary.
run_scenarios() {
    local -A name_of=() started_at=()
    local name
    # A script that is interrupted leaves no scenario running.
    trap 'kill $(jobs -p) 2>/dev/null' EXIT
    for name; do
        if ((${#name_of[@]} == SCENARIOS_AT_ONCE)); then
            await_scenario
        fi
        (run_scenario "$name") &
        name_of[$!]=$name
        started_at[$!]=$EPOCHREALTIME
    done
    while ((${#name_of[@]})); do
        await_scenario
    done
    trap - EXIT
}

# await_scenario: the next scenario of run_scenarios that ends.
await_scenario() {
    local pid status=0 name
    wait -n -p pid "${!name_of[@]}" || status=$?
    name=${name_of[$pid]}
    record "molecule $name" "$status" "${started_at[$pid]}"
    # shellcheck disable=SC2154 # record's, in script/test
    printf '%s\n' "${summary[-1]}"
    if ((status != 0)); then
        tail -n 60 "$(scenario_log "$name")" | sed 's/^/    /'
        printf '  The whole output: %s\n' "$(scenario_log "$name")"
    fi
    unset "name_of[$pid]"
}
