#!/usr/bin/env bash
# Prints which folder of a project uses which, floor by floor from the ground up, and fails when folders form a circle.
#   docs/arrows.sh                     McpIdentity.Server
#   docs/arrows.sh McpIdentity.Mcp     another project
#   docs/arrows.sh --files Tokens      the files behind the arrows of one folder
# An arrow is a `using` of the other folder's namespace, or a type of it that is named without one: half-qualified
# (Protocol.Paths), by a page, or a type beside Program.cs. A folder is a namespace; the folder "." is the project's own.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

show=""
if [ "${1:-}" = --files ]; then show=${2:?which folder}; shift 2; fi
project=${1:-McpIdentity.Server}

find "$project" \( -name bin -o -name obj \) -prune -o \( -name '*.cs' -o -name '*.cshtml' \) -print | sort |
    awk -v project="$project" -v show="$show" '
    function folder_of(file,    parts, n) { n = split(file, parts, "/"); return n > 2 ? parts[2] : "." }
    function arrow(from, to, file) {
        if (from == to || from == "." || file ~ /_ViewImports|_ViewStart/) return
        if (!((from, to, file) in seen)) { seen[from, to, file] = 1; uses[from, to]++ }
    }
    {
        file = $0; files[++count] = file; from[file] = folder_of(file); known[from[file]] = 1
        while ((getline row < file) > 0) {
            text[file] = text[file] row "\n"
            if (file ~ /\.cs$/ && match(row, /^(public|internal)[a-z ]* (class|record|struct|interface|enum) +(struct +)?[A-Za-z0-9_]+/)) {
                type = substr(row, RSTART, RLENGTH); sub(/^.* /, "", type); home[type] = from[file]
            }
        }
        close(file)
    }
    END {
        for (i = 1; i <= count; i++) {
            file = files[i]; lines = split(text[file], line, "\n")
            for (l = 1; l <= lines; l++) {
                rest = line[l]
                if (rest ~ /^(@)?using /) {
                    name = rest; sub(/^@?using (static )?([A-Za-z]+ = )?/, "", name); sub(/;.*/, "", name)
                    if (index(name, project ".") == 1) { sub(/^[^.]*\.[^.]*\./, "", name); sub(/\..*/, "", name); if (name in known) arrow(from[file], name, file) }
                    continue
                }
                if (rest ~ /^ *\/\/[^\/]/) continue
                # Words, with what stands before them: a member (x.Name) is not a type.
                before = ""; qualified = ""
                while (match(rest, /[A-Za-z_][A-Za-z0-9_]*/)) {
                    lead = substr(rest, 1, RSTART - 1); word = substr(rest, RSTART, RLENGTH); rest = substr(rest, RSTART + RLENGTH)
                    isMember = lead ~ /\.$/
                    if (isMember && lead == "." && (before in known) && (word in home) && home[word] == before && !qualified) arrow(from[file], before, file)
                    if (!isMember && (word in home) && home[word] == ".") arrow(from[file], ".", file)
                    if (!isMember && file ~ /\.cshtml$/ && (word in home)) arrow(from[file], home[word], file)
                    qualified = isMember; before = word
                }
            }
        }

        # The floor of a folder is one above the highest that it uses. What never gets one is in a circle, or above it.
        for (turn in known) for (f in known) {
            if (f in floor) continue
            highest = 0; open = 0
            for (g in known) if ((f, g) in uses) { if (g in floor) { if (floor[g] > highest) highest = floor[g] } else open = 1 }
            if (!open) floor[f] = highest + 1
        }

        n = 0
        for (f in known) order[++n] = sprintf("%03d %s", (f in floor) ? floor[f] : 999, f)
        for (i = 2; i <= n; i++) { key = order[i]; for (j = i - 1; j >= 1 && order[j] > key; j--) order[j + 1] = order[j]; order[j + 1] = key }
        circle = ""
        for (i = 1; i <= n; i++) {
            f = substr(order[i], 5); if (f == ".") continue
            list = ""
            for (j = 1; j <= n; j++) { g = substr(order[j], 5); if ((f, g) in uses) list = list (list ? ", " : "") (g == "." ? "Program.cs" : g) }
            if (!(f in floor)) circle = circle " " f
            if (show && f != show) continue
            printf "%s %-14s -> %s\n", (f in floor) ? floor[f] : "?", f, list ? list : "-"
            if (f == show) for (j = 1; j <= count; j++) { found = ""; for (g in known) if ((f, g, files[j]) in seen) found = found " " g; if (found) print "      " files[j] " ->" found }
        }
        if (circle) { print "In a circle, or above one:" circle; exit 1 }
    }'
