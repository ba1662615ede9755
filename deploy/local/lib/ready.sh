# shellcheck shell=bash
# Waiting until things answer, and saying why when they do not.

# await SECONDS COMMAND…: asks ten times a second.
await() {
  local deadline=$((SECONDS + $1))
  shift
  until "$@"; do
    ((SECONDS < deadline)) || return 1
    sleep 0.1
  done
}

service_is_ready() { curl --silent --fail --noproxy '*' --max-time 3 --output /dev/null "http://127.0.0.1:$(port "$1")/health/ready"; }

is_ready() {
  case $1 in
    platform | telemetry | rabbitmq) port_is_taken "$(port "$1")" ;;
    *) service_is_ready "$1" ;;
  esac
}

# await_ready NAME SECONDS CHECK…: or the sentence that says why not, early when the program keeps dying.
await_ready() {
  local name=$1 seconds=$2
  shift 2
  await "$seconds" ready_or_hopeless "$name" "$@" || explain_failure "$name is not ready after $seconds seconds" "$logs/$name.log"
  "$@" || explain_failure "$name ends again and again" "$logs/$name.log"
}

ready_or_hopeless() {
  local name=$1
  shift
  "$@" || (($(grep -c "exited: $name (" "$logs/supervisord.log") >= 4))
}

# explain_failure SENTENCE LOG: a full disk is the one cause worth naming; the tool's own words are in the log, if it
# could still be written.
explain_failure() {
  local free
  free=$(df --output=avail -BM "$state" | tail -n 1)
  if ((${free//[!0-9]/} < 20)) || tail -n 200 "$2" 2>/dev/null | grep -qiE 'no space left on device|disk quota exceeded'; then
    die "The disk that holds $state is full: make room there, then run this again (details: $2)."
  fi
  die "$1: the reason is in $2; when it is mended, run this again."
}
