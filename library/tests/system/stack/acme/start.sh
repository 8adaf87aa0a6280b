#!/bin/sh
# Start the name server, which has no names yet, and pebble. Containers that mount /issuer can verify its certificate.
set -eu

openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -noenc -days 30 -subj /CN=issuer \
  -addext subjectAltName=DNS:issuer,IP:127.0.0.1 -keyout /tmp/key.pem -out /issuer/certificate.pem
pebble-challtestsrv -dnsserver :8053 -management :8055 -defaultIPv4 '' -defaultIPv6 '' \
  -http01 '' -https01 '' -tlsalpn01 '' -doh '' &
exec pebble -config /etc/pebble.json -dnsserver 127.0.0.1:8053
