#!/usr/bin/env bash
# Runs in PostgreSQL's container: makes the application's role, which the image made a superuser, the owner of its databases and
# no more (decision 28: docs/adr). Usage: bash -s -- ROLE DATABASE
#
# The superuser stays, under the name postgres, without a password: its way in is this container's socket. What the
# application owns goes to a new role first, one object after the other; the superuser may use all of it meanwhile. Then
# one transaction exchanges the names. Ended at any moment before that, everything works as it did; run again, it goes on.
set -euo pipefail

readonly ROLE=$1 DATABASE=$2
readonly NEXT=bedplate_next_owner SUPERUSER=postgres CONVERTER=bedplate_converter
readonly TRIES=10

# A hostile name in a schema of the search path changes nothing, nor does an event trigger. Who waits for a table that a long
# transaction holds makes others wait: two seconds, long enough for autovacuum to give way.
export PGOPTIONS='-c search_path=pg_catalog -c event_triggers=off -c lock_timeout=2s -c client_min_messages=warning'

as() { # ROLE DATABASE [OPTION…]
  psql --no-psqlrc --no-password --quiet --tuples-only --no-align --set=ON_ERROR_STOP=1 --set=role="$ROLE" --set=live="$DATABASE" \
    --set=next="$NEXT" --set=superuser="$SUPERUSER" --set=converter="$CONVERTER" --username="$1" --dbname="$2" "${@:3}"
}

refuse() {
  printf 'Note: PostgreSQL'\''s role %s stays a superuser, as before: %s\n' "$ROLE" "$*"
  exit 3
}

note() {
  printf 'Note: PostgreSQL: %s\n' "$*"
}

# Whether the application's role is the one that the cluster was made with. It answers for no other: that server is managed by
# another owner.
is_bootstrap() {
  [[ $(PGOPTIONS='' as "$ROLE" "$DATABASE" <<<"SELECT oid = 10 FROM pg_roles WHERE rolname = current_user") == t ]]
}

readonly TRUSTED="
SELECT 1 FROM pg_hba_file_rules
WHERE type = 'local' AND auth_method = 'trust' AND database = '{all}' AND user_name = '{all}' AND error IS NULL"

require_way() {
  [[ $ROLE != "$SUPERUSER" ]] || refuse "its name is the superuser's. Give the application a role of its own, in POSTGRES_USER."
  [[ -z $(as "$ROLE" "$DATABASE" <<<"SELECT 1 FROM pg_roles WHERE rolname = :'superuser'") ]] ||
    refuse "there is another role named $SUPERUSER. Rename that one: ALTER ROLE $SUPERUSER RENAME TO …"
  [[ -n $(as "$ROLE" "$DATABASE" <<<"$TRUSTED") ]] || refuse 'pg_hba.conf has no line "local all all trust", by which a superuser without a password gets in.'
}

make_next_owner() {
  as "$ROLE" "$DATABASE" <<'SQL'
SELECT 'CREATE ROLE bedplate_next_owner NOLOGIN' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'bedplate_next_owner') \gexec
ALTER ROLE bedplate_next_owner NOLOGIN NOSUPERUSER CREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS;
SQL
}

# Prints the databases that may have something of the application's: previous ones, too. One that could not be dropped (-2)
# lets no role in.
databases() {
  as "$ROLE" "$DATABASE" <<<"SELECT datname FROM pg_database WHERE datallowconn AND NOT datistemplate AND datconnlimit <> -2"
}

