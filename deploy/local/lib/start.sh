# shellcheck shell=bash
# Starting and stopping the whole fleet: what deploy/local/up and deploy/local/test have in common.

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
source "$here/say.sh"
source "$here/fleet.sh"
source "$here/interrupt.sh"
source "$here/tools.sh"
source "$here/rootfs.sh"
source "$here/ports.sh"
source "$here/sandbox.sh"
source "$here/secrets.sh"
source "$here/servers.sh"
source "$here/ready.sh"
source "$here/build.sh"
source "$here/supervise.sh"

# prepare_state: directories that only this user reads, and the lock that keeps a second start out.
prepare_state() {
  mkdir -p "$state" 2>/dev/null && [[ -w $state ]] ||
    die "$state cannot be written by $(id -un): did another user start the fleet here? Use that user, or remove $state."
  chmod 700 "$state"
  # A Unix socket's path holds 107 bytes, and supervisord adds its number while it makes it.
  ((${#run} < 75)) || die "The path $run is too long for a Unix socket: move this clone to a shorter path, or set EASYSMART_STATE to one."
  mkdir -p "$logs" "$run"
  exec 7>"$run/lock"
  flock --nonblock 7 || die "Another start of the fleet is at work in $state: wait for it to finish."
}

# check_host INSTALL: everything that can be known before anything is changed.
check_host() {
  local -a tools=("${host_tools[@]}")
  [[ -d $rootfs ]] || tools+=("${rootfs_tools[@]}")
  need_tools "$1" "${tools[@]}"
  need_dotnet
  need_space "$state" 1000 'the fleet'
}

# start_fleet: until everything is ready. The caller may set $detach and $demo.
start_fleet() {
  local name
  prepare_rootfs
  check_sandbox
  write_fleet_env
  build_services
  step 'starting PostgreSQL and RabbitMQ'
  mkdir -p "$data"
  init_postgres platform
  init_postgres telemetry
  configure_rabbitmq
  write_supervisor_conf
  start_supervisor
  for name in platform telemetry; do
    await_ready "$name" 120 postgres_answers "$name"
    create_databases "$name"
  done
  migrate
  step 'starting the services'
  start_services
  for name in rabbitmq "${services[@]}"; do await_ready "$name" "${EASYSMART_READY_SECONDS:-180}" is_ready "$name"; done
  step_done
}

# stop_fleet: the end of every start, however it came.
stop_fleet() {
  trap '' INT TERM HUP
  step_done
  end_interrupted
  discard_rootfs_in_making
  supervisor_pid >/dev/null || return 0
  step 'stopping everything'
  stop_supervisor
  step_done
}
