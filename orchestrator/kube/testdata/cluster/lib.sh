# Settings and functions of build.sh, up.sh, down.sh and load.sh, which source
# this after setting DIR. Every setting can be given in the environment.
# shellcheck shell=bash disable=SC2034

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../../../.." && pwd)
KUBE_BIN=${KUBE_BIN:-${XDG_CACHE_HOME:-$HOME/.cache}/hackload/kube} # what build.sh makes
CNI_BIN=${CNI_BIN:-/usr/lib/cni}
NODE=${NODE:-node1}
BRIDGE=${BRIDGE:-hackload0}            # the node's address and all pods are on it
POD_PREFIX=${POD_PREFIX:-10.244.0}     # the node is .1, pods follow
SERVICE_PREFIX=${SERVICE_PREFIX:-10.96} # Services are in $SERVICE_PREFIX.0.0/16
NODE_IP=$POD_PREFIX.1
DNS_IP=$SERVICE_PREFIX.0.10
SOCKET=${DIR:-}/c/sock
PAUSE=localhost/pause:1
PROMETHEUS_OPERATOR=v0.85.0 # whose ServiceMonitor and PrometheusRule ours must be

say() { printf '%s  %s\n' "$(date +%T)" "$*"; }
die() {
  printf '%s: %s\n' "$(basename "$0")" "$*" >&2
  exit 1
}

# A pid is written down with the start time of its process. Both must match, so
# that nothing else is ever taken for ours. A zombie has no start time.
born() { sed 's/.*) //' "/proc/$1/stat" 2>/dev/null | awk '$1 != "Z" { print $20 }'; }
alive() {
  local pid time
  read -r pid time 2>/dev/null <"$DIR/pid/$1" && [ -n "$time" ] && [ "$(born "$pid")" = "$time" ]
}

# start NAME COMMAND...: runs it in the background, unless it runs already.
start() {
  local name=$1
  shift
  alive "$name" && return
  setsid nice -n "${NICE:-0}" "$@" >>"$DIR/log/$name.log" 2>&1 </dev/null &
  echo "$! $(born $!)" >"$DIR/pid/$name"
}

# await NAME SECONDS WHAT COMMAND...: repeats COMMAND until it succeeds. Gives up
# when the time is over, or when the process that it waits for has ended.
await() {
  local name=$1 end=$((SECONDS + $2)) what=$3
  shift 3
  until "$@" >/dev/null 2>&1; do
    if ! alive "$name" || [ $SECONDS -ge "$end" ]; then
      tail -n 15 "$DIR/log/$name.log" >&2
      die "$what: not so in time; see $DIR/log/$name.log"
    fi
    sleep 0.2
  done
  say "$what"
}

# put FILE: writes stdin to it, but leaves alone what is the same already:
# kube-proxy ends when its file is written again.
put() {
  local text
  text=$(cat)
  [ -f "$1" ] && [ "$(cat "$1")" = "$text" ] || printf '%s\n' "$text" >"$1"
}
