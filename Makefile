# What a developer or CI runs. `make` alone lists it.

SHELL := /bin/bash
export USHER_CACHE ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/usher
# A tool of the same name that is installed already goes first, when it is recent enough.
export PATH := $(PATH):$(USHER_CACHE)/bin

# Of all tests those that need nothing but this folder.
UNIT := kind(lib) | kind(bin) | test(/^house_rules::/) | test(/^documents::/) | test(/^manual::/)

# Those of the workload, which run a second time on PostgreSQL.
STORED := test(/^(conformance|contention|directory_rules|kills|microsoft_validators|model)::/) \
  | test(/^scim_(bulk|clients|dialects|faults|http|lists|oauth|records)::/) | test(/^(sign_in|forward_auth|applications)::/) | test(a_directory_is_backed_up_checked_and_restored)

# Pods run on a cluster of our own, where one can be had, or on an existing one that has the image that is named.
PODS = $(if $(filter existing,$(USHER_TEST_CLUSTER)),$(USHER_TEST_IMAGE),$(shell scripts/cluster.sh possible >/dev/null && echo here))
# The modules of tests that are left out: building the image needs root as a cluster of our own does, those of the operator play
# the kubelet on an API server of our own, the others need pods.
LEFT_OUT = $(if $(filter here,$(PODS)),,image$(if $(filter existing,$(USHER_TEST_CLUSTER)),|operator)$(if $(PODS),,|cluster|story))

.PHONY: help demo test test-postgres check bench bench-cluster fuzz soak setup program image cluster-up cluster-down

help: ## list the targets
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: ## watch people arrive from a played Entra, sign in at it, and be out; no cluster, no Azure
	@scripts/setup.sh packages rust chromium
	@scripts/demo.sh

test: setup ## everything: unit tests, a real Kubernetes, the program; installs what it needs
	cargo test --doc --quiet
	cargo nextest run $(if $(LEFT_OUT),-E 'not test(/^($(LEFT_OUT))::/)')
	@$(MAKE) --no-print-directory test-postgres
	@[ -z '$(LEFT_OUT)' ] || echo 'Not run: the tests of $(subst |, ,$(LEFT_OUT)). All run as root on Linux; all but those of image and' \
	  'operator on a cluster that you have, by USHER_TEST_CLUSTER=existing USHER_TEST_IMAGE=usher:0.1.0 (see CONTRIBUTING.md).'
	@[ -z '$(filter existing,$(USHER_TEST_CLUSTER))' ] || echo 'Left out of others on that cluster: its audit log, stand-ins for' \
	  'kinds of Argo CD, Flux and Prometheus, the commands of the manuals, and what the story kills and stops.'

test-postgres: setup ## the tests of the workload on PostgreSQL alone
	USHER_TEST_STORE=postgres cargo nextest run --test it -E '$(STORED)'

check: ## formatting, lints, documentation, unit tests, licenses
	@scripts/setup.sh packages rust nextest deny postgres
	cargo fmt --check
	cargo clippy --all-targets -- -D warnings
	cargo check --quiet --locked --manifest-path tests/fuzz/Cargo.toml --target-dir target/fuzz
	RUSTDOCFLAGS="-D warnings" cargo doc --no-deps --document-private-items
	cargo nextest run -E '$(UNIT)'
	cargo deny --log-level warn check bans licenses sources

bench: program ## measure: each figure beside its peers and bare limits; ROWS=sqlite,groups for some of them
	@scripts/setup.sh oha python postgres nginx apache chromium
	@bench/peers/setup.sh polis scim2-server >/dev/null
	cargo build --release --locked --quiet --example bare
	@bench/bench.py $(if $(ROWS),--rows $(ROWS))

fuzz: ## feed each parser with made-up input; SECONDS_EACH=600 for longer
	@scripts/setup.sh packages rust python
	@scripts/fuzz.sh $(or $(SECONDS_EACH),60)

bench-cluster: ## measure: Kubernetes with Usher, each figure beside its goal; half an hour, most of it idle
	@bench/cluster.sh

soak: setup ## the long runs: 1,000 kills, every crash point, a million random operations
	USHER_SOAK=1 cargo nextest run --profile soak -E 'test(/kill|crash|soak|damage/)'

setup: ## bring what the tests need; does nothing when all is there
	@scripts/setup.sh packages rust nextest postgres $(if $(filter here,$(PODS)),cluster) $(if $(filter existing,$(USHER_TEST_CLUSTER)),,apiserver) kubectl helm kubeconform glua testers entra relying-party axe nginx caddy haproxy chromium

program: ## build the release program, linked as in the image
	@scripts/setup.sh packages rust
	cargo rustc --release --locked --bin usher -- -Clink-arg=-Wl,-z,pack-relative-relocs

image: program ## build the release image without Docker, within its limits of size; says how to load and push it
	@scripts/setup.sh image
	@scripts/image.sh release "$${CARGO_TARGET_DIR:-target}/release/usher"

cluster-up: ## a Kubernetes cluster with pods on this machine, and Usher in it, to try things out; again after a change
	@scripts/playground.sh up

cluster-down: ## stop it
	@scripts/playground.sh down
