# Bare `make` lists the targets.
.DEFAULT_GOAL := help
.PHONY: help build test peers short race fuzz kill simulation metamorphic clients oracle oracle-kafka bench

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

build: ## the binary, ./millrace
	CGO_ENABLED=0 go build -o millrace ./cmd/millrace

test: peers ## everything that must hold; installs what it needs (this is what CI runs)
	go vet ./...
	go test -timeout 30m ./...
	go test -race -timeout 30m ./internal/... .

peers: ## install other people's clients, for their conversations with a node
	@test/peers/install

clients: peers ## those conversations, the long ones too, and docs/clients.md from what they show
	MILLRACE_CLIENTS_LONG=1 go test -count 1 -timeout 60m ./test/clients -update

short: ## the quick tests only
	go test -short ./...

race: ## everything under the race detector
	go test -race -timeout 60m ./...

fuzz: ## every fuzzer for a minute each
	@go list -f '{{$$p := .ImportPath}}{{range .TestGoFiles}}{{$$p}} {{.}}{{"\n"}}{{end}}{{range .XTestGoFiles}}{{$$p}} {{.}}{{"\n"}}{{end}}' ./... | sort -u | while read -r pkg file; do \
	  dir=$$(go list -f '{{.Dir}}' $$pkg); \
	  grep -ho '^func Fuzz[A-Za-z0-9_]*' $$dir/$$file | cut -c6- | while read -r f; do \
	    echo "$$pkg $$f"; go test -run '^$$' -fuzz "^$$f\$$" -fuzztime 60s $$pkg || exit 1; done || exit 1; done

kill: ## the kill test for ten minutes (CI runs a short form)
	MILLRACE_KILL_MINUTES=10 go test -count 1 -timeout 60m -run Kill ./test/... ./internal/node

simulation: ## nodes with jobs on a disk that loses what was not synced, for an hour (CI runs half a minute)
	MILLRACE_SIMULATION_MINUTES=60 go test -count 1 -timeout 90m -v -run TestSimulation ./internal/node

metamorphic: ## every SQL case in a thousand ways, killed and restored (CI runs three rounds)
	MILLRACE_METAMORPHIC_SEED=$$(date +%s) MILLRACE_METAMORPHIC_ROUNDS=300 go test -count 1 -timeout 90m -v -run TestMetamorphic ./internal/sql/lower

oracle-kafka: peers ## record Apache Kafka's answers to the conversations of test/differential
	go test -count 1 -run TestRecord ./test/differential -args -oracle

oracle: ## record Apache Flink's answers to the Nexmark queries (installs Flink; half an hour)
	test/peers/install flink
	go test -count 1 -timeout 120m -run TestRecord ./test/nexmark -args -oracle

bench: ## the benchmarks and the figures of README.md
	go test -run '^$$' -bench . -benchmem ./internal/... ./bench/...