# The statements that give what the application's role has in a database to the next owner. What belongs to an extension, or goes
# with another object, stays; what a superuser alone may own is named by `left_with_superuser`.
readonly OWNED="
WITH owned AS (
  SELECT tableoid AS class, oid FROM pg_class
  WHERE relowner = 10 AND relkind IN ('r', 'p', 'v', 'm', 'f', 'S') AND relpersistence <> 't'
  UNION ALL SELECT tableoid, oid FROM pg_proc WHERE proowner = 10
  UNION ALL SELECT tableoid, t.oid FROM pg_type AS t
    WHERE typowner = 10 AND typtype <> 'm' AND NOT EXISTS (SELECT FROM pg_type WHERE typarray = t.oid)
  UNION ALL SELECT tableoid, oid FROM pg_namespace WHERE nspowner = 10
  UNION ALL SELECT tableoid, oid FROM pg_operator WHERE oprowner = 10
  UNION ALL SELECT tableoid, oid FROM pg_opclass WHERE opcowner = 10
  UNION ALL SELECT tableoid, oid FROM pg_opfamily WHERE opfowner = 10
  UNION ALL SELECT tableoid, oid FROM pg_collation WHERE collowner = 10
  UNION ALL SELECT tableoid, oid FROM pg_conversion WHERE conowner = 10
  UNION ALL SELECT 'pg_largeobject'::regclass, oid FROM pg_largeobject_metadata WHERE lomowner = 10
  UNION ALL SELECT tableoid, oid FROM pg_foreign_server WHERE srvowner = 10
  UNION ALL SELECT tableoid, oid FROM pg_ts_dict WHERE dictowner = 10
  UNION ALL SELECT tableoid, oid FROM pg_ts_config WHERE cfgowner = 10
  UNION ALL SELECT tableoid, oid FROM pg_statistic_ext WHERE stxowner = 10
  UNION ALL SELECT tableoid, p.oid FROM pg_publication AS p
    WHERE pubowner = 10 AND NOT puballtables AND NOT EXISTS (SELECT FROM pg_publication_namespace WHERE pnpubid = p.oid)
), named AS (
  SELECT class, owned.oid, object.identity, CASE
    WHEN class = 'pg_proc'::regclass THEN 'ROUTINE'
    WHEN class = 'pg_statistic_ext'::regclass THEN 'STATISTICS'
    ELSE upper(object.type)
  END AS kind, coalesce(object.schema, CASE WHEN class = 'pg_namespace'::regclass THEN object.name END, '') AS schema
  FROM owned, pg_identify_object(class, owned.oid, 0) AS object
)
SELECT format('ALTER %s %s OWNER TO bedplate_next_owner', kind, identity) FROM named
WHERE (oid >= 16384 OR (class = 'pg_namespace'::regclass AND oid = 2200)) AND schema !~ '^pg_(temp|toast)'
AND NOT EXISTS (
  SELECT FROM pg_depend WHERE classid = class AND objid = named.oid AND objsubid = 0 AND (
    deptype IN ('e', 'i') OR (kind = 'SEQUENCE' AND deptype = 'a' AND refclassid = 'pg_class'::regclass AND refobjsubid > 0)
  )
)"

# The rights that go with being the owner of a database, beside its objects: default privileges, logins to other servers,
# membership in the roles of others who own something here. The release before reads large objects in the catalog.
readonly RIGHTS="
SELECT format('ALTER DATABASE %I OWNER TO bedplate_next_owner', datname) FROM pg_database
WHERE datname = current_database() AND datdba = 10 AND (datname <> 'postgres' OR datname = :'live');
SELECT 'GRANT SELECT ON pg_largeobject TO bedplate_next_owner' FROM pg_database
WHERE datname = current_database() AND datdba = 'bedplate_next_owner'::regrole;
SELECT DISTINCT format('GRANT %I TO bedplate_next_owner', rolname) FROM pg_shdepend
JOIN pg_database ON pg_database.oid = dbid JOIN pg_roles ON pg_roles.oid = refobjid
WHERE datname = current_database() AND refclassid = 'pg_authid'::regclass AND deptype = 'o'
AND NOT rolsuper AND rolname <> 'bedplate_next_owner' AND rolname !~ '^pg_';
SELECT format('GRANT USAGE ON FOREIGN DATA WRAPPER %I TO bedplate_next_owner', fdwname) FROM pg_foreign_data_wrapper WHERE fdwowner = 10;
SELECT format('CREATE USER MAPPING IF NOT EXISTS FOR bedplate_next_owner SERVER %I %s', srvname,
  (SELECT 'OPTIONS (' || string_agg(format('%I %L', option_name, option_value), ', ') || ')' FROM pg_options_to_table(umoptions)))
