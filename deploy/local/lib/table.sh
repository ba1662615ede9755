# shellcheck shell=bash
# What `up` prints when all is ready: one table, and a tour of four lines to paste.

print_table() {
  local name
  printf '\n%-20s %-7s %s\n' 'WHAT' 'PORT' 'WHERE AND WHAT FOR'
  printf '%-20s %-7s %s\n' gateway "$(port gateway)" "$EASYSMART_GATEWAY_URL  (${purpose[gateway]})"
  printf '%-20s %-7s %s\n' mqtt "$(port mqtt)" "mqtt://127.0.0.1:$(port mqtt)  (devices, TCP)"
  printf '%-20s %-7s %s\n' mqtt-ws "$(port mqtt-ws)" "ws://127.0.0.1:$(port mqtt-ws)/mqtt  (devices, WebSocket)"
  for name in "${services[@]}" "${servers[@]}"; do
    [[ $name == gateway ]] || printf '%-20s %-7s %s\n' "$name" "$(port "$name")" "${purpose[$name]}"
  done
  # On the first start that came this far.
  if [[ ! -f $data/password-was-shown ]]; then
    touch "$data/password-was-shown"
    printf '\nSuper-admin: %s  password: %s\n' "$EASYSMART_ADMIN_EMAIL" "$EASYSMART_ADMIN_PASSWORD"
    printf 'This password and every other secret are kept in %s\n' "$fleet_env"
  else
    printf '\nSuper-admin: %s  password and every other secret: %s\n' "$EASYSMART_ADMIN_EMAIL" "$fleet_env"
  fi
}

# The same lines as in the README; the broker and the gateway are those of this start.
print_tour() {
  cat <<TOUR

The tour: register a tenant, provision a device, publish a value, read it back. Paste these four lines:

API=$EASYSMART_GATEWAY_URL/api/v1 JSON='content-type: application/json'; TOKEN=\$(curl -sf \$API/auth/register -H "\$JSON" -d "{\"email\":\"me-\$(date +%s%N)@example.com\",\"password\":\"Passw0rd-1\"}" | jq -r .access_token)
DEVICE=\$(curl -sf -X POST \$API/devices/provision -H "authorization: Bearer \$TOKEN" -H "\$JSON" -d '{}'); field() { printf %s "\$DEVICE" | jq -r ".\$1"; }
mosquitto_pub -h 127.0.0.1 -p $(port mqtt) -q 1 -u "\$(field mqtt_username)" -P "\$(field device_secret)" -t "\$(field topic_prefix)/slot/0" -m '{"value": 23.5}'
sleep 1; curl -sf "\$API/telemetry/latest?slot=0&device_id=\$(field device_id)" -H "authorization: Bearer \$TOKEN"

TOUR
}
