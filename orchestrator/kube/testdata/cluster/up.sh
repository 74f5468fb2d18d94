#!/usr/bin/env bash
# up.sh DIR: brings up a Kubernetes of one node, with all of its state in DIR and
# its administrator's kubeconfig at DIR/kubeconfig. Called again, it starts what
# is missing. down.sh DIR ends it.
#
# etcd, the control plane, containerd, kubelet and kube-proxy are plain processes
# of this machine. The node's address and the pods are on a bridge of their own:
# pods reach this machine at the node's address, and nothing beyond. Nothing is
# fetched. Ports are fixed, so there is one cluster per network namespace.
#
# Two things need care. A root without CAP_SYS_RESOURCE (as in many containers)
# cannot lower a score of the OOM killer, which is what restrict_oom_score_adj is
# for. And containerd 1.6 does not tell the kubelet its cgroup driver.
set -euo pipefail
[ $# -eq 1 ] || { echo "usage: $0 DIR" >&2; exit 2; }
mkdir -p "$1"
DIR=$(cd "$1" && pwd)
. "$(dirname "$0")/lib.sh"
pki=$DIR/pki conf=$DIR/conf
export KUBECONFIG=$DIR/kubeconfig
kubectl() { command kubectl --request-timeout=5s "$@"; }

# needs dies unless all is there that the rest takes for granted.
needs() {
  local pair program plugin
  [ "$(id -u)" = 0 ] || die "only root can make a node of this machine"
  [ ${#DIR} -le 60 ] || die "$DIR is longer than 60 characters, and paths of sockets have to fit below it"
  for pair in containerd=containerd ctr=containerd runc=runc kubectl=kubernetes-client nft=nftables ip=iproute2 openssl=openssl; do
    command -v "${pair%%=*}" >/dev/null || die "${pair%%=*} is missing: apt-get install ${pair#*=}"
  done
  for plugin in bridge host-local loopback portmap; do
    [ -x "$CNI_BIN/$plugin" ] || die "$CNI_BIN/$plugin is missing: apt-get install containernetworking-plugins"
  done
  for program in kube-apiserver kube-controller-manager kube-scheduler kubelet kube-proxy etcd coredns; do
    [ -x "$KUBE_BIN/$program" ] || die "$KUBE_BIN/$program is missing: build.sh makes it, KUBE_BIN names the folder"
  done
}

# vacant NAME ADDRESS PORT...: dies if the ports of NAME are somebody else's.
vacant() {
  local name=$1 address=$2 port
  shift 2
  alive "$name" && return
  for port; do
    if (exec 3<>"/dev/tcp/$address/$port") 2>/dev/null; then die "port $port of $name is taken by another process"; fi
  done
}

network() {
  ip link show "$BRIDGE" >/dev/null 2>&1 || ip link add "$BRIDGE" type bridge || die "cannot make the bridge $BRIDGE: is CAP_NET_ADMIN missing?"
  ip address replace "$NODE_IP/24" dev "$BRIDGE"
  ip link set "$BRIDGE" up
  ip route replace "$SERVICE_PREFIX.0.0/16" dev "$BRIDGE" src "$NODE_IP"
  [ -f "$DIR/ip_forward" ] || cat /proc/sys/net/ipv4/ip_forward >"$DIR/ip_forward"
  echo 1 >/proc/sys/net/ipv4/ip_forward
  [ ! -e /proc/sys/net/bridge/bridge-nf-call-iptables ] || echo 1 >/proc/sys/net/bridge/bridge-nf-call-iptables
}

key() { openssl ecparam -name prime256v1 -genkey -noout -out "$pki/$1.key" 2>/dev/null; }

# certificate NAME SUBJECT [SUBJECT-ALTERNATIVE-NAMES]
certificate() {
  key "$1"
  openssl req -new -key "$pki/$1.key" -subj "$2" 2>/dev/null |
    openssl x509 -req -CA "$pki/ca.crt" -CAkey "$pki/ca.key" -CAcreateserial -days 3650 -out "$pki/$1.crt" -extfile <(
      echo "keyUsage=critical,digitalSignature,keyEncipherment"
      echo "extendedKeyUsage=serverAuth,clientAuth"
      [ -z "${3:-}" ] || echo "subjectAltName=$3"
    ) 2>/dev/null
}

certificates() {
  [ ! -f "$pki/done" ] || return 0
  key ca
  openssl req -x509 -new -key "$pki/ca.key" -subj /CN=hackload-e2e -days 3650 -out "$pki/ca.crt" 2>/dev/null
  key sa
  openssl ec -in "$pki/sa.key" -pubout -out "$pki/sa.pub" 2>/dev/null
  certificate etcd /CN=etcd IP:127.0.0.1
  certificate apiserver /CN=kube-apiserver "IP:$NODE_IP,IP:$SERVICE_PREFIX.0.1,DNS:kubernetes.default.svc"
  certificate kubelet-serving "/O=system:nodes/CN=system:node:$NODE" "IP:$NODE_IP,DNS:$NODE"
  certificate kubelet-client /O=system:masters/CN=kube-apiserver
  certificate admin /O=system:masters/CN=admin
  certificate kube-controller-manager /CN=system:kube-controller-manager
  certificate kube-scheduler /CN=system:kube-scheduler
  certificate kubelet "/O=system:nodes/CN=system:node:$NODE"
  certificate kube-proxy /CN=system:kube-proxy
  touch "$pki/done"
}

# kubeconfig NAME FILE
kubeconfig() {
  umask 077
  put "$2" <<EOF
apiVersion: v1
kind: Config
clusters: [{name: e2e, cluster: {server: "https://$NODE_IP:6443", certificate-authority-data: $(base64 -w0 "$pki/ca.crt")}}]
users: [{name: $1, user: {client-certificate-data: $(base64 -w0 "$pki/$1.crt"), client-key-data: $(base64 -w0 "$pki/$1.key")}}]
contexts: [{name: e2e, context: {cluster: e2e, user: $1}}]
current-context: e2e
EOF
}

state_store() {
  vacant etcd 127.0.0.1 2379 2380
  start etcd "$KUBE_BIN/etcd" --name e2e --data-dir "$DIR/etcd" --log-level warn --unsafe-no-fsync \
    --listen-client-urls https://127.0.0.1:2379 --advertise-client-urls https://127.0.0.1:2379 \
    --listen-peer-urls http://127.0.0.1:2380 --initial-advertise-peer-urls http://127.0.0.1:2380 \
    --initial-cluster e2e=http://127.0.0.1:2380 \
    --cert-file "$pki/etcd.crt" --key-file "$pki/etcd.key" --client-cert-auth --trusted-ca-file "$pki/ca.crt"
}

containers() {
  put "$DIR/cni/10-bridge.conflist" <<EOF
{"cniVersion": "0.4.0", "name": "$BRIDGE", "plugins": [
  {"type": "bridge", "bridge": "$BRIDGE", "isGateway": true, "hairpinMode": true, "ipMasq": false,
   "ipam": {"type": "host-local", "dataDir": "$DIR/cni-state", "routes": [{"dst": "0.0.0.0/0"}],
            "ranges": [[{"subnet": "$POD_PREFIX.0/24", "rangeStart": "$POD_PREFIX.2", "gateway": "$NODE_IP"}]]}},
  {"type": "portmap", "capabilities": {"portMappings": true}}]}
EOF
  put "$conf/containerd.toml" <<EOF
version = 2
root = "$DIR/c/root"
state = "$DIR/c/state"
[grpc]
  address = "$SOCKET"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "$PAUSE"
  netns_mounts_under_state_dir = true
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "$CNI_BIN"
    conf_dir = "$DIR/cni"
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
[plugins."io.containerd.internal.v1.opt"]
  path = "$DIR/c/opt"
EOF
  start containerd containerd --config "$conf/containerd.toml" --log-level warn
  await containerd 30 "containerd answers" ctr -a "$SOCKET" version
}

# has IMAGE tells whether the cluster has it. grep reads to the end: with -q it
# would leave early, and the writer's broken pipe count as a failure.
has() { ctr -a "$SOCKET" -n k8s.io images ls -q | grep -x "$1" >/dev/null; }

# own_images makes the two images that a cluster of ours needs to begin with.
own_images() {
  (
    cd "$root"
    has "$PAUSE" || {
      CGO_ENABLED=0 go build -trimpath -ldflags '-s -w' -o "$DIR/images/pause" ./orchestrator/kube/testdata/cluster/pause
      go run ./manifests/image program "$PAUSE" "$DIR/images/pause.tar" "$DIR/images/pause"
      "$here/load.sh" "$DIR" "$DIR/images/pause.tar"
    }
    has localhost/coredns:1 || {
      go run ./manifests/image program localhost/coredns:1 "$DIR/images/coredns.tar" "$KUBE_BIN/coredns"
      "$here/load.sh" "$DIR" "$DIR/images/coredns.tar"
    }
  )
}

control_plane() {
  vacant kube-apiserver "$NODE_IP" 6443
  start kube-apiserver "$KUBE_BIN/kube-apiserver" \
    --bind-address "$NODE_IP" --advertise-address "$NODE_IP" --secure-port 6443 \
    --etcd-servers https://127.0.0.1:2379 --etcd-cafile "$pki/ca.crt" --etcd-certfile "$pki/etcd.crt" --etcd-keyfile "$pki/etcd.key" \
    --client-ca-file "$pki/ca.crt" --tls-cert-file "$pki/apiserver.crt" --tls-private-key-file "$pki/apiserver.key" \
    --authorization-mode Node,RBAC --enable-admission-plugins NodeRestriction --anonymous-auth=false --allow-privileged=true \
    --service-cluster-ip-range "$SERVICE_PREFIX.0.0/16" --service-account-issuer https://kubernetes.default.svc.cluster.local \
    --service-account-key-file "$pki/sa.pub" --service-account-signing-key-file "$pki/sa.key" \
    --kubelet-certificate-authority "$pki/ca.crt" --kubelet-preferred-address-types InternalIP \
    --kubelet-client-certificate "$pki/kubelet-client.crt" --kubelet-client-key "$pki/kubelet-client.key"
  await kube-apiserver 90 "kube-apiserver is ready" kubectl get --raw /readyz
  vacant kube-controller-manager 127.0.0.1 10257
  start kube-controller-manager "$KUBE_BIN/kube-controller-manager" --bind-address 127.0.0.1 \
    --kubeconfig "$conf/kube-controller-manager" --leader-elect=false --use-service-account-credentials=true \
    --node-monitor-period 1s --kube-api-qps 300 --kube-api-burst 500 \
    --service-account-private-key-file "$pki/sa.key" --root-ca-file "$pki/ca.crt" \
    --cluster-signing-cert-file "$pki/ca.crt" --cluster-signing-key-file "$pki/ca.key" \
    --service-cluster-ip-range "$SERVICE_PREFIX.0.0/16" --cluster-cidr "$POD_PREFIX.0/24" --flex-volume-plugin-dir "$DIR/plugins"
  vacant kube-scheduler 127.0.0.1 10259
  start kube-scheduler "$KUBE_BIN/kube-scheduler" --bind-address 127.0.0.1 --kubeconfig "$conf/kube-scheduler" --leader-elect=false
}

node() {
  vacant kubelet 127.0.0.1 10248
  vacant kubelet "$NODE_IP" 10250
  put "$conf/resolv.conf" <<<"nameserver 127.0.0.1" # names outside fail at once
  put "$conf/kubelet.yaml" <<EOF
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
address: $NODE_IP
healthzBindAddress: 127.0.0.1
tlsCertFile: $pki/kubelet-serving.crt
tlsPrivateKeyFile: $pki/kubelet-serving.key
authentication: {anonymous: {enabled: false}, webhook: {enabled: true}, x509: {clientCAFile: $pki/ca.crt}}
authorization: {mode: Webhook}
containerRuntimeEndpoint: unix://$SOCKET
cgroupDriver: cgroupfs
failCgroupV1: false
failSwapOn: false
protectKernelDefaults: false
makeIPTablesUtilChains: false
resolvConf: $conf/resolv.conf
clusterDomain: cluster.local
clusterDNS: [$DNS_IP]
podLogsDir: $DIR/pod-logs
volumePluginDir: $DIR/plugins
imageGCHighThresholdPercent: 100
imageGCLowThresholdPercent: 99
evictionHard: {memory.available: 50Mi, nodefs.available: 0%, nodefs.inodesFree: 0%, imagefs.available: 0%, imagefs.inodesFree: 0%}
EOF
  start kubelet "$KUBE_BIN/kubelet" --config "$conf/kubelet.yaml" --kubeconfig "$conf/kubelet" \
    --root-dir "$DIR/kubelet" --cert-dir "$DIR/kubelet/pki" --hostname-override "$NODE" --node-ip "$NODE_IP"
  await kubelet 60 "$NODE is known" kubectl get node "$NODE"
  vacant kube-proxy 127.0.0.1 10256 10249
  put "$conf/proxy.yaml" <<EOF
apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
mode: nftables
clientConnection: {kubeconfig: $conf/kube-proxy}
clusterCIDR: $POD_PREFIX.0/24
hostnameOverride: $NODE
healthzBindAddress: 127.0.0.1:10256
metricsBindAddress: 127.0.0.1:10249
nodePortAddresses: [$NODE_IP/32]
conntrack: {maxPerCore: 0, min: 0, tcpEstablishedTimeout: 0s, tcpCloseWaitTimeout: 0s}
nftables: {minSyncPeriod: 100ms}
EOF
  start kube-proxy "$KUBE_BIN/kube-proxy" --config "$conf/proxy.yaml"
}

# node_ready: what was said before this kubelet started does not count.
node_ready() {
  local status time
  read -r status time < <(kubectl get node "$NODE" -o 'jsonpath={range .status.conditions[?(@.type=="Ready")]}{.status} {.lastHeartbeatTime}{"\n"}{end}')
  [ "$status" = True ] && [ "$(date -d "$time" +%s)" -ge "$(stat -c %Y "$DIR/pid/kubelet")" ]
}
rules_written() { nft list table ip kube-proxy | grep -F "$SERVICE_PREFIX.0.1" >/dev/null; }
untainted() { [[ $(kubectl get node "$NODE" -o 'jsonpath={.spec.taints}') != *node.kubernetes.io* ]]; }

needs
mkdir -p "$DIR"/{pid,log,pki,conf,etcd,kubelet,pod-logs,cni,cni-state,c,plugins,images}
chmod 700 "$pki" "$DIR/etcd"
network
certificates
(kubeconfig admin "$KUBECONFIG")
for user in kube-controller-manager kube-scheduler kubelet kube-proxy; do (kubeconfig $user "$conf/$user"); done
state_store
containers
own_images
control_plane
node
await kubelet 90 "$NODE is ready" node_ready
await kube-controller-manager 60 "service accounts are made" kubectl -n default get serviceaccount default
await kube-proxy 60 "Services are routed" rules_written
await kube-controller-manager 90 "$NODE takes pods" untainted
sed "s/DNS_IP/$DNS_IP/" "$here/coredns.yaml" | kubectl apply -f - >/dev/null
command kubectl -n kube-system rollout status deployment/coredns --timeout=90s >/dev/null || die "CoreDNS is not ready; see kubectl -n kube-system describe pods"
say "up: export KUBECONFIG=$KUBECONFIG"
