# The first certificate of a server. Sourced by install_docker.sh.
# shellcheck shell=bash

# A project that does not renew certificates asks for none: its HTTPS ends in front of this machine.
asks_for_certificate() {
  is_server && [[ -e cron/tasks/renew_certificates.sh ]]
}

# The step. That there is none yet is no failure: the site runs with one that it signed itself, and the summary says why.
ask_for_certificate() {
  local domain
  domain=$(dotenv_get .env DOMAIN)
  case $(dotenv_get .env ACME_SERVER) in
    '' | letsencrypt | staging)
      if ! is_public "$domain"; then
        why "nobody was asked for one: $domain leads to no public address yet." \
          'Let its A record in the DNS point to this machine, then: docker compose exec cron python -m bedplate.certificates renew' \
          'Or wait: it is asked for twice a day. More: library/docs/how-to/certificates.md'
        return
      fi
      ;;
  esac
  docker compose exec --no-TTY cron python -m bedplate.certificates renew || true # no certificate is no failure of the install: the summary says why
}

# Whether others may find a machine under this name: one of its addresses belongs to no private network (RFC 6890).
is_public() { # DOMAIN
  local address private='^(0|10|127|169\.254|192\.168|172\.(1[6-9]|2[0-9]|3[01])|100\.(6[4-9]|[7-9][0-9]|1[01][0-9]|12[0-7]))\.'
  while read -r address _; do
    [[ -z $address || $address =~ $private ]] || return 0
  done < <(getent ahostsv4 "$1")
  return 1
}

# What the step said.
show_certificate() {
  local said
  asks_for_certificate || { printf '  Its certificate is self-signed: what stands before this machine has another one.\n' && return; }
  said=$(awk '/^== \[/ {text = ""; next} {text = text $0 "\n"} END {printf "%s", text}' "$LOG")
  case $said in
    'Certificate of '* | *'and nobody renews it'*) printf '  %s\n' "$said" ;;
    *'ACME_SERVER is off, and no certificate'*)
      printf '  Its certificate is self-signed, and nobody is asked for another: ACME_SERVER is off. Browsers warn.\n'
      printf '  To bring one of your own: library/docs/how-to/certificates.md\n'
      ;;
    *)
      printf '  Its certificate is self-signed until a real one arrives: browsers warn.\n'
      sed -n '/^Why: /,$ s/^/    /p' <<<"$said"
      ;;
  esac
}
