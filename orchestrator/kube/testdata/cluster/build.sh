#!/usr/bin/env bash
# build.sh [PROGRAM...]: builds a cluster's programs into $KUBE_BIN, from the Go
# module proxy. The versions are in the go.mod files beside this. What is there
# in that version is left alone. From nothing this takes about 20 minutes on two
# cores, and 2 GB of memory.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
[ $# -gt 0 ] || set -- kube-apiserver kube-controller-manager kube-scheduler kubelet kube-proxy etcd coredns
mkdir -p "$KUBE_BIN"
export GOFLAGS=-buildvcs=false GOWORK=off

# compile FOLDER PROGRAM PACKAGE FLAGS
compile() {
  local sum
  sum=$(cat "$here/$1"/* | sha256sum)
  if [ -x "$KUBE_BIN/$2" ] && [ "$(cat "$KUBE_BIN/.$2.sum" 2>/dev/null)" = "$sum" ]; then return; fi
  say "building $2"
  (cd "$here/$1" && nice -n 10 go build -trimpath -ldflags "-s -w $4" -o "$KUBE_BIN/$2" "$3")
  echo "$sum" >"$KUBE_BIN/.$2.sum"
}

for program in "$@"; do
  case $program in
    etcd | coredns) CGO_ENABLED=0 compile "$program" "$program" . "" ;; # CoreDNS goes into an image
    kube*)
      version=$(cd "$here/kubernetes" && go list -m -f '{{.Version}}' k8s.io/kubernetes)
      IFS=. read -r major minor _ <<<"${version#v}"
      # Without these a program takes itself for v0.0.0, and others believe it.
      v=k8s.io/component-base/version
      compile kubernetes "$program" "k8s.io/kubernetes/cmd/$program" \
        "-X $v.gitVersion=$version -X $v.gitMajor=$major -X $v.gitMinor=$minor -X $v.gitTreeState=archive" ;;
    *) die "$program is none of a cluster's programs" ;;
  esac
done
say "the programs are in $KUBE_BIN"
