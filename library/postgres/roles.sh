#!/usr/bin/env bash
# Runs in PostgreSQL's container. The image creates the application's role as a superuser; this makes it an ordinary role that owns its
# databases (decision 28: docs/adr). Usage: docker compose exec --no-TTY postgres bash -s <library/postgres/roles.sh
#
# The superuser stays, under the name postgres, without a password: it connects only through this container's socket. First, all objects
# of the application are given to a new role, one by one. That role is a superuser meanwhile, and cannot log in:
# code that runs with its owner's rights works as before. Then one transaction swaps the names, and revokes the superuser right.
# If it is interrupted before that, everything works as before; run it again to continue.
set -euo pipefail

readonly ROLE=${POSTGRES_USER:-postgres}
readonly DATABASE=${POSTGRES_DB:-$ROLE}
readonly NEXT=bedplate_next_owner SUPERUSER=postgres CONVERTER=bedplate_converter
readonly TRIES=5 PAUSE=3

# Safe against malicious names in schemas of the search path, and against event triggers. Waiting for a table that a long
# transaction locks makes others wait: two seconds, long enough for autovacuum to yield.
readonly OPTIONS='-c search_path=pg_catalog -c event_triggers=off -c lock_timeout=2s -c client_min_messages=warning
  -c default_transaction_read_only=off'

# By variables: as an option, a name that contains = would be read as a connection string.
as() { # ROLE DATABASE [OPTION…]
  PGUSER=$1 PGDATABASE=$2 PGOPTIONS=${OPTIONS//$'\n'/} psql --no-psqlrc --no-password --quiet --tuples-only --no-align \
    --set=ON_ERROR_STOP=1 --set=role="$ROLE" --set=live="$DATABASE" --set=next="$NEXT" --set=superuser="$SUPERUSER" \
    --set=converter="$CONVERTER" "${@:3}"
}

abort() {
  printf 'Note: PostgreSQL'\''s role %s may still be a superuser: %s\n' "$ROLE" "$*"
  exit 3
}

note() {
  printf 'Note: PostgreSQL: %s\n' "$*"
}

# Succeeds if the application's role is the bootstrap superuser of the cluster.
is_bootstrap() {
  local answer
  answer=$(PGUSER=$ROLE PGDATABASE=$DATABASE psql --no-psqlrc --no-password --quiet --tuples-only --no-align \
    --command='SELECT oid = 10 FROM pg_catalog.pg_roles WHERE rolname = session_user') ||
    abort 'it cannot connect through the socket, as PostgreSQL says above. Are its name, its database and pg_hba.conf as the image made them?'
  [[ $answer == t ]]
}

readonly TRUSTED="
SELECT 1 FROM pg_hba_file_rules
WHERE type = 'local' AND auth_method = 'trust' AND database = '{all}' AND user_name = '{all}' AND error IS NULL"
readonly TAKEN="SELECT 1 FROM pg_roles WHERE rolname = :'superuser'"
readonly SHARED="SELECT 1 FROM pg_auth_members JOIN pg_roles ON pg_roles.oid = roleid WHERE rolname = :'next'"

require_way() {
  [[ $ROLE != "$SUPERUSER" ]] || abort "its name is the superuser's. Give the application a role of its own, in POSTGRES_USER."
  [[ -z $(as "$ROLE" "$DATABASE" <<<"$TAKEN") ]] ||
    abort "there is another role named $SUPERUSER. Rename that one: ALTER ROLE $SUPERUSER RENAME TO …"
  [[ -z $(as "$ROLE" "$DATABASE" <<<"$SHARED") ]] ||
    abort "a role named $NEXT was made by others: it has members. Drop or rename it."
  [[ -n $(as "$ROLE" "$DATABASE" <<<"$TRUSTED") ]] ||
    abort 'pg_hba.conf has no line "local all all trust", which a superuser without a password needs.'
  [[ -z $(as "$ROLE" "$DATABASE" <<<'SELECT 1 FROM pg_stat_replication WHERE usesysid = 10') ]] ||
    abort "a standby or another reader of the log uses it. Give that one a role of its own, with REPLICATION."
}

make_next_owner() {
  as "$ROLE" "$DATABASE" <<'SQL'
SELECT format('CREATE ROLE %I NOLOGIN', :'next') WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = :'next') \gexec
ALTER ROLE :"next" NOLOGIN SUPERUSER CREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS PASSWORD NULL;
SQL
}

