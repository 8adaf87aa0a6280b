#!/bin/sh
# Writes each *.template into nginx's configuration, with the values of the environment's variables.
set -e

templates=${NGINX_ENVSUBST_TEMPLATE_DIR:-/etc/nginx/templates}
suffix=${NGINX_ENVSUBST_TEMPLATE_SUFFIX:-.template}
output=${NGINX_ENVSUBST_OUTPUT_DIR:-/etc/nginx/conf.d}

# Only variables that are set are replaced, so nginx's own ($host, $uri) stay as they are.
names() {
  awk -v filter="${NGINX_ENVSUBST_FILTER:-}" 'BEGIN { for (name in ENVIRON) if (name ~ filter) print "${" name "}" }'
}

[ -d "$templates" ] || exit 0
if [ ! -w "$output" ]; then
  echo "$0: cannot write into $output: no template is rendered" >&2
  exit 0
fi

variables=$(names)
find "$templates" -follow -type f -name "*$suffix" | while read -r template; do
  relative=${template#"$templates/"}
  target=$output/${relative%"$suffix"}
  mkdir -p "$(dirname "$target")"
  envsubst "$variables" <"$template" >"$target"
done
