# Why a step failed and what to do, from its output. Sourced by install_docker.sh.
# shellcheck shell=bash

explain() { # OUTPUT
  local database_url='docker compose exec postgres psql --username app --dbname app' place=.env
  ! is_server || place=secrets/postgres_password
  case $1 in
    *'password authentication failed'*)
      why "PostgreSQL refuses POSTGRES_PASSWORD of $place: its database was made with another one. No data is lost." \
        "Put the earlier password back into $place and run this again. Or" \
        "give the database the password of $place (it asks for it), and run this again: $database_url --command '\\password'" \
        "or start anew, LOSING ALL DATA: docker compose down --volumes && $(this_command)"
      ;;
    *'no space left on device'* | *'No space left on device'* | *'isk quota exceeded'*)
      why 'the disk is full.' \
        'Make room and run this again. What Docker uses: docker system df; what it can spare: docker system prune'
      ;;
    *'port is already allocated'* | *'address already in use'* | *'ports are not available'*)
      why 'another program has taken the port meanwhile.' "Run this again with another one: $(this_command) --port N"
      ;;
    *'Cannot connect to the Docker daemon'*)
      why 'the Docker engine stopped.' 'Start it and run this again.'
      ;;
    *'toomanyrequests'* | *'rate limit'*)
      why 'the registry refuses more downloads from this address for now.' 'Log in (docker login) or wait; run this again.'
      ;;
    *'pull access denied'* | *'manifest unknown'* | *'repository does not exist'* | *'manifest for '*' not found'*)
      why 'there is no such image, or you may not see it.' 'Check the tag, and REGISTRY in .env; docker login to get in.'
      ;;
    *'due to lock timeout'*)
      why 'a migration needs a table that something else holds: a long query, a backup.' \
        'Run this again when that has ended. To see what it is: SELECT * FROM pg_stat_activity'
      ;;
    *'no such host'* | *'i/o timeout'* | *'TLS handshake'* | *'etwork is unreachable'* | *'emporary failure'*'resol'* | \
      *'ould not resolve'* | *'failed to resolve source metadata'* | *'Max retries exceeded'* | \
      *'EAI_AGAIN'* | *'ENOTFOUND'* | *'ETIMEDOUT'* | *'ECONNRESET'*)
      why 'something could not be fetched: no network, or a proxy or firewall in between.' \
        'Check the connection (and the proxy settings of Docker: https://docs.docker.com/engine/cli/proxy/); run this again.'
      ;;
    *'nginx does not start: '*)
      why "$(sed -n 's/.*nginx does not start: \(.*\) See .*/\1/p' <<<"$1" | head -n 1)" \
        'Correct it in .env and run this again. More: library/docs/how-to/behind-a-proxy.md'
      ;;
    *'The configuration is not usable'*)
      why 'a variable in .env is not usable, as said above.' 'Correct it in .env and run this again.'
      ;;
    *'not healthy: '*)
      why "these did not become healthy: $(sed -n 's/^not healthy: //p' <<<"$1" | paste -s -d ' ' -)" \
        'Their last lines are in the output. To look further: docker compose logs SERVICE; then run this again.'
      ;;
    *) why 'see the output above.' 'Once that is put right, run this again: it is safe to.' ;;
  esac
}

why() { # REASON DO…
  printf 'Why:    %s\n' "$1"
  shift
  printf 'To do:  %s\n' "$1"
  shift
  (($# == 0)) || printf '        %s\n' "$@"
}
