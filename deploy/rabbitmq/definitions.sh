#!/bin/sh
# Prints the definitions that RabbitMQ imports at boot: one user, the virtual hosts named as arguments, and in
# each of them the policy that our quorum queues rely on. Used by deploy/local. (In containers the image makes the user
# and virtual host, which it would not with definitions, and docker/advanced.config the policy.)
#
#   RABBITMQ_USER=easysmart RABBITMQ_PASSWORD=… definitions.sh easysmart > definitions.json
set -eu
user=${RABBITMQ_USER:?} password=${RABBITMQ_PASSWORD:?}

# RabbitMQ stores base64(salt + sha256(salt + password)); the salt is four bytes. The password is on no command line.
hash_password() {
  salt=$(od -An -N4 -tx1 /dev/urandom | tr -d ' \n')
  digest=$({ unhex "$salt"; printf '%s' "$password"; } | sha256sum | cut -d ' ' -f 1)
  unhex "$salt$digest" | base64 | tr -d '\n'
}

unhex() {
  rest=$1
  while [ -n "$rest" ]; do
    tail=${rest#??}
    # shellcheck disable=SC2059 # the format is the byte
    printf "\\$(printf '%03o' "0x${rest%"$tail"}")"
    rest=$tail
  done
}

# each FORMAT NAME…: the formatted names with commas between them
each() {
  format=$1 comma=
  shift
  for name in "$@"; do
    printf '%s' "$comma"
    # shellcheck disable=SC2059 # the format is ours
    printf "$format" "$name"
    comma=', '
  done
}

# delivery-limit -1: RabbitMQ 4 drops a message after 20 deliveries, and ours must outlive a long outage.
cat <<JSON
{
  "users": [{"name": "$user", "password_hash": "$(hash_password)",
             "hashing_algorithm": "rabbit_password_hashing_sha256", "tags": [], "limits": {}}],
  "vhosts": [$(each '{"name": "%s"}' "$@")],
  "permissions": [$(each '{"user": "'"$user"'", "vhost": "%s", "configure": ".*", "write": ".*", "read": ".*"}' "$@")],
  "policies": [$(each '{"vhost": "%s", "name": "keep-redelivering", "pattern": ".*", "apply-to": "quorum_queues", "priority": 0, "definition": {"delivery-limit": -1}}' "$@")]
}
JSON