# Prints the databases that may have objects of the application, separated by NUL: also previous ones, and the template of new
# ones. A database whose removal failed (-2) accepts no connections.
databases() {
  as "$ROLE" "$DATABASE" --record-separator-zero <<'SQL'
SELECT datname FROM pg_database
WHERE datallowconn AND datconnlimit <> -2 AND (NOT datistemplate OR datname IN (:'live', 'template1'))
SQL
}

# Statements that give the objects of the application's role in a database to the next owner, also those of members of
# that role: so members can still use them. Objects of an extension, dependent objects, and those listed in KEPT stay.
readonly OWNED="
WITH owners AS (
  SELECT 10::oid AS owner
  UNION SELECT member FROM pg_auth_members JOIN pg_roles ON pg_roles.oid = member WHERE roleid = 10 AND NOT rolsuper
), owned (class, oid, owner) AS (
  SELECT tableoid, oid, relowner FROM pg_class WHERE relkind IN ('r', 'p', 'v', 'm', 'f', 'S') AND relpersistence <> 't'
  UNION ALL SELECT tableoid, oid, proowner FROM pg_proc
    WHERE oid NOT IN (SELECT evtfoid FROM pg_event_trigger UNION SELECT castfunc FROM pg_cast)
  UNION ALL SELECT tableoid, oid, typowner FROM pg_type AS t
    WHERE typtype <> 'm' AND NOT EXISTS (SELECT FROM pg_type WHERE typarray = t.oid)
  UNION ALL SELECT tableoid, oid, nspowner FROM pg_namespace
  UNION ALL SELECT tableoid, oid, oprowner FROM pg_operator
  UNION ALL SELECT tableoid, oid, opcowner FROM pg_opclass
  UNION ALL SELECT tableoid, oid, opfowner FROM pg_opfamily
  UNION ALL SELECT tableoid, oid, collowner FROM pg_collation
  UNION ALL SELECT tableoid, oid, conowner FROM pg_conversion
  UNION ALL SELECT 'pg_largeobject'::regclass, oid, lomowner FROM pg_largeobject_metadata
  UNION ALL SELECT tableoid, oid, srvowner FROM pg_foreign_server
  UNION ALL SELECT tableoid, oid, dictowner FROM pg_ts_dict
  UNION ALL SELECT tableoid, oid, cfgowner FROM pg_ts_config
  UNION ALL SELECT tableoid, oid, stxowner FROM pg_statistic_ext
  UNION ALL SELECT tableoid, oid, pubowner FROM pg_publication AS p
    WHERE NOT puballtables AND NOT EXISTS (SELECT FROM pg_publication_namespace WHERE pnpubid = p.oid)
), named AS (
  SELECT class, oid, object.identity, CASE
    WHEN class = 'pg_proc'::regclass THEN 'ROUTINE'
    WHEN class = 'pg_statistic_ext'::regclass THEN 'STATISTICS'
    ELSE upper(object.type)
  END AS kind, coalesce(object.schema, CASE WHEN class = 'pg_namespace'::regclass THEN object.name END, '') AS schema
  FROM owned JOIN owners USING (owner), pg_identify_object(class, oid, 0) AS object
)
SELECT format('ALTER %s %s OWNER TO %I', kind, identity, :'receiver') FROM named
WHERE (oid >= 16384 OR (class = 'pg_namespace'::regclass AND oid = 2200)) AND schema !~ '^pg_(temp|toast)'
AND NOT EXISTS (
  SELECT FROM pg_depend WHERE classid = class AND objid = named.oid AND objsubid = 0 AND (
    deptype IN ('e', 'i') OR (kind = 'SEQUENCE' AND deptype = 'a' AND refclassid = 'pg_class'::regclass AND refobjsubid > 0)
  )
) \gexec"

