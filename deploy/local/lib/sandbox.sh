# shellcheck shell=bash
# Runs a command inside the root filesystem, as one of its users, with this machine's network.

# check_sandbox: whether this machine lets us, once, before anything is kept in one.
# A container's /proc is masked in part, and the kernel then refuses a new one: there the container's own is shown.
check_sandbox() {
  local log=$logs/sandbox.log
  : >"$log"
  export EASYSMART_SANDBOX_PROC
  for EASYSMART_SANDBOX_PROC in '--proc' '--ro-bind /proc'; do
    (sandbox postgres "$run" -- true) 2>>"$log" && return
  done
  die "This machine does not let $(id -un) make the namespaces that the servers run in: allow user namespaces (sysctl kernel.unprivileged_userns_clone=1; on Ubuntu kernel.apparmor_restrict_unprivileged_userns=0; in a container, run it privileged), then run this again (details: $log)."
}

# sandbox USER DATA [bwrap option…] -- COMMAND…
# Takes the place of the shell that calls it: call it in a ( subshell ).
# The command is process 1 of a namespace of its own: when it, or whoever started it, dies, nothing of it is left.
# Inside, the caller appears as USER (PostgreSQL refuses root); outside, files belong to the caller.
sandbox() {
  local user=$1 data_directory=$2
  local -a options=() ids
  shift 2
  while [[ $1 != -- ]]; do options+=("$1"); shift; done
  shift
  IFS=: read -ra ids < <(grep "^$user:" "$rootfs/etc/passwd")
  options+=(--setenv HOME /data --setenv LANG C.UTF-8 --setenv TZ UTC
    --setenv PATH /usr/lib/postgresql/17/bin:/usr/lib/rabbitmq/bin:/usr/sbin:/usr/bin:/sbin:/bin)
  # The options hold passwords: they go through a pipe and not on the command line, where ps would show them.
  # shellcheck disable=SC2086 # one option or two
  exec bwrap --unshare-user --uid "${ids[2]}" --gid "${ids[3]}" --unshare-pid --as-pid-1 --unshare-ipc --die-with-parent \
    --ro-bind "$rootfs" / --dev /dev ${EASYSMART_SANDBOX_PROC:---proc} /proc --tmpfs /tmp --tmpfs /run --bind "$data_directory" /data --chdir /data \
    --clearenv --args 9 -- "$@" 9< <(printf '%s\0' "${options[@]}")
}
