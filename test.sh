#!/usr/bin/env bash
# Installs what the tests need, checks the formatting, builds, and runs all tests.
#   ./test.sh                                  everything, as CI does; says first what it will install
#   ./test.sh --filter Category=Browser        arguments go to dotnet test
#   ./test.sh --fast                           the inner loop: installs nothing (a first restore apart), builds what has changed,
#                                              and runs the quick tests
#   ./test.sh --fast --filter Name~is_refused  those of the quick tests
# Quick are the tests that need neither a browser nor nginx, Node, PostgreSQL, PgBouncer or Redis (McpIdentity.Tests/Support/Needs.cs sees to
# it that such a test says so), and are not of the category Slow: more than some five seconds, as kills, races, faults that are
# waited for, and several starts of the server's program take.
# Needs the .NET SDK 10, and without --fast Node 20. The last line is "N passed, N failed[, N skipped]".
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1 DOTNET_CLI_UI_LANGUAGE=en
# The many servers that the tests start end before a profile of them pays: a tenth of the processor time. Another tenth, mostly the
# kernel's, is for each page of code that is compiled to be mapped twice, which a server is safer for and a test is not.
export DOTNET_TieredPGO=0 DOTNET_EnableWriteXorExecute=0
results=TestResults
quick='Category!=Browser&Category!=Nginx&Category!=Node&Category!=PgBouncer&Category!=Postgres&Category!=Redis&Category!=Slow'

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

# The tests that failed, each with what it said first: what they wrote to the terminal has gone by long ago.
failures() {
    find "$results" -name '*.trx' -exec cat {} + | tr '\r\n' '  ' | awk -v RS='<UnitTestResult ' '
        /^[^>]* outcome="Failed"/ && match($0, / testName="[^"]*"/) {
            print "  failed: " substr($0, RSTART + 11, RLENGTH - 12)
            if (match($0, /<Message>[^<]*/)) { print "    " substr($0, RSTART + 9, RLENGTH < 609 ? RLENGTH - 9 : 600) }
        }' | sed 's/&lt;/</g; s/&gt;/>/g; s/&quot;/"/g; s/&#x*[0-9A-Fa-f]*;/ /g; s/&amp;/\&/g' || true
}

install_and_build() {
    local packages=()
    has chromium || packages+=(chromium)
    has_postgres || packages+=(postgresql)
    has pgbouncer || packages+=(pgbouncer)
    has redis-server || packages+=(redis-server)
    has nginx || packages+=(nginx)
    has ip || packages+=(iproute2)
    has script || packages+=(bsdutils)

    step "Tools"
    dotnet --version
    node --version

    step "What will be installed"
    if [ "${#packages[@]}" -gt 0 ]; then
        echo "by apt-get, on this machine: ${packages[*]}, and what they depend on"
    else
        echo "by apt-get: nothing; Chromium, PostgreSQL, PgBouncer, Redis, nginx, ip and script are here"
    fi
    echo "by npm ci, in McpIdentity.Tests/McpClients/typescript/node_modules: the test clients and the MCP conformance suite of its"
    echo "    package-lock.json, and a Node 22 for two of them (npm warns that this Node is too old for them)"
    echo "by dotnet tool restore, in ${NUGET_PACKAGES:-$HOME/.nuget/packages}: the tools of dotnet-tools.json"
    echo "by dotnet restore, in ${NUGET_PACKAGES:-$HOME/.nuget/packages}: the packages of each packages.lock.json,"
    echo "    and .NET's ahead-of-time compiler"

    if [ "${#packages[@]}" -gt 0 ]; then
        step "apt-get install ${packages[*]}"
        install_packages "${packages[@]}" </dev/null
    fi

    step "npm ci (the test clients and the conformance suite)"
    (cd McpIdentity.Tests/McpClients/typescript && npm ci --no-audit --no-fund </dev/null)

    step "dotnet tool restore"
    dotnet tool restore

    step "dotnet restore --locked-mode"
    dotnet restore --locked-mode

    step "dotnet format --verify-no-changes"
    dotnet format --verify-no-changes --no-restore

    step "dotnet build"
    dotnet build -c Release --no-restore
}

# In Debug, so that what an editor, `dotnet run` or `dotnet test` has built is not built again; without
# the analyzers, which take as long as the compiler: an editor shows what they say, and the full run fails for it.
build_what_changed() {
    local restored=McpIdentity.Tests/obj/restored-by-test.sh
    if needs_restore "$restored"; then
        step "dotnet restore --locked-mode"
        dotnet restore --locked-mode
        touch "$restored" # A restore that finds nothing to do leaves its own files as they are.
    fi

    step "dotnet build McpIdentity.Tests"
    dotnet build McpIdentity.Tests --no-restore --verbosity quiet -p:RunAnalyzers=false
}

# Whether a project was never restored, or what says its packages is newer than the last time.
needs_restore() {
    local file
    for file in Directory.*.props */*.csproj examples/*/*.csproj */packages.lock.json examples/*/packages.lock.json; do
        if [ "$file" -nt "$1" ]; then return 0; fi
    done
    for file in */packages.lock.json examples/*/packages.lock.json; do
        if [ ! -e "$(dirname "$file")/obj/project.assets.json" ]; then return 0; fi
    done
    return 1
}

fast=false
filter=
arguments=()
while [ $# -gt 0 ]; do
    case "$1" in
        --fast) fast=true ;;
        --filter) filter=${2:?an expression must follow --filter}; shift ;;
        --filter=*) filter=${1#--filter=} ;;
        *) arguments+=("$1") ;;
    esac
    shift
done

if $fast; then
    build_what_changed
    filter="$quick${filter:+&($filter)}"
    # The assembly and not the project, which dotnet test would evaluate once more.
    run=(McpIdentity.Tests/bin/Debug/net*/McpIdentity.Tests.dll)
else
    install_and_build
    run=(-c Release --no-build)
fi

# What we add comes first: behind a "--" in the arguments it would be no option.
[ -z "$filter" ] || run+=(--filter "$filter")
run+=(--logger "trx;LogFilePrefix=tests" --results-directory "$results" "${arguments[@]}")

step "dotnet test ${run[*]}"
rm -rf "$results"
status=0
dotnet test "${run[@]}" </dev/null || status=$?

read -r passed failed skipped <<<"$(counted)" || true
passed=${passed:-0} failed=${failed:-0} skipped=${skipped:-0}

if [ "$status" -eq 0 ] && [ "$failed" -gt 0 ]; then status=1; fi
if [ "$((passed + failed))" -eq 0 ]; then
    echo "No test ran."
    if $fast; then echo "With --fast only those that fit $filter"; fi
    [ "$status" -ne 0 ] || status=1
elif [ "$status" -ne 0 ] && [ "$failed" -eq 0 ]; then
    echo "The test run ended with exit code $status, although no test failed."
fi

if [ "$failed" -gt 0 ]; then
    step "What failed"
    failures
fi

summary="$passed passed, $failed failed"
[ "$skipped" -eq 0 ] || summary+=", $skipped skipped"
printf '\n%s\n' "$summary"
exit "$status"