# Roles that give access, directly or not, to a superuser, the server's files or its programs.
readonly POWERFUL="
SELECT DISTINCT x.oid FROM pg_roles AS x, pg_roles AS p WHERE pg_has_role(x.oid, p.oid, 'MEMBER') AND x.oid <> 10 AND (
  p.rolsuper OR p.rolcreaterole OR p.rolreplication OR p.rolbypassrls
  OR p.rolname IN ('pg_execute_server_program', 'pg_read_server_files', 'pg_write_server_files')
)"

# The rights in a database in addition to its objects: default privileges, user mappings of other servers (those that an owner may
# have), membership in other roles that own objects in it.
readonly RIGHTS="
SELECT DISTINCT format('GRANT %I TO %I', rolname, :'next') FROM pg_shdepend
JOIN pg_database ON pg_database.oid = dbid JOIN pg_roles ON pg_roles.oid = refobjid
WHERE datname = current_database() AND datname = :'live' AND refclassid = 'pg_authid'::regclass AND deptype = 'o'
AND rolname <> :'next' AND rolname !~ '^pg_' AND refobjid NOT IN ($POWERFUL)
AND refobjid NOT IN (SELECT member FROM pg_auth_members WHERE roleid = 10) \gexec
SELECT format('GRANT USAGE ON FOREIGN DATA WRAPPER %I TO %I', fdwname, :'next') FROM pg_foreign_data_wrapper WHERE fdwowner = 10 \gexec
SELECT format('CREATE USER MAPPING IF NOT EXISTS FOR %I SERVER %I %s', :'next', srvname,
  (SELECT 'OPTIONS (' || string_agg(format('%I %L', option_name, option_value), ', ') || ')' FROM pg_options_to_table(umoptions)
    WHERE option_name NOT IN ('password_required', 'sslcert', 'sslkey')))
FROM pg_user_mapping JOIN pg_foreign_server ON pg_foreign_server.oid = umserver WHERE umuser = 10 \gexec
WITH defaults AS (
  SELECT defaclacl, format('ALTER DEFAULT PRIVILEGES FOR ROLE %I %s', :'next', 'IN SCHEMA ' || quote_ident(nspname)) AS first,
    CASE defaclobjtype WHEN 'r' THEN 'TABLES' WHEN 'S' THEN 'SEQUENCES' WHEN 'f' THEN 'ROUTINES' WHEN 'T' THEN 'TYPES'
      WHEN 'n' THEN 'SCHEMAS' WHEN 'L' THEN 'LARGE OBJECTS' END AS kind, defaclnamespace = 0 AS everywhere
  FROM pg_default_acl LEFT JOIN pg_namespace ON pg_namespace.oid = defaclnamespace WHERE defaclrole = 10
)
SELECT format('%s REVOKE ALL ON %s FROM PUBLIC', first, kind) FROM defaults WHERE everywhere
UNION ALL
SELECT format('%s GRANT %s ON %s TO %s%s', first, privilege_type, kind, CASE grantee WHEN 0 THEN 'PUBLIC'
  WHEN 10 THEN quote_ident(:'next') ELSE quote_ident(pg_get_userbyid(grantee)) END,
  CASE WHEN is_grantable AND grantee <> 0 THEN ' WITH GRANT OPTION' END)
FROM defaults, aclexplode(defaclacl) \gexec"

# The databases themselves, also closed ones, and the tablespaces.
readonly SERVER="
SELECT format('ALTER DATABASE %I OWNER TO %I', datname, :'next') FROM pg_database
WHERE datdba = 10 AND (datname NOT IN ('postgres', 'template0', 'template1') OR datname = :'live') \gexec
SELECT format('GRANT CREATE ON TABLESPACE %I TO %I', spcname, :'next') FROM pg_tablespace WHERE spcowner = 10 AND oid >= 16384 \gexec"