FROM pg_user_mapping JOIN pg_foreign_server ON pg_foreign_server.oid = umserver WHERE umuser = 10;
WITH defaults AS (
  SELECT defaclacl, format('ALTER DEFAULT PRIVILEGES FOR ROLE bedplate_next_owner %s', 'IN SCHEMA ' || quote_ident(nspname)) AS first,
    CASE defaclobjtype WHEN 'r' THEN 'TABLES' WHEN 'S' THEN 'SEQUENCES' WHEN 'f' THEN 'ROUTINES' WHEN 'T' THEN 'TYPES'
      WHEN 'n' THEN 'SCHEMAS' WHEN 'L' THEN 'LARGE OBJECTS' END AS kind, defaclnamespace = 0 AS everywhere
  FROM pg_default_acl LEFT JOIN pg_namespace ON pg_namespace.oid = defaclnamespace WHERE defaclrole = 10
)
SELECT format('%s REVOKE ALL ON %s FROM PUBLIC', first, kind) FROM defaults WHERE everywhere
UNION ALL
SELECT format('%s GRANT %s ON %s TO %s%s', first, privilege_type, kind, CASE grantee WHEN 0 THEN 'PUBLIC'
  WHEN 10 THEN 'bedplate_next_owner' ELSE quote_ident(pg_get_userbyid(grantee)) END,
  CASE WHEN is_grantable AND grantee <> 0 THEN ' WITH GRANT OPTION' END)
FROM defaults, aclexplode(defaclacl);"

# What stays with the superuser, as PostgreSQL lets no other role own it, or give it away.
readonly KEPT="
SELECT 'event trigger ' || evtname FROM pg_event_trigger WHERE evtowner = 10 AND oid >= 16384
UNION ALL SELECT 'publication ' || pubname FROM pg_publication WHERE pubowner = 10
UNION ALL SELECT 'subscription ' || subname FROM pg_subscription
  WHERE subowner = 10 AND subdbid = (SELECT oid FROM pg_database WHERE datname = current_database())
UNION ALL SELECT 'foreign data wrapper ' || fdwname FROM pg_foreign_data_wrapper WHERE fdwowner = 10 AND oid >= 16384
  AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = pg_foreign_data_wrapper.oid AND deptype = 'e')"

