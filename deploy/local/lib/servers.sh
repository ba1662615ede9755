# shellcheck shell=bash
# The three servers: their data, their settings, and their roles and databases.

# Ran once for each PostgreSQL server; its data appears complete or not at all.
init_postgres() {
  local server=$1 password log=$logs/$1-initdb.log
  [[ -d $data/$server/pg ]] && return
  password=$(upper "$server")_SUPERUSER_PASSWORD
  mkdir -p "$data/$server"
  rm -rf "$data/$server/pg.new"
  (sandbox postgres "$data/$server" -- initdb --pgdata=/data/pg.new --username=postgres --pwfile=/dev/stdin \
    --auth=scram-sha-256 --encoding=UTF8 --locale-provider=builtin --locale=C.UTF-8) <<<"${!password}" >"$log" 2>&1 ||
    explain_failure "PostgreSQL could not make its data directory $data/$server" "$log"
  mv -T "$data/$server/pg.new" "$data/$server/pg"
}

# Settings are given at start, so that a port can move and nothing is left in the data directory.
# fsync and synchronous_commit stay on: what a device was told is stored is on the disk.
postgres_settings() {
  # Four services hold up to 40 each, and beside them the tests host services of their own.
  local -a settings=(port="$(port "$1")" listen_addresses=127.0.0.1 unix_socket_directories= max_connections=400
    max_wal_size=512MB jit=off log_timezone=UTC timezone=UTC log_line_prefix='%m [%p] %q%u@%d ')
  case $1 in
    platform) settings+=(shared_buffers=64MB) ;;
    telemetry) settings+=(shared_buffers=128MB shared_preload_libraries=timescaledb timescaledb.telemetry_level=off
      timescaledb.max_background_workers=4 max_worker_processes=10) ;;
  esac
  printf '%s\n' "${settings[@]}"
}

# run_postgres SERVER: becomes the server.
run_postgres() {
  local setting
  local -a arguments=() disk=()
  while read -r setting; do arguments+=(-c "$setting"); done < <(postgres_settings "$1")
  # A disk that a test can fill.
  [[ $1 != telemetry || ! ${EASYSMART_SMALL_DISK_BYTES:-} ]] || disk=(--size "$EASYSMART_SMALL_DISK_BYTES" --tmpfs /run/small)
  sandbox postgres "$data/$1" "${disk[@]}" -- postgres -D /data/pg "${arguments[@]}"
}

postgres_answers() {
  (sandbox postgres "$data/$1" -- pg_isready --quiet --host=127.0.0.1 --port="$(port "$1")") 2>/dev/null
}

# create_databases SERVER: the same script as in Docker; it changes only what differs.
create_databases() {
  local server=$1 superuser_password log=$logs/$1-init.log name
  local -a passwords=()
  superuser_password=$(upper "$server")_SUPERUSER_PASSWORD
  for name in "${!IDENTITY_@}" "${!DEVICES_@}" "${!BILLING_@}" "${!NOTIFIER_@}" "${!TELEMETRY_@}" "${!INGESTION_@}"; do
    [[ $name == *_PASSWORD ]] && passwords+=(--setenv "$name" "${!name}")
  done
  (sandbox postgres "$data/$server" --ro-bind "$repo/deploy/postgres/$server" /init "${passwords[@]}" --setenv PGUSER postgres \
    --setenv PGHOST 127.0.0.1 --setenv PGPORT "$(port "$server")" --setenv PGPASSWORD "${!superuser_password}" \
    -- /init/init.sh) >"$log" 2>&1 || explain_failure "The roles and databases of $server could not be made" "$log"
}

# configure_rabbitmq: written at every start from the ports and the password of this start.
configure_rabbitmq() {
  local conf=$run/rabbitmq
  mkdir -p "$conf" "$data/rabbitmq"
  cat >"$conf/rabbitmq.conf" <<CONF
listeners.tcp.local = 127.0.0.1:$(port rabbitmq)
load_definitions = /conf/definitions.json
vm_memory_high_watermark.absolute = 400MiB
vm_memory_calculation_strategy = allocated
disk_free_limit.absolute = 200MB
raft.wal_max_size_bytes = 33554432
log.file = false
log.console = true
log.connection.level = warning
CONF
  echo '[].' >"$conf/enabled_plugins"
  # shellcheck disable=SC2086 # names, one word each
  RABBITMQ_USER=easysmart RABBITMQ_PASSWORD=$EASYSMART_RABBITMQ_PASSWORD \
    "$repo/deploy/rabbitmq/definitions.sh" easysmart ${EASYSMART_RABBITMQ_EXTRA_VHOSTS:-} >"$conf/definitions.json"
}

# in_rabbitmq COMMAND…: the server itself, or rabbitmqctl beside it. Loopback only, the port mapper too, whose port is
# unusual so that this node never meets another's. Schedulers do not spin while idle.
in_rabbitmq() {
  sandbox rabbitmq "$data/rabbitmq" --ro-bind "$run/rabbitmq" /conf \
    --setenv RABBITMQ_NODENAME rabbit@localhost --setenv RABBITMQ_MNESIA_BASE /data/nodes --setenv RABBITMQ_LOGS - \
    --setenv RABBITMQ_CONFIG_FILE /conf/rabbitmq.conf --setenv RABBITMQ_ENABLED_PLUGINS_FILE /conf/enabled_plugins \
    --setenv RABBITMQ_PID_FILE /run/rabbitmq.pid --setenv RABBITMQ_DIST_PORT "$(port rabbitmq-dist)" \
    --setenv ERL_EPMD_PORT "$(port epmd)" --setenv ERL_EPMD_ADDRESS 127.0.0.1 --setenv ERL_CRASH_DUMP_SECONDS 0 \
    --setenv RUNNING_UNDER_SYSTEMD true --setenv RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS \
    '+S 2:2 +sbwt none +sbwtdcpu none +sbwtdio none -kernel inet_dist_use_interface {127,0,0,1}' \
    -- "$@"
}

# run_mosquitto: becomes the broker of those tests that need shared subscriptions, or a broker that is restarted; ours has neither.
# Its persistence is a file that it writes when it is asked to stop. It does not keep to Receive Maximum, hence the window.
run_mosquitto() {
  mkdir -p "$data/mosquitto"
  cat >"$data/mosquitto/mosquitto.conf" <<CONF
listener $(port mosquitto) 127.0.0.1
allow_anonymous true
persistence true
persistence_location /data/
max_inflight_messages 1000
max_queued_messages 0
sys_interval 1
log_dest stdout
CONF
  sandbox mosquitto "$data/mosquitto" -- mosquitto -c /data/mosquitto.conf
}
