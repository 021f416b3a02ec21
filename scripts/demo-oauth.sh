#!/usr/bin/env bash
# The OAuth server for trying out, on port 8082 (or PORT), with Google from .env.oauth or the environment, or with two demo users.
#   scripts/demo-oauth.sh                              arguments go to dotnet run
#   scripts/demo-oauth.sh -- --Server:Port=9000        what follows -- goes to the server
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

env_file=${Server__EnvFile:-.env.oauth}

# Set in the environment or in the file, to something other than the placeholder of .env.oauth.example. The server reads the file itself.
is_set() {
    local value=${!1:-}
    if [ -z "$value" ] && [ -f "$env_file" ]; then
        value=$(sed -n "s/^[[:space:]]*\(export[[:space:]]\{1,\}\)\{0,1\}$1[[:space:]]*=[[:space:]]*//p" "$env_file" | tail -n 1 | tr -d "\"'\r")
    fi
    [ -n "$value" ] && [[ $value != your_client_* ]]
}

missing=()
for name in GOOGLE_CLIENT_ID GOOGLE_CLIENT_SECRET; do
    is_set "$name" || is_set "${name}_FILE" || missing+=("$name")
done

if [ "${#missing[@]}" -gt 0 ]; then
    echo "Sign-in with Google is off; missing: ${missing[*]}"
    echo "To use it, copy .env.oauth.example to .env.oauth, fill it in, and register the redirect URI http://localhost:${PORT:-8082}/oauth/callback."
    echo "Until then sign in as one of the demo users alice and bob (no password, Development only)."
    echo
fi

exec dotnet run --project McpIdentity.Server --launch-profile demo-oauth "$@"
