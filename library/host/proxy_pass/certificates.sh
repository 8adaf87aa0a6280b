# Certificates for local names, of an authority that only this machine trusts. Sourced by proxy_pass.sh.
# shellcheck shell=bash

readonly AUTHORITY=$HOME_FOLDER/authority

# Makes a certificate for these names; mkcert's is trusted at once, so it goes before.
make_certificate() { # NAMES
  mkdir -p "$CERTIFICATES"
  if command -v mkcert >/dev/null; then
    make_with_mkcert "$1"
  else
    make_with_openssl "$1"
  fi
  # The container's user reads them; on this machine nobody gets past the folder above, which is closed.
  chmod 755 "$CERTIFICATES"
  chmod 644 "$CERTIFICATES"/*.pem
  printf '%s\n' "$1" >"$CERTIFICATES/names"
}

# Prints the names of the projects, and those that the last certificate had. A wildcard for all of .localhost or .local
# would be simpler, but browsers do not take one for a whole top-level domain.
certificate_names() {
  local project
  {
    cat "$CERTIFICATES/names" 2>/dev/null || true # the first time there is none
    for project in $(own_project) $(reached_projects); do
      printf '%s\n' "$project.localhost" "$project.local"
    done
  } | sort -u
}

# Whether there is a certificate for these names, good for another 30 days.
certificate_serves() { # NAMES
  [[ $1 == "$(cat "$CERTIFICATES/names" 2>/dev/null)" ]] || return 1
  ! command -v openssl >/dev/null || openssl x509 -checkend 2592000 -noout -in "$CERTIFICATES/certificate.pem" >/dev/null
}

make_with_mkcert() { # NAMES
  local names
  read -r -d '' -a names <<<"$1" || true # it fails at the end of its input, having read all
  mkcert -install
  mkcert -cert-file "$CERTIFICATES/certificate.pem" -key-file "$CERTIFICATES/key.pem" "${names[@]}"
}

make_with_openssl() { # NAMES
  local request
  [[ -e $AUTHORITY/authority.pem ]] || make_authority
  request=$(mktemp -d)
  {
    printf 'basicConstraints=critical,CA:false\nextendedKeyUsage=serverAuth\nkeyUsage=critical,digitalSignature\n'
    printf 'subjectAltName=DNS:%s\n' "${1//$'\n'/,DNS:}"
  } >"$request/extensions"
  new_key "$CERTIFICATES/key.pem"
  openssl req -new -key "$CERTIFICATES/key.pem" -subj '/CN=Local names of this machine' -out "$request/request.pem"
  # 397 days: browsers refuse more.
  openssl x509 -req -in "$request/request.pem" -extfile "$request/extensions" -days 397 -sha256 \
    -set_serial "0x$(openssl rand -hex 16)" -CA "$AUTHORITY/authority.pem" -CAkey "$AUTHORITY/key.pem" \
    -out "$CERTIFICATES/certificate.pem" 2>/dev/null
  rm -r "$request"
}

# An authority that can vouch for names of this machine only: whoever steals its key cannot pass for any other site.
make_authority() {
  (umask 077 && mkdir -p "$AUTHORITY")
  new_key "$AUTHORITY/key.pem"
  openssl req -x509 -new -key "$AUTHORITY/key.pem" -sha256 -days 3650 -subj "/CN=proxy_pass of $(id -un)" \
    -addext 'basicConstraints=critical,CA:true,pathlen:0' -addext 'keyUsage=critical,keyCertSign' \
    -addext 'nameConstraints=critical,permitted;DNS:local,permitted;DNS:localhost' -out "$AUTHORITY/authority.pem"
  explain_trust
}

new_key() { # FILE
  (umask 077 && openssl ecparam -name prime256v1 -genkey -noout -out "$1")
}

explain_trust() {
  cat <<TEXT

HTTPS has an authority of its own, $AUTHORITY/authority.pem
It vouches for names that end in .local and .localhost only. Browsers warn until they trust it; once, on this machine:

  macOS           sudo security add-trusted-cert -d -r trustRoot -k /Library/Keychains/System.keychain '$AUTHORITY/authority.pem'
  Debian, Ubuntu  sudo cp '$AUTHORITY/authority.pem' /usr/local/share/ca-certificates/proxy_pass.crt && sudo update-ca-certificates
  Windows (WSL)   import the file in certmgr.msc, under Trusted Root Certification Authorities
  Firefox, and Chromium on Linux, have lists of their own: import the file in their settings, under Authorities

mkcert does all of this by itself: install it (https://github.com/FiloSottile/mkcert), then run this again.

TEXT
}
