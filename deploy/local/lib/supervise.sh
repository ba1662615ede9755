# shellcheck shell=bash
# The supervisor: Debian's supervisord with a configuration and a socket of our own.

# program NAME COMMAND PRIORITY STOPWAIT AUTOSTART: stopped in the reverse order of priority. A program that dies within startsecs is
# tried again after one second more each time, in practice for ever. Its parent's death ends it too (setpriv).
program() {
  cat <<CONF

[program:$1]
command=setpriv --pdeathsig TERM "${2//%/%%}" $1
priority=$3
autostart=$5
autorestart=true
startsecs=5
startretries=1000000
stopwaitsecs=$4
killasgroup=true
redirect_stderr=true
stdout_logfile=${logs//%/%%}/$1.log
stdout_logfile_maxbytes=10MB
stdout_logfile_backups=3
CONF
}

write_supervisor_conf() {
  local name priority=10
  {
    cat <<CONF
[supervisord]
logfile=${logs//%/%%}/supervisord.log
logfile_maxbytes=5MB
pidfile=${run//%/%%}/supervisord.pid
childlogdir=${logs//%/%%}
[unix_http_server]
file=${run//%/%%}/supervisor.sock
chmod=0700
[rpcinterface:supervisor]
supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface
[supervisorctl]
serverurl=unix://${run//%/%%}/supervisor.sock
CONF
    for name in "${servers[@]}"; do program "$name" "$here/run-server" $((priority++)) 60 true; done
    for name in "${services[@]}"; do program "$name" "$here/run-service" $((priority++)) 40 false; done
    for name in "${test_servers[@]}"; do program "$name" "$here/run-server" 80 20 false; done
    [[ ! ${demo:-} ]] || program demo "$here/run-demo" 90 10 false
  } >"$supervisor_conf"
}

supervisor() { supervisorctl -c "$supervisor_conf" "$@"; }

# supervisor_pid: the number of the running supervisor of this state directory, or nothing.
supervisor_pid() {
  local pid
  pid=$(cat "$run/supervisord.pid" 2>/dev/null) || return 1
  # The number alone could be another program's by now.
  [[ -r /proc/$pid/cmdline ]] && tr '\0' ' ' <"/proc/$pid/cmdline" | grep -qF "$supervisor_conf" && echo "$pid"
}

# start_supervisor: starts the servers with it. In a session of its own, so that Ctrl-C reaches only us; unless we detach, our death ends it.
start_supervisor() {
  [[ ! -f $logs/supervisord.log ]] || mv "$logs/supervisord.log" "$logs/supervisord-before.log"
  local -a tied=(setpriv --pdeathsig TERM)
  [[ ! ${detach:-} ]] || tied=()
  setsid "${tied[@]}" supervisord --nodaemon --configuration "$supervisor_conf" </dev/null >"$logs/supervisor-start.log" 2>&1 7>&- &
  supervisor_job=$!
  await 10 supervisor_answers || explain_failure 'The supervisor did not start' "$logs/supervisor-start.log"
}

supervisor_answers() { [[ -S $run/supervisor.sock ]] && supervisor pid >/dev/null 2>&1; }

# start_services: all at once; each waits by itself for what it needs.
start_services() {
  local -a also=()
  [[ ! ${demo:-} ]] || also=(demo)
  tell_supervisor startProcess "${services[@]}" "${also[@]}"
}

# stop_supervisor: the services first, together, while the servers still answer; then the servers, then itself.
# Politeness ends after two minutes.
stop_supervisor() {
  local pid
  pid=$(supervisor_pid) || return 0
  stop_programs demo "${services[@]}"
  stop_programs "${servers[@]}"
  kill -TERM "$pid" 2>/dev/null || return 0
  await 120 gone "$pid" || kill -KILL "$pid" 2>/dev/null || true
  rm -f "$run/supervisord.pid"
}

stop_programs() {
  tell_supervisor stopProcess "$@"
  await 60 none_is_stopping || true
}

# tell_supervisor METHOD NAME…: without waiting for one before the next, as supervisorctl would; so its protocol is spoken here.
tell_supervisor() {
  local method=$1 name
  shift
  for name in "$@"; do
    ask_supervisor "$method" "<param><value><string>$name</string></value></param><param><value><boolean>0</boolean></value></param>"
  done >/dev/null
}

none_is_stopping() { ! ask_supervisor getAllProcessInfo | grep -q '>STOPPING<'; }

ask_supervisor() {
  curl --silent --max-time 10 --noproxy '*' --unix-socket "$run/supervisor.sock" http://localhost/RPC2 -H 'content-type: text/xml' \
    --data "<?xml version='1.0'?><methodCall><methodName>supervisor.$1</methodName><params>${2:-}</params></methodCall>" || true
}

gone() { ! kill -0 "$1" 2>/dev/null; }