# Fails if an object is in use for too long, or on an error of PostgreSQL.
give_away() { # DATABASE
  as "$ROLE" "$1" --set=receiver="$NEXT" <<<"SET synchronous_commit = off; $RIGHTS $OWNED"
}

give_all_away() { # DATABASE
  local try
  for ((try = 1; try <= TRIES; try++)); do
    ! give_away "$1" || return 0
    printf 'In the database %s something is in use, or was refused (try %d of %d).\n' "$1" "$try" "$TRIES"
    sleep "$PAUSE" # let others finish
  done
  abort "not everything in the database $1 could be given to another owner, as PostgreSQL says above. If a long transaction \
holds it, run this again when that has ended."
}

readonly UNTRUSTED="
SELECT format('CREATE SCHEMA IF NOT EXISTS %I; CREATE EXTENSION IF NOT EXISTS %I SCHEMA %I CASCADE;', nspname, extname, nspname)
FROM pg_extension JOIN pg_namespace ON pg_namespace.oid = extnamespace
JOIN pg_available_extension_versions AS v ON v.name = extname AND v.version = extversion
WHERE NOT trusted AND nspname <> 'pg_catalog'"

# Adds extensions that only a superuser may create to the template of new databases, because a restore creates one.
prepare_template() {
  local statements
  statements=$(as "$ROLE" "$DATABASE" <<<"$UNTRUSTED")
  [[ -z $statements ]] || as "$ROLE" template1 <<<"$statements" ||
    note 'an extension could not be created in template1. A restore needs it there: library/docs/how-to/backups.md'
}

readonly EXCHANGE="
$OWNED
SELECT coalesce(rolpassword, '') AS password FROM pg_authid WHERE oid = 10 \gset
CREATE ROLE :\"converter\" SUPERUSER NOLOGIN;
SET LOCAL SESSION AUTHORIZATION :\"converter\";
SELECT format('GRANT %I TO %I WITH ADMIN %s, INHERIT %s, SET %s', rolname, :'next', admin_option::text, inherit_option::text, set_option::text)
FROM pg_auth_members JOIN pg_roles ON pg_roles.oid = roleid WHERE member = 10 AND roleid NOT IN ($POWERFUL) \gexec
SELECT format('GRANT %I TO %I WITH ADMIN %s, INHERIT %s, SET %s', :'next', rolname, admin_option::text, inherit_option::text, set_option::text)
FROM pg_auth_members JOIN pg_roles ON pg_roles.oid = member WHERE roleid = 10 AND rolname <> :'next' \gexec
SELECT format('REVOKE %I FROM %I CASCADE', :'role', rolname) FROM pg_auth_members JOIN pg_roles ON pg_roles.oid = member
WHERE roleid = 10 \gexec
SELECT format('ALTER ROLE %I CONNECTION LIMIT %s VALID UNTIL %L', :'next', rolconnlimit, coalesce(rolvaliduntil, 'infinity'))
FROM pg_authid WHERE oid = 10 \gexec
ALTER ROLE :\"role\" RENAME TO :\"superuser\";
ALTER ROLE :\"next\" RENAME TO :\"role\";
ALTER ROLE :\"role\" LOGIN NOSUPERUSER;
SELECT format('ALTER ROLE %I PASSWORD %L', :'role', :'password') WHERE :'password' <> '' \gexec
ALTER ROLE :\"superuser\" PASSWORD NULL CONNECTION LIMIT -1 VALID UNTIL 'infinity';
UPDATE pg_db_role_setting SET setrole = (SELECT oid FROM pg_roles WHERE rolname = :'role') WHERE setrole = 10;
RESET SESSION AUTHORIZATION;
DROP ROLE :\"converter\";"

# Swaps the names in one transaction, with objects that were created meanwhile in the live database. PostgreSQL lets no session
# rename its own login role, so it acts as a third role, which it drops at the end.
exchange() {
  as "$ROLE" "$DATABASE" --single-transaction --set=receiver="$NEXT" <<<"$EXCHANGE"
}

