#!/bin/sh
# Without a certificate nginx does not start: until the first real one arrives, it has one that it signs itself.
set -eu

certificate=/certificates/$DOMAIN.pem
if [ "$ENTRY" != public ] || [ -s "$certificate" ]; then
  exit
fi
umask 077
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -noenc -days 3650 \
  -subj '/O=Self-signed' -addext "subjectAltName=DNS:$DOMAIN" -keyout /tmp/key.pem -out /tmp/certificate.pem 2>/tmp/openssl ||
  { cat /tmp/openssl >&2 && exit 1; }
cat /tmp/key.pem /tmp/certificate.pem >"$certificate.new"
mv "$certificate.new" "$certificate"
rm /tmp/key.pem /tmp/certificate.pem /tmp/openssl
