# shellcheck shell=bash
# Ports: a taken one is named before anything is started; tests pick free ones.

# port_is_taken PORT: whether something on this machine answers there.
port_is_taken() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# check_ports: every port is a number, no two are the same, none is taken; then all are exported.
check_ports() {
  local name number variable
  declare -A owner=()
  for name in "${ports[@]}"; do
    number=$(port "$name") variable=$(port_variable "$name")
    [[ $number =~ ^[1-9][0-9]{0,4}$ && $number -lt 65536 ]] ||
      die "$variable is '$number', which is not a port: set it to a number from 1 to 65535."
    [[ -z ${owner[$number]:-} ]] ||
      die "Port $number is asked for by both ${owner[$number]} and $variable: give one of them another port."
    if port_is_taken "$number"; then
      die "Port $number ($name) is taken by another program: stop that program, or choose another port with $variable=…"
    fi
    owner[$number]=$variable
    export "$variable=$number"
  done
}

# pick_free_ports: exports a free port for everything. Below the range from which the kernel picks the local ports of
# outgoing connections, and from a random start, so that two test runs do not meet.
pick_free_ports() {
  local name number=$((20000 + RANDOM % 10000))
  for name in "${ports[@]}"; do
    while port_is_taken "$number"; do number=$((number + 1)); done
    export "$(port_variable "$name")=$number"
    number=$((number + 1))
  done
}
