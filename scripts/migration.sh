#!/bin/sh
# After a change of the entities: one migration for each database, and what the server reads of them when it starts.
#   scripts/migration.sh NAME   adds the migration NAME
#   scripts/migration.sh        only writes the compiled models (Model/) and the tables of an empty database (Schema.sql) again
set -eu
cd "$(dirname "$0")/.."

ef() {
    verb=$1 provider=$2
    shift 2
    # shellcheck disable=SC2086 # two words
    dotnet ef $verb "$@" --no-build --project migrations --startup-project migrations --context "${provider}McpIdentityDbContext"
}

rm -rf migrations/Sqlite/Model migrations/Postgres/Model # of entities that may not be there any more
dotnet build migrations --verbosity quiet
for provider in Sqlite Postgres; do
    ef "dbcontext optimize" "$provider" --output-dir "$provider/Model" --namespace "McpIdentity.Migrations.$provider"
    [ $# -eq 0 ] || ef "migrations add" "$provider" "$1" --output-dir "$provider"
done

[ $# -eq 0 ] || dotnet build migrations --verbosity quiet
for provider in Sqlite Postgres; do
    ef "migrations script" "$provider" --no-transactions --output "migrations/$provider/Schema.sql"
    sed -i '1s/^\xef\xbb\xbf//' "migrations/$provider/Schema.sql" # no byte order mark: it is SQL
done
