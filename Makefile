# `make` lists the targets. Recipes keep to what GNU make 3.81 (macOS) understands.
SHELL := bash
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS := -s -w -X main.version=$(VERSION)
# Further arguments: `make run ARGS="--addr :9000"`, `make test PKG=./order/... ARGS="-run TestCancel"`.
ARGS ?=
PKG ?= ./...
# How long `make soak` goes on, e.g. 1h, and the seed of its faults; none: a new one, which it prints.
DURATION ?= 3m
SEED ?=
# How many packages are tested at once: each has Postgres, Redis and the race detector to share two cores with.
TEST_P ?= 2

TOOLS := .tools/bin
# What `make generate` writes, as git pathspecs (graph/scalar is written by hand).
GENERATED := ':(glob)graph/*.go' store/internal/db
PLAYGROUND_SOURCES := $(shell find playground/src playground/public -type f) \
	playground/index.html playground/vite.config.ts playground/tsconfig.json playground/package.json
COMPOSE_FILE := docker-compose.yml

##@ Use

.PHONY: run
run: ## Install what is missing, build, and start everything on this machine
	scripts/install-deps.sh run
	$(MAKE) --no-print-directory build
	bin/boostress dev $(ARGS)

.PHONY: demo
demo: build ## Place 500 varied orders through the API of a running server
	bin/boostress demo --orders examples/orders.csv $(ARGS)

.PHONY: doctor
doctor: build ## Check the configuration, the stores and the invariants
	bin/boostress doctor $(ARGS)

.PHONY: secrets
secrets: ## Make up the secrets that docker-compose.yml needs, where they are missing
	deploy/make-secrets.sh

##@ Develop

.PHONY: build
build: playground ## Build bin/boostress with the playground inside
	CGO_ENABLED=0 go build -trimpath -tags timetzdata -ldflags '$(LDFLAGS)' -o bin/boostress ./cmd/boostress

.PHONY: test
test: ## Run the whole test suite on a private Postgres and Redis
	scripts/install-deps.sh test
	$(MAKE) --no-print-directory playground
	go build -o bin/withstack ./internal/devstack/withstack
	bin/withstack -- go test -race -timeout 20m -p $(TEST_P) $(ARGS) $(PKG)

.PHONY: soak
soak: ## Make everything fail at random for DURATION, from SEED, and count what was lost
	scripts/install-deps.sh test
	$(MAKE) --no-print-directory playground
	BOOSTRESS_SOAK_DURATION=$(DURATION) BOOSTRESS_SOAK_SEED=$(SEED) go test ./e2e -run '^TestSoak$$' -count=1 -v -timeout 0 $(ARGS)

.PHONY: catches
catches: ## Break the rules that once doubled orders, and see the tests notice
	scripts/install-deps.sh test
	$(MAKE) --no-print-directory playground
	go test ./e2e -run '^TestBroken' -count=1 -v $(ARGS)

.PHONY: bench
bench: build ## Measure throughput and latency beside this machine's own floors
	go run ./bench $(ARGS)

.PHONY: generate
generate: $(TOOLS)/sqlc $(TOOLS)/gqlgen ## Renew the code made from SQL and from the GraphQL schema
	$(TOOLS)/sqlc generate
	$(TOOLS)/gqlgen generate

.PHONY: fmt
fmt: $(TOOLS)/golangci-lint ## Format the Go code
	$(TOOLS)/golangci-lint fmt $(PKG)

.PHONY: lint
lint: $(TOOLS)/golangci-lint ## Run the linters and show formatting that `make fmt` would change
	$(TOOLS)/golangci-lint run $(PKG)
	$(TOOLS)/golangci-lint fmt --diff $(PKG)

.PHONY: verify
verify: verify-generated lint vet tidy layering playground-check compose shellcheck ## Check everything but the tests' outcome

.PHONY: verify-generated
verify-generated: generate ## Fail when generated code is not what the sources say
	git diff --exit-code -- $(GENERATED)
	@new="$$(git ls-files --others --exclude-standard -- $(GENERATED))"; \
	if [ -n "$$new" ]; then printf 'generated, but not committed:\n%s\n' "$$new" >&2; exit 1; fi

.PHONY: vet
vet: ## Run go vet
	go vet $(PKG)

.PHONY: tidy
tidy: ## Fail when go.mod or go.sum is not tidy
	go mod tidy -diff

.PHONY: layering
layering: ## Hold the import rules of docs/architecture.md
	go test ./internal/layering

.PHONY: compose
compose: ## Validate docker-compose.yml, where the Docker client is installed
	@if command -v docker >/dev/null; then \
		echo 'docker stack config -c $(COMPOSE_FILE)'; docker stack config -c $(COMPOSE_FILE) >/dev/null; \
	else echo 'compose: no docker client here, not checked'; fi

.PHONY: shellcheck
shellcheck: ## Check the shell scripts, where shellcheck is installed
	@if command -v shellcheck >/dev/null; then \
		echo 'shellcheck' $$(git ls-files '*.sh' .ci/run); shellcheck $$(git ls-files '*.sh' .ci/run); \
	else echo 'shellcheck: not installed, not checked'; fi

.PHONY: vuln
vuln: $(TOOLS)/govulncheck ## Look for known vulnerabilities (asks the Go vulnerability database)
	$(TOOLS)/govulncheck $(PKG)

.PHONY: clean
clean: ## Remove what was built, and the tools; the data of `make run` stays
	rm -rf bin .tools playground/node_modules playground/dist/assets playground/dist/*.*

##@ Parts

.PHONY: tools
tools: $(TOOLS)/sqlc $(TOOLS)/gqlgen $(TOOLS)/golangci-lint $(TOOLS)/govulncheck ## Build the pinned tools into .tools/bin

.PHONY: playground
playground: playground/dist/index.html ## Build the playground's page, when its sources changed

.PHONY: playground-check
playground-check: playground/node_modules/.package-lock.json ## Check the playground's types
	cd playground && npm run --silent check

playground/dist/index.html: playground/node_modules/.package-lock.json $(PLAYGROUND_SOURCES)
	cd playground && npm run --silent build

# npm writes that file last, so it is the mark of a complete installation.
playground/node_modules/.package-lock.json: playground/package-lock.json playground/package.json playground/.npmrc
	cd playground && npm ci --no-audit --no-fund
	@touch $@

# Without cgo, so that a machine without a C compiler can build them; sqlc then parses SQL with WebAssembly.
$(TOOLS)/sqlc: tools/go.mod tools/go.sum
	cd tools && CGO_ENABLED=0 go build -trimpath -o ../$@ github.com/sqlc-dev/sqlc/cmd/sqlc

$(TOOLS)/gqlgen: tools/go.mod tools/go.sum
	cd tools && CGO_ENABLED=0 go build -trimpath -o ../$@ github.com/99designs/gqlgen

$(TOOLS)/govulncheck: tools/go.mod tools/go.sum
	cd tools && CGO_ENABLED=0 go build -trimpath -o ../$@ golang.org/x/vuln/cmd/govulncheck

# Linting is a module of its own: its dependencies stay as it was released, not as another tool raises them.
$(TOOLS)/golangci-lint: tools/lint/go.mod tools/lint/go.sum
	cd tools/lint && CGO_ENABLED=0 go build -trimpath -o ../../$@ github.com/golangci/golangci-lint/v2/cmd/golangci-lint

.PHONY: help
help: ## Show this list
	@awk 'BEGIN {FS = ":.*## "} \
		/^##@ / {printf "\n%s\n", substr($$0, 5)} \
		/^[a-z-]+:.*## / {printf "  %-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
