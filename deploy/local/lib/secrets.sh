# shellcheck shell=bash
# The secrets of this fleet, made on the first start, and the addresses of this start: .local/fleet.env.

random_hex() { openssl rand -hex "$1"; }

# 43 characters of A-Z a-z 0-9 - _ from 32 random bytes
random_base64url() { openssl rand -base64 32 | tr '+/' '-_' | tr -d '=\n'; }

random_api_key() { printf 'esk_%s' "$(random_base64url)"; }

# A password a person can type: 20 letters and digits in groups, with every class that Identity asks for.
random_password() {
  local letters
  letters=$(openssl rand -base64 64 | tr -dc 'A-Za-z0-9')
  printf 'E%s-%s-%s-%s@s7' "${letters:0:5}" "${letters:5:5}" "${letters:10:5}" "${letters:15:5}"
}

# P-256, PKCS#8 DER in base64 (genpkey's own DER is the older SEC 1 form)
random_signing_key() {
  openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 | openssl pkcs8 -topk8 -nocrypt -outform DER | base64 -w 0
}

# As "NAME maker": what is made once and kept for as long as the data.
secrets=(
  'PLATFORM_SUPERUSER_PASSWORD random_hex 24' 'TELEMETRY_SUPERUSER_PASSWORD random_hex 24'
  'IDENTITY_OWNER_PASSWORD random_hex 24' 'IDENTITY_APP_PASSWORD random_hex 24'
  'DEVICES_OWNER_PASSWORD random_hex 24' 'DEVICES_APP_PASSWORD random_hex 24'
  'BILLING_OWNER_PASSWORD random_hex 24' 'BILLING_APP_PASSWORD random_hex 24'
  'NOTIFIER_OWNER_PASSWORD random_hex 24' 'NOTIFIER_APP_PASSWORD random_hex 24'
  'TELEMETRY_OWNER_PASSWORD random_hex 24' 'INGESTION_APP_PASSWORD random_hex 24'
  'TELEMETRY_QUERY_PASSWORD random_hex 24' 'EASYSMART_RABBITMQ_PASSWORD random_hex 24'
  'EASYSMART_INTERNAL_IDENTITY_KEY openssl rand -base64 32' 'EASYSMART_INTERNAL_SERVICE_KEY random_base64url'
  'EASYSMART_HOOKS_KEY random_base64url' 'EASYSMART_IDENTITY_SIGNING_KEY random_signing_key'
  'EASYSMART_IDEMPOTENCY_KEY openssl rand -base64 32'
  'EASYSMART_MQTT_INGESTION_PASSWORD random_hex 24' 'EASYSMART_MQTT_DEVICES_PASSWORD random_hex 24'
  'EASYSMART_BROKER_API_KEY random_hex 16' 'EASYSMART_BROKER_API_SECRET random_base64url'
  'EASYSMART_MANUFACTURING_KEY random_base64url'
  'EASYSMART_WEBHOOK_API_KEY random_api_key'
  'EASYSMART_ADMIN_EMAIL echo admin@easysmart.local' 'EASYSMART_ADMIN_PASSWORD random_password'
  'EASYSMART_DEMO_EMAIL echo demo@easysmart.local' 'EASYSMART_DEMO_PASSWORD random_password'
)

# write_fleet_env: keeps the secrets that are there, makes those that are not, and writes the ports of this start.
# Lines are KEY=value without quotes: bash can source them, and a few lines in any language can read them.
write_fleet_env() {
  local entry name maker line
  local -A kept=()
  local -a lines=()
  if [[ -f $fleet_env ]]; then
    # Not with IFS='=': read would drop the "=" at the end of base64.
    while read -r line; do kept[${line%%=*}]=${line#*=}; done <"$fleet_env"
  elif [[ -d $data ]]; then
    die "$fleet_env is missing, and with it the passwords of the data in $data: put it back, or start anew with deploy/local/reset."
  fi
  for entry in "${secrets[@]}"; do
    read -r name maker <<<"$entry"
    lines+=("$name=${kept[$name]:-$($maker)}")
  done
  (umask 077 && printf '%s\n' "${lines[@]}" >"$fleet_env.new")
  # shellcheck disable=SC1091
  source "$fleet_env.new"
  addresses >>"$fleet_env.new"
  mv "$fleet_env.new" "$fleet_env"
  load_fleet_env
}

# addresses: what follows from the ports of this start, for people and scripts.
addresses() {
  local name loopback=127.0.0.1
  echo "EASYSMART_MQTT_HOST=$loopback"
  for name in "${ports[@]}"; do echo "$(port_variable "$name")=$(port "$name")"; done
  for name in "${services[@]}"; do echo "EASYSMART_$(upper "$name")_URL=http://$loopback:$(port "$name")"; done
  echo "EASYSMART_RABBITMQ_URL=amqp://easysmart:$EASYSMART_RABBITMQ_PASSWORD@$loopback:$(port rabbitmq)/easysmart"
  echo "EASYSMART_PLATFORM_DSN=postgresql://postgres:$PLATFORM_SUPERUSER_PASSWORD@$loopback:$(port platform)/postgres"
  echo "EASYSMART_TELEMETRY_DSN=postgresql://telemetry_owner:$TELEMETRY_OWNER_PASSWORD@$loopback:$(port telemetry)/telemetry"
}
