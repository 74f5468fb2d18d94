# syntax=docker/dockerfile:1
# The orchestrator: one static program, its certificates, nothing else.
#   docker build -t hackload/job-service .
# What runs in the pods of a TestRun: the load generator under the name k6, or k6.
#   docker build -t hackload/runner --target runner .
#   docker build -t hackload/runner-k6 --target runner-k6 --build-arg K6_IMAGE=yours .
# Every base image is an argument, for those who build from their own mirror.

ARG GO_IMAGE=golang:1.26-bookworm
# k6-operator looks at a script with a shell before runners start.
ARG SHELL_IMAGE=busybox:1.37-musl
# One with k6 and the extension xk6-hackload at /usr/bin/k6. See its README.
ARG K6_IMAGE=k6-with-xk6-hackload

# Build stage
FROM --platform=$BUILDPLATFORM ${GO_IMAGE} AS builder
WORKDIR /src
COPY go.mod go.sum ./
RUN --mount=type=cache,target=/go/pkg/mod go mod download
COPY . .
ARG TARGETOS TARGETARCH
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/root/.cache/go-build \
    export CGO_ENABLED=0 GOOS=$TARGETOS GOARCH=$TARGETARCH \
 && go build -trimpath -ldflags='-s -w' -o /out/hackload ./orchestrator \
 && go build -trimpath -ldflags='-s -w' -o /out/loadgen ./orchestrator/loadgen/cmd/loadgen \
 && GOOS= GOARCH= go run ./manifests/image bill /out/hackload.cdx.json /out/hackload \
 && GOOS= GOARCH= go run ./manifests/image bill /out/k6.cdx.json /out/loadgen \
 && mkdir -p /out/var/lib/hackload /out/tmp && chmod 1777 /out/tmp

# Runners, as k6-operator starts them: `k6 run …`, with k6's user.
FROM ${SHELL_IMAGE} AS shell
COPY --from=builder /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
RUN mkdir -p /home/k6 && chown 12345:12345 /home/k6
USER 12345:12345
WORKDIR /home/k6
EXPOSE 6565
ENTRYPOINT ["k6"]

FROM ${K6_IMAGE} AS k6

FROM shell AS runner-k6
COPY --from=k6 /usr/bin/k6 /usr/bin/k6

FROM shell AS runner
COPY --from=builder /out/loadgen /usr/bin/k6
COPY --from=builder /out/k6.cdx.json /usr/share/sbom/

# Production stage
FROM scratch AS orchestrator
COPY --from=builder /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=builder --chown=1001:1001 /out/var/lib/hackload /var/lib/hackload
COPY --from=builder --chown=1001:1001 /out/tmp /tmp
COPY --from=builder /out/hackload /usr/bin/hackload
COPY --from=builder /out/hackload.cdx.json /usr/share/sbom/
USER 1001:1001
ENV HACKLOAD_STATE_DIR=/var/lib/hackload
VOLUME /var/lib/hackload
EXPOSE 8080 9090
HEALTHCHECK --interval=30s --timeout=10s --start-period=120s --retries=3 \
  CMD ["/usr/bin/hackload", "check", "--health"]
ENTRYPOINT ["/usr/bin/hackload"]
CMD ["serve"]
