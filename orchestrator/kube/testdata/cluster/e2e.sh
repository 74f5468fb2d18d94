#!/usr/bin/env bash
# e2e.sh [GO-TEST-FLAG...]: brings up a cluster, gives it our images and the
# resource TestRun, runs the tests with the tag e2e against it, and takes it down
# again. It wants to be called by make e2e, which has built the images.
#
#   KUBE_BIN     a cluster's programs; without it build.sh makes them, once
#   TESTRUN_CRD  k6-operator's own definition, in place of the one in testdata
#   E2E_OPERATOR "cluster" when the cluster in E2E_DIR runs k6-operator itself; the
#                stand-in then stays away
#   E2E_DIR      keeps the cluster up, there, and takes it up again next time
set -euo pipefail
given=${KUBE_BIN:-}
. "$(dirname "$0")/lib.sh"
cd "$root"
if [ -z "$given" ]; then "$here/build.sh"; fi
dir=${E2E_DIR:-}
if [ -z "$dir" ]; then
  dir=$(mktemp -d /tmp/hackload-e2e.XXXXXX)
  trap '"$here/down.sh" "$dir" --purge' EXIT
fi
"$here/up.sh" "$dir"
CGO_ENABLED=0 go build -trimpath -ldflags '-s -w' -o "$dir/images/biletter" "$here/biletter"
go run ./manifests/image program localhost/biletter:e2e "$dir/images/biletter.tar" "$dir/images/biletter"
"$here/load.sh" "$dir" bin/job-service.tar bin/runner.tar "$dir/images/biletter.tar"
export KUBECONFIG="$dir/kubeconfig"
kubectl apply --server-side -f "${TESTRUN_CRD:-$here/../testruns.yaml}" >/dev/null
# The Prometheus operator's own definitions, from the source of its module.
definitions=$(cd "$dir" && GOFLAGS=-mod=mod GOWORK=off go mod download -json "github.com/prometheus-operator/prometheus-operator@$PROMETHEUS_OPERATOR" | sed -n 's/^\t"Dir": "\(.*\)",$/\1/p')/example/prometheus-operator-crd
kubectl apply --server-side -f "$definitions/monitoring.coreos.com_prometheusrules.yaml" -f "$definitions/monitoring.coreos.com_servicemonitors.yaml" >/dev/null
HACKLOAD_E2E="$dir" go test -tags e2e -count=1 -timeout 30m "$@" ./orchestrator/kube/e2e