# Fails when an object is in use for too long, or PostgreSQL refuses.
give_away() { # DATABASE
  as "$ROLE" "$1" <<SQL
SET synchronous_commit = off;
${RIGHTS//;/ \\gexec}
$OWNED \\gexec
SQL
}

give_all_away() { # DATABASE
  local try
  for ((try = 1; try <= TRIES; try++)); do
    ! give_away "$1" || return 0
    note "something in the database $1 is in use, or was refused (try $try of $TRIES)"
  done
  refuse "not everything in the database $1 could be given to another owner. Run it again when less is going on."
}

readonly UNTRUSTED="
SELECT format('CREATE SCHEMA IF NOT EXISTS %I; CREATE EXTENSION IF NOT EXISTS %I SCHEMA %I CASCADE;', nspname, extname, nspname)
FROM pg_extension JOIN pg_namespace ON pg_namespace.oid = extnamespace
JOIN pg_available_extension_versions AS v ON v.name = extname AND v.version = extversion
WHERE NOT trusted AND nspname <> 'pg_catalog'"

# An extension that a superuser alone may create is in the template of new databases afterwards: a restore makes one.
prepare_template() {
  local statements
  statements=$(as "$ROLE" "$DATABASE" <<<"$UNTRUSTED")
  [[ -z $statements ]] || as "$ROLE" template1 <<<"$statements"
}

# Exchanges the names, whole or not at all. What was made meanwhile in the live database goes along. PostgreSQL lets no session rename the role that it logged in with, so it acts as
# a third one, which is gone at the end.
exchange() {
  { printf '%s \\gexec\n' "$OWNED" && cat; } <<'SQL' | as "$ROLE" "$DATABASE" --single-transaction
CREATE ROLE :"converter" SUPERUSER NOLOGIN;
SET LOCAL SESSION AUTHORIZATION :"converter";
SELECT format('GRANT %I TO %I%s', r.rolname, :'next', CASE WHEN admin_option THEN ' WITH ADMIN OPTION' END)
FROM pg_auth_members JOIN pg_roles AS r ON r.oid = roleid WHERE member = 10 \gexec
SELECT format('GRANT %I TO %I', :'next', m.rolname) FROM pg_auth_members JOIN pg_roles AS m ON m.oid = member
WHERE roleid = 10 AND NOT pg_has_role(:'next', member, 'MEMBER') \gexec
SELECT format('REVOKE %I FROM %I CASCADE', :'role', m.rolname) FROM pg_auth_members JOIN pg_roles AS m ON m.oid = member
WHERE roleid = 10 \gexec
SELECT format('ALTER ROLE %I CONNECTION LIMIT %s VALID UNTIL %L', :'next', rolconnlimit, coalesce(rolvaliduntil, 'infinity'))
FROM pg_authid WHERE oid = 10 \gexec
ALTER ROLE :"role" RENAME TO :"superuser";
ALTER ROLE :"next" RENAME TO :"role";
ALTER ROLE :"role" LOGIN;
SELECT format('ALTER ROLE %I PASSWORD %L', :'role', rolpassword) FROM pg_authid WHERE oid = 10 AND rolpassword IS NOT NULL \gexec
ALTER ROLE :"superuser" PASSWORD NULL CONNECTION LIMIT -1 VALID UNTIL 'infinity';
UPDATE pg_db_role_setting SET setrole = (SELECT oid FROM pg_roles WHERE rolname = :'role') WHERE setrole = 10;
RESET SESSION AUTHORIZATION;
DROP ROLE :"converter";
SQL
}

readonly FROM_BEFORE="
SELECT count(pg_terminate_backend(pid)) FILTER (WHERE state = 'idle') FROM pg_stat_activity
WHERE usesysid = 10 AND backend_type = 'client backend' AND pid <> pg_backend_pid() HAVING count(*) > 0"

# Sessions from before the exchange have the superuser's rights still. Those that do nothing end; Django opens another one.
end_sessions() {
  local try
  for ((try = 0; try < 50; try++)); do
    [[ -n $(as "$SUPERUSER" "$DATABASE" <<<"$FROM_BEFORE") ]] || return 0
    sleep 0.2
  done
  note 'a session from before goes on with the rights of a superuser, until it ends'
}

report() {
  local database found
  for database in "$@"; do
    found=$(as "$SUPERUSER" "$database" <<<"$KEPT" | paste -s -d ',' - | sed 's/,/, /g')
    [[ -z $found ]] || note "in the database $database, these stay with the superuser $SUPERUSER: $found"
  done
  found=$(as "$SUPERUSER" "$DATABASE" <<<'SELECT rolname FROM pg_roles WHERE rolsuper AND oid <> 10' | paste -s -d ' ' -)
  [[ -z $found ]] || note "these roles are superusers, too: $found"
}

main() {
  local all database
  is_bootstrap || exit 0
  require_way
  mapfile -t all < <(databases)
  make_next_owner
  for database in "${all[@]}"; do
    give_all_away "$database"
  done
  prepare_template
  exchange || refuse "its name could not be exchanged. Run it again when less is going on."
  end_sessions
  report "${all[@]}"
  printf 'PostgreSQL: %s owns its databases and is no superuser any more; the superuser is %s, by the socket in its container.\n' \
    "$ROLE" "$SUPERUSER"
}

main
