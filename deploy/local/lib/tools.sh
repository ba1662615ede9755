# shellcheck shell=bash
# The few programs of the host that the fleet needs, as "command package why".

host_tools=(
  'bwrap bubblewrap runs the database servers in a root filesystem of their own'
  'supervisord supervisor keeps the servers and services running'
  'mosquitto_pub mosquitto-clients publishes like a device'
  'curl curl asks services whether they are ready'
  'jq jq reads JSON in scripts and in the tour'
  'openssl openssl makes keys and passwords'
)
rootfs_tools=('mmdebstrap mmdebstrap prepares that root filesystem')
((EUID == 0)) || rootfs_tools+=('newuidmap uidmap lets mmdebstrap work without root')

# need_tools INSTALL TOOL…: installs the packages of missing tools, or (INSTALL empty) only tells.
need_tools() {
  local install=$1 tool command package why
  local -a missing=()
  shift
  for tool in "$@"; do
    read -r command package why <<<"$tool"
    command -v "$command" >/dev/null && continue
    missing+=("$package")
    note "  missing: $package ($why)"
  done
  ((${#missing[@]} == 0)) && return
  local by="apt-get install --no-install-recommends ${missing[*]}"
  [[ $install ]] || die "Some tools are missing; as root, run: $by"
  install_packages "$by" "${missing[@]}"
}

install_packages() {
  local by=$1 log=$logs/apt.log
  local -a as_root=()
  shift
  if ((EUID != 0)); then
    command -v sudo >/dev/null || die "Some tools are missing and there is no sudo here; as root, run: $by"
    sudo -v || die "Some tools are missing and installing them needs sudo; or ask an administrator to run: $by"
    as_root=(sudo)
  fi
  step "installing $*"
  # shellcheck disable=SC2024 # the log is ours, not root's
  {
    "${as_root[@]}" apt-get update && "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
      apt-get install --yes --no-install-recommends "$@"
  } >"$log" 2>&1 </dev/null ||
    die "apt could not install $*: check the network and Debian's package sources, then run this again (details: $log)."
  step_done
}

# need_dotnet: the SDK does not come from apt, so it is only looked for.
need_dotnet() {
  local wanted=10
  dotnet --list-sdks 2>/dev/null | grep -q "^$wanted\." ||
    die "The .NET SDK $wanted is missing: install it (https://dotnet.microsoft.com/download/dotnet/$wanted.0), then run this again."
}

# need_space DIRECTORY MIB WHAT
need_space() {
  local free
  mkdir -p "$1"
  free=$(df --output=avail -BM "$1" | tail -n 1)
  free=${free//[!0-9]/}
  ((free >= $2)) || die "The disk that holds $1 has only $free MiB free, and $3 needs $2 MiB: make room there, then run this again."
}
