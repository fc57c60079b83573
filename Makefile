# Targets explain themselves: `make` prints the lines that hold a double hash.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

GO      ?= go
BIN     := $(CURDIR)/bin
TOOLS   := $(BIN)/tools
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
COMMIT  ?= $(shell git rev-parse HEAD 2>/dev/null || echo unknown)
DATE    ?= $(shell git log -1 --format=%cI 2>/dev/null || echo unknown)
PKG     := github.com/awf-cred/awf-cred/internal/cli
LDFLAGS := -X $(PKG).version=$(VERSION) -X $(PKG).commit=$(COMMIT) -X $(PKG).date=$(DATE)
FUZZTIME ?= 10s

# The race detector needs cgo and a C compiler; the product never does.
CC_FOUND := $(shell command -v $${CC:-cc} gcc clang 2>/dev/null | head -1)
ifneq ($(CC_FOUND),)
RACE := -race
TEST_ENV := CGO_ENABLED=1
RACE_SAYS := race detector: on ($(notdir $(CC_FOUND)) found)
else
RACE :=
TEST_ENV := CGO_ENABLED=0
RACE_SAYS := race detector: off (no C compiler found)
endif

##@ Start here
.PHONY: help
help: ## Print this help
	@awk 'BEGIN {FS = ":.*## "} /^##@/ {printf "\n%s\n", substr($$0, 5)} /^[a-z][a-z-]*:.*## / {printf "  %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: build
build: ## Build bin/awf-cred and bin/awf-sandbox (static, CGO_ENABLED=0)
	@mkdir -p $(BIN)
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '$(LDFLAGS)' -o $(BIN)/ ./cmd/awf-cred ./cmd/awf-sandbox

.PHONY: demo
demo: build ## Run the main job against the embedded sandbox
	@CGO_ENABLED=0 $(GO) run ./internal/tools/demo $(BIN)/awf-cred

##@ Tests
.PHONY: test
test: ## Run every test (under the race detector where a C compiler is found)
	@echo '$(RACE_SAYS)'
	$(TEST_ENV) $(GO) test $(RACE) -timeout 20m ./...

.PHONY: vet
vet: ## go vet for linux, darwin and windows
	for os in linux darwin windows; do echo "vet $$os"; CGO_ENABLED=0 GOOS=$$os $(GO) vet ./...; done

.PHONY: fuzz
fuzz: ## Run every fuzz target for FUZZTIME (default 10s) each
	@$(GO) run ./internal/tools/fuzzall -time $(FUZZTIME)

.PHONY: fuzz-long
fuzz-long: ## Run every fuzz target for ten minutes each
	@$(MAKE) fuzz FUZZTIME=10m

.PHONY: hostile
hostile: build ## Send the 512 hostile requests to serve, over TCP and a unix socket
	AWF_TEST_BINARY=$(BIN)/awf-cred AWF_HOSTILE=full $(GO) test -count=1 -timeout 30m -v ./test/hostile/...

.PHONY: chaos
chaos: build ## Run the fault matrix on the built binary, a line for each row
	AWF_TEST_BINARY=$(BIN)/awf-cred AWF_CHAOS=full $(GO) test -count=1 -timeout 60m -v ./test/chaos/...

.PHONY: load
load: build ## Streams across rotations, and a conversation replayed by 64 clients
	AWF_TEST_BINARY=$(BIN)/awf-cred AWF_LOAD=full $(GO) test -count=1 -timeout 60m -v ./test/load/...

.PHONY: soak
soak: build ## Ten minutes of serve under load with 60 s tokens
	AWF_TEST_BINARY=$(BIN)/awf-cred AWF_SOAK=10m $(GO) test -count=1 -timeout 30m -v -run Soak ./test/load/...

.PHONY: clients
clients: build ## Unmodified SDKs and agent CLIs against the sandbox (installs them by npm)
	AWF_TEST_BINARY=$(BIN)/awf-cred AWF_CLIENTS=all $(GO) test -count=1 -parallel 6 -timeout 60m -v ./test/clients

.PHONY: clients-ci
clients-ci: build ## The eight of them that every check runs
	AWF_TEST_BINARY=$(BIN)/awf-cred AWF_CLIENTS=ci $(GO) test -count=1 -parallel 6 -timeout 30m ./test/clients

.PHONY: minio
minio: build ## An STS that is not ours takes our exchange (builds MinIO; minutes)
	@dir=$${AWF_CLIENTS_DIR:-$${XDG_CACHE_HOME:-$$HOME/.cache}/awf-cred-clients}; mkdir -p "$$dir"; \
	$(GO) -C test/clients/minio build -o "$$dir/minio" github.com/minio/minio; \
	AWF_MINIO="$$dir/minio" AWF_TEST_BINARY=$(BIN)/awf-cred $(GO) test -count=1 -timeout 10m -v -run ForeignSTS ./test/clients

##@ Quality
.PHONY: lint
lint: $(TOOLS)/golangci-lint ## gofmt and the linters of .golangci.yml
	@out=$$(gofmt -l $$(git ls-files '*.go')); [ -z "$$out" ] || { echo "not formatted: $$out"; exit 1; }
	$(TOOLS)/golangci-lint run ./...

.PHONY: docs
docs: ## Generate the command reference and the man pages
	$(GO) run ./internal/tools/gendocs docs/cli docs/man

.PHONY: docs-check
docs-check: ## Fail if the generated documentation is not up to date
	@tmp=$$(mktemp -d); trap 'rm -rf $$tmp' EXIT; $(GO) run ./internal/tools/gendocs $$tmp/cli $$tmp/man; \
	diff -r $$tmp/cli docs/cli && diff -r $$tmp/man docs/man

##@ Measurements
.PHONY: bench
bench: bench-startup bench-proxy ## Both measurements of docs/performance.md (about half an hour)

.PHONY: bench-startup
bench-startup: build ## Start-up in turn with empty Go programs
	CGO_ENABLED=0 $(GO) run ./bench/startup $(BIN)/awf-cred

.PHONY: bench-proxy
bench-proxy: build ## serve in turn with nginx, haproxy and ReverseProxy (installs them)
	CGO_ENABLED=0 $(GO) run ./bench/proxy -awf $(BIN)/awf-cred

##@ Release
.PHONY: release-check
release-check: $(TOOLS)/goreleaser ## Check the release configuration and build a snapshot for this machine
	$(TOOLS)/goreleaser check
	$(TOOLS)/goreleaser build --snapshot --clean --single-target

$(TOOLS)/golangci-lint: tools/go.mod tools/go.sum
	@mkdir -p $(TOOLS)
	$(GO) -C tools build -o $(TOOLS)/ github.com/golangci/golangci-lint/v2/cmd/golangci-lint
	@touch $@

$(TOOLS)/goreleaser: tools/go.mod tools/go.sum
	@mkdir -p $(TOOLS)
	$(GO) -C tools build -o $(TOOLS)/ github.com/goreleaser/goreleaser/v2
	@touch $@

.PHONY: clean
clean: ## Remove what was built
	rm -rf $(BIN) dist