# Existing sessions keep the superuser's rights until they end. Those that were idle for a minute are ended: Django
# reconnects. The others end with their containers, or within ten minutes (CONN_MAX_AGE).
readonly END_SESSIONS="
SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE usesysid = 10 AND backend_type = 'client backend'
AND pid <> pg_backend_pid() AND state = 'idle' AND state_change < now() - interval '1 minute'"

# Objects that stay with the superuser, because PostgreSQL lets no other role own them, or because a superuser would run them; and
# roles whose rights the application loses.
readonly KEPT="
SELECT 'event trigger ' || evtname FROM pg_event_trigger WHERE evtowner = 10
UNION ALL SELECT 'function ' || oid::regprocedure FROM pg_proc
  WHERE proowner = 10 AND oid >= 16384 AND oid IN (SELECT evtfoid FROM pg_event_trigger UNION SELECT castfunc FROM pg_cast)
  AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = pg_proc.oid AND deptype IN ('e', 'i'))
UNION ALL SELECT 'publication ' || pubname FROM pg_publication WHERE pubowner = 10
UNION ALL SELECT 'subscription ' || subname FROM pg_subscription
  WHERE subowner = 10 AND subdbid = (SELECT oid FROM pg_database WHERE datname = current_database())
UNION ALL SELECT 'foreign data wrapper ' || fdwname FROM pg_foreign_data_wrapper WHERE fdwowner = 10 AND oid >= 16384
  AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = pg_foreign_data_wrapper.oid AND deptype = 'e')
UNION ALL SELECT 'rights of the role ' || rolname FROM pg_shdepend JOIN pg_database ON pg_database.oid = dbid
  JOIN pg_roles ON pg_roles.oid = refobjid WHERE datname = current_database() AND refclassid = 'pg_authid'::regclass
  AND deptype = 'o' AND refobjid IN ($POWERFUL) GROUP BY rolname"
readonly PROGRAMS="
SELECT ftrelid::regclass FROM pg_foreign_table WHERE EXISTS (SELECT FROM unnest(ftoptions) AS option WHERE option ^@ 'program=')"

report() {
  local database found
  for database in "$@"; do
    found=$(as "$SUPERUSER" "$database" <<<"$KEPT" | paste -s -d ',' - | sed 's/,/, /g')
    [[ -z $found ]] || note "in the database $database, these stay with the superuser $SUPERUSER: $found"
    found=$(as "$SUPERUSER" "$database" <<<"$PROGRAMS" | paste -s -d ' ' -)
    [[ -z $found ]] || note "in the database $database, reading these tables still runs a program on the server: $found"
  done
  found=$(as "$SUPERUSER" "$DATABASE" <<<'SELECT rolname FROM pg_roles WHERE rolsuper AND oid <> 10' | paste -s -d ' ' -)
  [[ -z $found ]] || note "these roles are superusers, too: $found"
}

main() {
  local all database
  exec 8>/tmp/bedplate-roles.lock
  flock 8 # a run that was interrupted on the host may continue here
  is_bootstrap || exit 0
  require_way
  mapfile -d '' -t all < <(databases)
  make_next_owner
  prepare_template
  as "$ROLE" "$DATABASE" <<<"$SERVER" || abort 'PostgreSQL says above why.'
  for database in "${all[@]}"; do
    give_all_away "$database"
  done
  exchange || abort 'the names could not be exchanged, as PostgreSQL says above.'
  for database in "${all[@]}"; do # objects that were created meanwhile
    as "$SUPERUSER" "$database" --set=receiver="$ROLE" <<<"$OWNED" || note "something in the database $database is in use, and not given away"
  done
  as "$SUPERUSER" "$DATABASE" <<<"$END_SESSIONS" >/dev/null
  report "${all[@]}"
  printf 'PostgreSQL: %s owns its databases and is no superuser any more; the superuser is %s, by the socket in its container.\n' \
    "$ROLE" "$SUPERUSER"
}

main
