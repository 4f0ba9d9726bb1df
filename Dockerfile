# Builds one static binary with the playground inside, and an image that holds it and the certificates of the public
# authorities, nothing else: no shell, no package manager, no secret.
ARG GO_VERSION=1.26
ARG NODE_VERSION=22

FROM node:${NODE_VERSION}-alpine AS playground
WORKDIR /src/playground
COPY playground/package.json playground/package-lock.json playground/.npmrc ./
RUN --mount=type=cache,target=/root/.npm npm ci --no-audit --no-fund
COPY playground/ ./
RUN npm run build

FROM golang:${GO_VERSION}-alpine AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN --mount=type=cache,target=/go/pkg/mod go mod download
COPY . .
COPY --from=playground /src/playground/dist/ playground/dist/
ARG VERSION=dev
# timetzdata: schedules know time zones, and the image has no other source of them.
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/root/.cache/go-build \
    CGO_ENABLED=0 go build -trimpath -tags timetzdata -ldflags "-s -w -X main.version=${VERSION}" -o /boostress ./cmd/boostress
# A volume that is mounted here is the user's, too.
RUN mkdir /archive

FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=build /boostress /boostress
COPY --from=build --chown=65532:65532 /archive /archive
USER 65532:65532
EXPOSE 8080
# SIGTERM drains for up to 20 s.
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 CMD ["/boostress", "doctor", "--ready"]
ENTRYPOINT ["/boostress"]
CMD ["serve"]
