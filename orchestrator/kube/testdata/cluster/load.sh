#!/usr/bin/env bash
# load.sh DIR ARCHIVE...: gives image archives (as make image writes them) to the
# cluster in DIR. No registry is asked for them when their tag is not latest.
set -euo pipefail
[ $# -ge 2 ] || { echo "usage: $0 DIR ARCHIVE..." >&2; exit 2; }
DIR=$(cd "$1" && pwd)
. "$(dirname "$0")/lib.sh"
shift
for archive; do
  ctr -a "$SOCKET" -n k8s.io images import "$archive" >/dev/null || die "containerd did not take $archive (does the cluster run?)"
done
