# shellcheck shell=bash
# What the fleet consists of, and where its things are. The one list of programs: everything else loops over it.
# shellcheck disable=SC2034 # used by those who source this

repo=$(cd "$(dirname "${BASH_SOURCE[0]}")/../../.." && pwd)
state=${EASYSMART_STATE:-$repo/.local}
[[ $state == /* ]] || state=$PWD/$state
export EASYSMART_STATE=$state

data=$state/data
logs=$state/logs
run=$state/run
fleet_env=$state/fleet.env
supervisor_conf=$run/supervisord.conf

servers=(platform telemetry rabbitmq)
services=(identity device-provisioning ingestion telemetry-query billing-quota notifier gateway broker)
# What deploy/local/test has beside it: started by the tests that need it.
test_servers=()
migrated=(identity device-provisioning ingestion billing-quota notifier)

# Where the project of each service is; its assembly is EasySmart.<Name>.
declare -A project=(
  [identity]=services/Identity [device-provisioning]=services/DeviceProvisioning [ingestion]=services/Ingestion
  [telemetry-query]=services/TelemetryQuery [billing-quota]=services/BillingQuota [notifier]=services/Notifier
  [gateway]=gateway [broker]=deploy/local/Broker
)
declare -A assembly=(
  [identity]=EasySmart.Identity [device-provisioning]=EasySmart.DeviceProvisioning [ingestion]=EasySmart.Ingestion
  [telemetry-query]=EasySmart.TelemetryQuery [billing-quota]=EasySmart.BillingQuota [notifier]=EasySmart.Notifier
  [gateway]=EasySmart.Gateway [broker]=EasySmart.Broker
)
declare -A purpose=(
  [platform]='PostgreSQL 17: identity, devices, billing, notifier' [telemetry]='PostgreSQL 17 + TimescaleDB'
  [rabbitmq]='RabbitMQ 4: events between services' [gateway]='HTTP, the one way in' [broker]='MQTT broker (its port here: health)'
  [identity]='tenants, users, tokens' [device-provisioning]='devices, MQTT authentication'
  [ingestion]='MQTT in, TimescaleDB out' [telemetry-query]='reads' [billing-quota]='plans and quotas' [notifier]='Telegram'
)

# Default port of every program (the broker's is its admin port) and of what listens beside them.
ports=(gateway mqtt mqtt-ws platform telemetry rabbitmq rabbitmq-dist epmd
  identity device-provisioning ingestion telemetry-query billing-quota notifier broker)
declare -A default_port=(
  [gateway]=8080 [mqtt]=1883 [mqtt-ws]=8083 [platform]=15432 [telemetry]=15433 [rabbitmq]=15671 [rabbitmq-dist]=15673
  [epmd]=15674 [identity]=8101 [device-provisioning]=8102 [ingestion]=8103 [telemetry-query]=8104 [billing-quota]=8105
  [notifier]=8106 [broker]=8107
)

# upper NAME: device-provisioning → DEVICE_PROVISIONING
upper() {
  local name=${1^^}
  printf '%s' "${name//-/_}"
}

# port_variable NAME, port NAME: the variable that moves a port, and the port of this start.
port_variable() { printf 'EASYSMART_%s_PORT' "$(upper "$1")"; }

port() {
  local variable
  variable=$(port_variable "$1")
  printf '%s' "${!variable:-${default_port[$1]}}"
}

# load_fleet_env: the secrets and ports of the last start, as variables of this shell only: each program is handed its own.
load_fleet_env() {
  # shellcheck disable=SC1090 # written by secrets.sh
  source "$fleet_env"
}
