# What is going to be done on a server, and what there is at the end. Sourced by install_docker.sh.
# shellcheck shell=bash

show_server_plan() { # PROJECT PORT
  local domain state='are made'
  domain=$(going_to_be DOMAIN)
  [[ ! -e .env ]] || state='stay as they are'
  cat <<TEXT

  Environment  $(in_capitals "$ENVIRONMENT")
  Folder       $ROOT
  Project      $1 (names its containers, volumes and images)
  Address      $(site_address "$domain")
  Ports        $2 and $(going_to_be HTTPS_PORT) on $(wanted BIND_ADDRESS)
  Mail to      $(going_to_be ADMIN_EMAIL)
  .env and secrets/  $state; only you can read them

TEXT
  resolves "$domain" || printf '  Note: %s leads nowhere yet. Let its DNS record point to this machine; until then nobody finds the site.\n\n' "$domain"
}

# Prints the address, without the port that browsers add themselves.
site_address() { # DOMAIN
  local port
  port=$(going_to_be HTTPS_PORT)
  printf 'https://%s' "$1"
  [[ $port == 443 ]] || printf ':%s' "$port"
}

show_server_summary() { # USER_REPORT
  local site password='see secrets/default_user_password; change it on the site'
  site=$(site_address "$(dotenv_get .env DOMAIN)")
  [[ $1 != *exists* ]] || password='as before: this user exists already and was not touched'
  cat <<TEXT

$(wanted PROJECT_NAME) ($(in_capitals "$ENVIRONMENT")) runs:

  Site      $site
  User      $(dotenv_get .env DEFAULT_USER_EMAIL)
  Password  $password$(show_door)

$(show_certificate)

Still to do:

$(show_missing)

Try next:

  docker compose logs --follow                 what the services say
  docker compose exec nginx maintenance on     the maintenance page for everybody; off: the site again
  ./deploy.sh --restart                        after a change in .env or secrets/
TEXT
}

show_door() {
  [[ $ENVIRONMENT == dev ]] || return 0
  printf '\n  The door  user dev, password %s (secrets/dev_password)\n' "$(sed -n 's/^dev:{PLAIN}//p' secrets/dev_password)"
  printf '  Mail      all that the site sends is caught: %s/mail/\n' "$(site_address "$(dotenv_get .env DOMAIN)")"
}

# What a server can start without, but should not stay without.
show_missing() {
  [[ ! -e google_storage.sh ]] || show_missing_backups
  [[ $ENVIRONMENT == dev || -n $(dotenv_get .env EMAIL_HOST) ]] ||
    printf '  Mail: set EMAIL_HOST, EMAIL_PORT, EMAIL_USER in .env, and secrets/email_password\n'
  printf '  Keep a copy of .env and secrets/ away from this machine.\n'
}

show_missing_backups() {
  case $(dotenv_get .env BACKUP_URL) in
    '') printf '  Backups: set BACKUP_URL in .env (library/docs/how-to/backups.md)\n' ;;
    file:*) printf '  Backups: they are on this machine; keep copies elsewhere, or use a bucket (library/docs/how-to/backups.md)\n' ;;
  esac
}
