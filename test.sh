#!/usr/bin/env bash
# Installs what the tests need, checks the formatting, builds, and runs all tests.
#   ./test.sh                              everything
#   ./test.sh --filter Category=Browser    arguments go to dotnet test
# Needs the .NET SDK 10 and Node 20. The last line is "N passed, N failed[, N skipped]".
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1 DOTNET_CLI_UI_LANGUAGE=en
results=TestResults

step() { printf '\n== %s\n' "$*"; }

as_root() {
    if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi
}

# The servers are started by the tests, each on a port and in a folder of its own; a policy that answers 101
# keeps the packages from starting the system's.
install_packages() {
    local policy=/usr/sbin/policy-rc.d
    if [ ! -e "$policy" ]; then
        printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null
        as_root chmod 755 "$policy"
        trap 'as_root rm -f /usr/sbin/policy-rc.d' EXIT
    fi
    as_root apt-get update -qq
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@"
}

has_postgres() { compgen -G '/usr/lib/postgresql/*/bin/postgres' >/dev/null; }
has() { PATH="$PATH:/usr/sbin" command -v "$1" >/dev/null; }

# What the trx files counted: "passed failed skipped". A test that was not executed is in total only.
counted() {
    find "$results" -name '*.trx' -exec cat {} + | tr '\r\n' '  ' | grep -o '<Counters [^>]*>' | awk '
        function value(name) { return match($0, " " name "=\"[0-9]+\"") ? substr($0, RSTART + length(name) + 3, RLENGTH - length(name) - 4) + 0 : 0 }
        {
            passed += value("passed")
            failed += value("failed") + value("error") + value("timeout") + value("aborted")
            total += value("total")
        }
        END { print passed + 0, failed + 0, total - passed - failed }' || true
}

step "Tools"
dotnet --version
node --version

missing=()
has chromium || missing+=(chromium)
has_postgres || missing+=(postgresql)
has redis-server || missing+=(redis-server)
has nginx || missing+=(nginx)
if [ "${#missing[@]}" -gt 0 ]; then
    step "Debian packages: ${missing[*]}"
    install_packages "${missing[@]}" </dev/null
fi

step "npm ci (the TypeScript test clients)"
(cd McpIdentity.Tests/McpClients/typescript && npm ci --no-audit --no-fund </dev/null)

step "dotnet tool restore"
dotnet tool restore

step "dotnet restore --locked-mode"
dotnet restore --locked-mode

step "dotnet format --verify-no-changes"
dotnet format --verify-no-changes --no-restore

step "dotnet build"
dotnet build -c Release --no-restore

step "dotnet test $*"
rm -rf "$results"
status=0
dotnet test -c Release --no-build --logger "trx;LogFilePrefix=tests" --results-directory "$results" "$@" </dev/null || status=$?

read -r passed failed skipped <<<"$(counted)" || true
passed=${passed:-0} failed=${failed:-0} skipped=${skipped:-0}

if [ "$status" -eq 0 ] && [ "$failed" -gt 0 ]; then status=1; fi
if [ "$((passed + failed))" -eq 0 ]; then
    echo "No test ran."
    [ "$status" -ne 0 ] || status=1
elif [ "$status" -ne 0 ] && [ "$failed" -eq 0 ]; then
    echo "The test run ended with exit code $status, although no test failed."
fi

summary="$passed passed, $failed failed"
[ "$skipped" -eq 0 ] || summary+=", $skipped skipped"
printf '\n%s\n' "$summary"
exit "$status"
