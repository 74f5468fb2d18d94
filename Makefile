# Two commands are all that a newcomer needs: `make dev` and `make test`.
# Everything here needs Go, make and gcc (for the race detector), nothing else.

.DEFAULT_GOAL := help
.PHONY: test-xk6 dev test build image lint dashboards bench bench-loadgen soak-loadgen chaos chaos-neighbours day fuzz vulnerabilities e2e help

ARGS      ?=
TESTFLAGS ?=
BENCH     ?= .
PACKAGES  ?= ./...
SOAK      ?= 10m
ARCH      ?= $(shell go env GOARCH)
IMAGE_TAG ?= local
SEED      ?= 1
TIMES     ?= 16
STATE     ?= sqlite
METRICS   ?= embedded
DAY       ?= 30m
TARGETS   ?= 6
FUZZTIME  ?= 1m
FUZZ      ?= .

dev: build ## Run a whole contest on this machine (flags in ARGS="--once --json out.json")
	bin/hackload dev $(ARGS)

test: ## Run every test with the race detector (more flags in TESTFLAGS, fewer packages in PACKAGES)
	go test -race -p 3 -parallel 8 -timeout 15m $(TESTFLAGS) $(PACKAGES)

# The extension is compiled only where k6's sources are at hand, in a workspace
# outside of the repository, so that nothing here links k6.
test-xk6: ## Test the k6 extension with k6's sources (K6_SRC=/path/to/k6)
ifdef K6_SRC
	@work=$$(mktemp -d) && trap 'rm -rf "$$work"' EXIT && \
	printf 'go 1.26.7\n\nuse (\n\t%s\n\t%s\n\t%s\n)\n' '$(CURDIR)' '$(CURDIR)/xk6-hackload' '$(abspath $(K6_SRC))' > "$$work/go.work" && \
	GOWORK="$$work/go.work" go test -race $(TESTFLAGS) github.com/hackload-kz/hackload/xk6-hackload
else
	@echo '*** SKIPPED: xk6-hackload was not tested, because K6_SRC names no folder with the sources of k6 ***'
endif

build: ## Build bin/hackload, and bin/loadgen: its load generator alone
	go build -trimpath -o bin/hackload ./orchestrator
	go build -trimpath -o bin/loadgen ./orchestrator/loadgen/cmd/loadgen

# The same images as the Dockerfile's, where there is no Docker and no registry.
# Load them with docker load or ctr images import. The runner's has a shell in
# it, from Debian's package busybox-static.
image: ## Write the images of orchestrator and runner to bin/*.tar (IMAGE_TAG=local, ARCH=arm64)
	CGO_ENABLED=0 GOOS=linux GOARCH=$(ARCH) go build -trimpath -ldflags '-s -w' -o bin/$(ARCH)/hackload ./orchestrator
	CGO_ENABLED=0 GOOS=linux GOARCH=$(ARCH) go build -trimpath -ldflags '-s -w' -o bin/$(ARCH)/loadgen ./orchestrator/loadgen/cmd/loadgen
	go run ./manifests/image orchestrator hackload/job-service:$(IMAGE_TAG) bin/job-service.tar bin/$(ARCH)/hackload
	go run ./manifests/image runner hackload/runner:$(IMAGE_TAG) bin/runner.tar bin/$(ARCH)/loadgen

# As root on Debian or Ubuntu: it makes a node of this machine for the time of
# the tests. The cluster's programs are built once, which takes 20 minutes, and
# kept outside of this folder; KUBE_BIN names a folder that has them.
e2e: ## Try everything on a real Kubernetes that it brings up here (flags of go test in TESTFLAGS)
	$(MAKE) image IMAGE_TAG=e2e
	orchestrator/kube/testdata/cluster/e2e.sh $(TESTFLAGS)

# All of staticcheck, also the rules on style that it leaves off by default:
# package comments (ST1000), names (ST1003), receivers (ST1016) and the form of
# doc comments (ST1020 to ST1022). Left out is ST1023, which wants types omitted
# that a reader is better off seeing, and QF, which are offers and not findings.
CHECKS = all,-ST1023,-QF*

lint: ## Check the format, go vet and staticcheck
	@files=$$(gofmt -l .); if [ -n "$$files" ]; then echo "not formatted by gofmt:"; echo "$$files"; exit 1; fi
	go vet ./...
	go vet -tags 'chaos compare day' ./orchestrator ./orchestrator/loadgen ./orchestrator/internal/...
	go vet -tags 'kube e2e' ./orchestrator/kube/...
	go tool staticcheck -checks '$(CHECKS)' ./...

dashboards: ## Write manifests/grafana anew from orchestrator/grafana/dashboards
	go test ./orchestrator/grafana/dashboards -run TestCommittedDashboardsAreCurrent -count=1 -update

# Numbers depend on the machine: compare two runs on the same one, and give each
# benchmark several tries (TESTFLAGS=-count=10) before believing a difference.
bench: ## Run the Go benchmarks (one of them by BENCH=Name), without the tests
	go test -run '^$$' -bench '$(BENCH)' -benchmem $(TESTFLAGS) $(PACKAGES)

bench-loadgen: build ## Measure the load generator beside k6 and wrk, where they are on the PATH
	LOADGEN=$(CURDIR)/bin/loadgen HACKLOAD=$(CURDIR)/bin/hackload go test -tags compare -count=1 -timeout 30m -run 'TestCompare$$' -v ./orchestrator/loadgen

soak-loadgen: ## Run 5,000 users for SOAK=10m: flat memory, exact counts, no goroutine left
	SOAK=$(SOAK) go test -tags compare -count=1 -timeout 24h -run 'TestSoak$$' -v ./orchestrator/loadgen

# STATE=postgres needs Debian's package postgresql. METRICS=prometheus compiles a
# Prometheus 3 from its sources, which takes some minutes the first time.
chaos: ## Kill a contest at 200 instants (SEED=1 TIMES=16 STATE=sqlite|postgres METRICS=embedded|prometheus), and break its Hub
	CHAOS_SEED=$(SEED) CHAOS_TIMES=$(TIMES) CHAOS_STATE=$(STATE) CHAOS_METRICS=$(METRICS) go test -tags chaos -count=1 -parallel 10 -timeout 2h -run 'TestCrashMatrix$$' -v ./orchestrator
	CHAOS_SEED=$(SEED) go test -count=1 -run 'TestHubBehindABadNetwork$$' -v ./orchestrator

chaos-neighbours: ## Put a bad network before PostgreSQL, Prometheus and GitHub while teams are measured (SEED=1)
	CHAOS_SEED=$(SEED) go test -tags chaos -count=1 -parallel 4 -timeout 1h -run '^TestNeighbour' -v ./orchestrator

# Within a control group, which wants root; without one it says so. Generators,
# sample teams, Hub and GitHub are outside of it. Runs of two seconds make it
# denser than any contest is; TARGETS=1 puts load on one team at a time.
day: ## Play a day of 200 teams in DAY=30m within 512 MiB and half a processor, and decide what is promised of both
	DAY=$(DAY) DAY_TARGETS=$(TARGETS) go test -tags day -count=1 -timeout 24h -run 'TestLimitsHold$$|TestDay$$' -v ./orchestrator

fuzz: ## Give each fuzz test FUZZTIME=1m, one after the other (some of them by FUZZ='hub FuzzDecode')
	.ci/fuzz $(FUZZTIME) 1 '$(FUZZ)'

vulnerabilities: ## Ask Go's database what is known of the modules that are called
	.ci/run vulnerabilities

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
