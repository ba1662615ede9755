# shellcheck shell=bash
# Builds the services and puts a copy of each where it runs from: .local/app. A fleet that runs is so never pulled from
# under its own feet by a build for the tests.

sources=(ServiceDefaults services gateway deploy/local/Broker Directory.Build.props Directory.Packages.props global.json)
build_configuration=Release
# Nothing that outlives the build: no compiler server, no waiting MSBuild nodes.
# The SDK stops without libicu unless told that it may do without.
export DOTNET_SYSTEM_GLOBALIZATION_INVARIANT=1
export DOTNET_NOLOGO=1 DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_CLI_USE_MSBUILD_SERVER=0 MSBUILDDISABLENODEREUSE=1
build_options=(--configuration "$build_configuration" --nologo --verbosity quiet -nodeReuse:false -p:UseSharedCompilation=false)

# Names, times and sizes of every source: another value after any change, a deletion too.
sources_stamp() {
  (cd "$repo" && find "${sources[@]}" -type d \( -name bin -o -name obj \) -prune -o -type f -printf '%p %T@ %s\n' |
    LC_ALL=C sort | sha256sum)
}

# build_services: builds unless what runs was built from these very sources.
build_services() {
  local stamp
  stamp=$(sources_stamp)
  [[ -f $state/app/stamp && $(<"$state/app/stamp") == "$stamp" ]] && return
  step 'building the services'
  build "$repo/deploy/local/services.slnf"
  copy_services "$stamp"
  step_done
}

build() {
  local log=$logs/build.log
  mkdir -p "$repo/.local"
  # One build at a time in a working tree.
  interruptible flock "$repo/.local/build.lock" dotnet build "$1" "${build_options[@]}" >"$log" 2>&1 ||
    explain_failure "The services could not be built ($(first_error "$log"))" "$log"
}

first_error() {
  local error
  error=$(grep -m 1 -oE 'error [A-Z]+[0-9]+: .*' "$1" || tail -n 1 "$1")
  printf '%s' "${error:0:200}"
}

copy_services() {
  local service
  rm -rf "$state/app.new"
  for service in "${services[@]}"; do
    mkdir -p "$state/app.new/$service"
    cp -a --reflink=auto "$repo/${project[$service]}/bin/$build_configuration/net10.0/." "$state/app.new/$service"
  done
  printf '%s\n' "$1" >"$state/app.new/stamp"
  rm -rf "$state/app"
  mv "$state/app.new" "$state/app"
}

# migrate: runs the migrations of each service as its database's owner; skipped when this data has had these very ones.
migrate() {
  local service stamp
  step 'migrating the databases'
  for service in "${migrated[@]}"; do
    stamp=$(cd "$repo" && find "${project[$service]}" ServiceDefaults -name '*.sql' -not -path '*/bin/*' -not -path '*/obj/*' \
      -exec sha256sum {} + | LC_ALL=C sort | sha256sum)
    [[ -f $data/migrated-$service && $(<"$data/migrated-$service") == "$stamp" ]] && continue
    interruptible "$repo/deploy/local/lib/run-service" "$service" migrate >"$logs/$service-migrate.log" 2>&1 ||
      explain_failure "The migrations of $service failed" "$logs/$service-migrate.log"
    printf '%s\n' "$stamp" >"$data/migrated-$service"
  done
  step_done
}
