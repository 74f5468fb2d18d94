# syntax=docker/dockerfile:1
# The orchestrator: one static program, its certificates, nothing else.
#   docker build -t hackload/job-service .
# Both base images are arguments, for those who build from their own mirror.

ARG GO_IMAGE=golang:1.26-bookworm

# Build stage
FROM --platform=$BUILDPLATFORM ${GO_IMAGE} AS builder
WORKDIR /src
COPY go.mod go.sum ./
RUN --mount=type=cache,target=/go/pkg/mod go mod download
COPY . .
ARG TARGETOS TARGETARCH
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/root/.cache/go-build \
    CGO_ENABLED=0 GOOS=$TARGETOS GOARCH=$TARGETARCH \
    go build -trimpath -ldflags='-s -w' -o /out/hackload ./orchestrator \
 && mkdir -p /out/var/lib/hackload /out/tmp && chmod 1777 /out/tmp

# Production stage
FROM scratch AS orchestrator
COPY --from=builder /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=builder --chown=1001:1001 /out/var/lib/hackload /var/lib/hackload
COPY --from=builder --chown=1001:1001 /out/tmp /tmp
COPY --from=builder /out/hackload /usr/bin/hackload
USER 1001:1001
ENV HACKLOAD_STATE_DIR=/var/lib/hackload
VOLUME /var/lib/hackload
EXPOSE 8080 9090
HEALTHCHECK --interval=30s --timeout=10s --start-period=120s --retries=3 \
  CMD ["/usr/bin/hackload", "check", "--health"]
ENTRYPOINT ["/usr/bin/hackload"]
CMD ["serve"]
