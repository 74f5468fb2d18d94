#!/usr/bin/env bash
# down.sh DIR [--purge]: ends what up.sh DIR began, and with --purge removes DIR.
#
# Processes are ended by the pids that up.sh wrote down, containers by their
# containerd, and shims by the socket that they name. The bridge, the rules of
# kube-proxy and the cgroups go too. The kubelet's device-plugins folder, a path
# that cannot be set, stays.
set -uo pipefail
if [ $# -eq 0 ] || [ ! -d "$1/pid" ]; then
  echo "usage: $0 DIR [--purge]   (DIR as given to up.sh)" >&2
  exit 2
fi
DIR=$(cd "$1" && pwd)
. "$(dirname "$0")/lib.sh"

# stop NAME [SECONDS]: asks it to end, and after SECONDS does not ask.
stop() {
  local pid
  if alive "$1"; then
    read -r pid _ <"$DIR/pid/$1"
    kill "$pid" 2>/dev/null
    for _ in $(seq $((${2:-10} * 10))); do
      alive "$1" || break
      sleep 0.1
    done
    if alive "$1"; then
      kill -9 "$pid" 2>/dev/null
      sleep 0.2
    fi
  fi
  rm -f "$DIR/pid/$1"
}

# remove CONTAINER...
remove() {
  local id
  for id; do
    ctl task kill -s KILL "$id" >/dev/null
    ctl task rm -f "$id" >/dev/null
    ctl container rm "$id" >/dev/null
    rm -f "/var/lib/cni/results/"*"-$id-"*
  done
}
ctl() { timeout 20 ctr -a "$SOCKET" -n k8s.io "$@" 2>/dev/null; }

for name in kubelet kube-proxy kube-scheduler kube-controller-manager; do stop "$name"; done
stop kube-apiserver 2 # it keeps nothing, and would wait for its watches
stop etcd
if alive containerd; then
  # A pod's sandbox goes last: its shim serves the pod's containers.
  mapfile -t sandboxes < <(ctl container ls -q 'labels."io.cri-containerd.kind"==sandbox')
  mapfile -t containers < <(ctl container ls -q 'labels."io.cri-containerd.kind"!=sandbox')
  remove "${containers[@]}"
  remove "${sandboxes[@]}"
  stop containerd
fi
for process in /proc/[0-9]*; do
  words=$( (tr '\0' ' ' <"$process/cmdline") 2>/dev/null) || continue
  case $words in *containerd-shim-runc-v2*"-address $SOCKET "*) kill -9 "${process#/proc/}" ;; esac
done
awk -v dir="$DIR/" 'index($5, dir) == 1 { print $5 }' /proc/self/mountinfo | sort -r | while read -r mount; do umount -l "$mount"; done
rm -rf "$DIR/cni-state" "$DIR/c/state"
for link in /var/log/containers/*; do # the kubelet makes them outside of its folders
  case $(readlink "$link") in "$DIR"/*) rm -f "$link" ;; esac
done
nft delete table ip kube-proxy 2>/dev/null
nft delete table ip6 kube-proxy 2>/dev/null
ip link del "$BRIDGE" 2>/dev/null
if [ -f "$DIR/ip_forward" ]; then
  cat "$DIR/ip_forward" >/proc/sys/net/ipv4/ip_forward
  rm "$DIR/ip_forward"
fi
for group in /sys/fs/cgroup/*/kubepods /sys/fs/cgroup/kubepods; do
  [ ! -d "$group" ] || find "$group" -depth -type d -exec rmdir {} + 2>/dev/null
done
[ "${2:-}" != --purge ] || rm -rf "$DIR"
say "down"
