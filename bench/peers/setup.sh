#!/usr/bin/env bash
# Brings the servers that figures stand beside, from the registries of their makers: setup.sh polis | scim2-server …
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/../../scripts/paths.sh"
polis_version=26.2.0
scim2_server_version=0.8.3

polis() {
  local folder=$cache/peers/polis-$polis_version
  if [ ! -d "$folder/node_modules/@boxyhq/saml-jackson" ]; then
    type -P npm >/dev/null || { echo "peers: Polis needs Node 20 or later with npm" >&2; exit 1; }
    echo "peers: installing Polis (some minutes, once)" >&2
    mkdir -p "$folder"
    npm install --prefix "$folder" --no-audit --no-fund --silent "@boxyhq/saml-jackson@$polis_version" >&2
  fi
  # Node finds packages beside the file that asks for them.
  cp "$root/bench/peers/polis.mjs" "$folder/polis.mjs"
  echo "$folder/polis.mjs"
}

scim2-server() {
  local folder=$cache/peers/scim2-server-$scim2_server_version
  if [ ! -x "$folder/bin/scim2-server" ]; then
    "$root/scripts/setup.sh" python >&2
    echo "peers: installing scim2-server" >&2
    python3 -m venv "$folder"
    "$folder/bin/pip" install --quiet --disable-pip-version-check "scim2-server==$scim2_server_version" >&2
  fi
  echo "$folder/bin/scim2-server"
}

for peer in "$@"; do
  case $peer in
    polis | scim2-server) "$peer";;
    *) echo "peers: no peer named $peer" >&2; exit 2;;
  esac
done
