#!/usr/bin/env bash
# A client of SCIM in the network of a cluster: people.sh create|send|missing BASE TOKEN_FILE …
#
#   create PREFIX STOP_FILE   makes people one after the other until the file appears; prints status and userName of each, and how it went;
#                             with a further word who was not acknowledged is sent again once, some seconds later
#   send METHOD PATH [BODY]   sends one request; prints the status, a space, and the answer
#   missing NAMES_FILE        prints the userNames in the file of which there is not exactly one person
set -euo pipefail
verb=$1 base=$2 token_file=$3
shift 3

scim() { # further arguments of curl; the token goes in by standard input
  curl -s -m 30 -H @- -H 'Content-Type: application/scim+json' "$@" <<<"Authorization: Bearer $(cat "$token_file")" || true
}

case $verb in
  create)
    n=0
    while [ ! -e "$2" ]; do
      n=$((n + 1))
      name=$1-$n@example.com
      person="{
        \"schemas\": [\"urn:ietf:params:scim:schemas:core:2.0:User\"],
        \"externalId\": \"$1-$n\", \"userName\": \"$name\", \"active\": true, \"userType\": \"Standard\",
        \"emails\": [{\"type\": \"work\", \"value\": \"$name\"}],
        \"name\": {\"givenName\": \"Given\", \"familyName\": \"Family\"}}"
      create() { scim -o /dev/null -w "%{http_code} $name %{time_total} s %{errormsg}" "$base/Users" -d "$person"; }
      made=$(create)
      if [ -n "${3:-}" ] && [ "${made%% *}" != 201 ]; then
        sleep 3
        # Whose answer was lost is there already.
        made="$(create | sed 's/^409 /201 /') again"
      fi
      echo "$made"
      sleep 0.02
    done;;
  send)
    answer=$(scim -w '\n%{http_code}' -X "$1" "$base$2" ${3:+-d "$3"})
    echo "${answer##*$'\n'} ${answer%$'\n'*}";;
  missing)
    while read -r name; do
      scim -G "$base/Users" --data-urlencode "filter=userName eq \"$name\"" | grep -Eq '"totalResults": ?1[,}]' || echo "$name"
    done <"$1";;
esac
