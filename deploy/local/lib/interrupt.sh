# shellcheck shell=bash
# Long commands that end at once when we are told to stop: bash by itself would wait for them before it listens.

interruptible_group=

# interruptible COMMAND…: runs it in a process group of its own, and waits for it.
interruptible() {
  local status=0
  set -m
  "$@" </dev/null &
  interruptible_group=$!
  set +m
  wait "$interruptible_group" || status=$?
  interruptible_group=
  return "$status"
}

# end_interrupted: TERM, because a shell that runs us in the background has us ignore INT, and we hand that down.
end_interrupted() {
  [[ $interruptible_group ]] || return 0
  kill -TERM -- "-$interruptible_group" 2>/dev/null || return 0
  await 15 group_is_gone || kill -KILL -- "-$interruptible_group" 2>/dev/null || true
}

group_is_gone() { ! kill -0 -- "-$interruptible_group" 2>/dev/null; }
