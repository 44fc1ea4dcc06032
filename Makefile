# The commands of this project, the same for people and for CI. `make help` lists them.

SHELL := /bin/sh
cache := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/vigie
export PATH := $(cache)/bin:/usr/local/go/bin:$(PATH)

ui := services/web/ui
ui_sources := $(shell find $(ui) -path $(ui)/node_modules -prune -o -path $(ui)/dist -prune -o -type f -print 2>/dev/null)

.PHONY: help
help: ## this list
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' Makefile | while IFS="$$(printf '\t')" read -r name what; do printf '  make %-9s %s\n' "$$name" "$$what"; done

.PHONY: run
run: setup image ## four simulated cameras, the ISO booted in a VM with two disks, and the address to open
	@go build -o build/tools/run ./tools/run
	@build/tools/run -setup $(or $(SETUP),api)

.PHONY: demo
demo: setup build ## the services on this machine without a VM, with four simulated cameras, in seconds
	@go build -o build/tools/demo ./tools/demo
	@build/tools/demo

.PHONY: test
test: setup ui image ## everything that CI runs: checks, unit, native, browser and whole-machine tests
	@tools/test

.PHONY: powercuts
powercuts: setup image ## many more of the tests that CI runs a few of: 50000 simulated power cuts, 50 of a whole machine (an hour), 44 of its installation and updates (20 minutes), 1000 kills of the engine
	go test -count=1 -timeout 60m -v -run '^TestPowerCuts$$' ./services/engine/internal/archive -args -cuts 50000
	go test -tags whole -count=1 -timeout 120m -v -run Killed ./tests/native -args -kills 1000
	go test -tags whole -count=1 -timeout 120m -v -run PowerCuts ./tests/machine -args -cuts 50 -starts 44

.PHONY: check
check: setup generated ui ## formatting, vet, staticcheck, the house rules, types and lint of the web app
	@tools/check

.PHONY: bench-index
bench-index: setup ## size, start, queries and mirrors of an index of 1,728,000 segments; rebuilding one of 432,000; finding a keyframe
	@go test -run '^$$' -bench Index -benchtime 1000x -v ./services/engine/internal/index
	@go test -run '^$$' -bench NearestKeyframe -benchtime 1000x ./services/engine/internal/archive
	@go test -run '^$$' -bench Rebuild -benchtime 1x -timeout 30m -v ./services/engine/internal/archive

.PHONY: bench-playback
bench-playback: setup ## how long recorded footage and keyframes take to be there, with warm and cold files
	@go test -run '^$$' -bench Answer -benchtime 500x ./services/engine/internal/playback

.PHONY: bench-live
bench-live: setup build ## latency, start and sound of live pictures in a browser, a minute each way; 50 cameras recorded while 50 viewers watch
	@go test -tags whole -count=1 -timeout 30m -v -run '^TestLive$$' ./tests/browser -args -watch 1m -limit 200ms
	@go run ./tools/bench -cameras 50 -viewers 50

.PHONY: bench-disk
bench-disk: setup ## where recording 100 cameras, and repair after a power cut, have a disk's arm go
	@go test -run '^$$' -bench Recording100/xfs -benchtime 1x ./services/engine/internal/archive
	@go test -run '^$$' -bench Repair100 -benchtime 1x -v ./services/engine/internal/archive

.PHONY: bench-network
bench-network: setup ## what the firewall's rules cost of what 100 cameras send
	@go test -run '^$$' -bench Cameras -benchtime 200000x ./services/system/internal/firewall

.PHONY: bench
bench: setup build ## CPU, memory and lost frames for 10, 50 and 100 cameras, beside a plain copy of the same bytes; what 100 readers of the relay cost; exports, beside cp
	@go run ./tools/bench
	@go run ./tools/bench relay
	@go test -run '^$$' -bench 'Against|Making' -benchtime 3x ./services/engine/internal/export

.PHONY: image
image: setup ui ## build/vigie.iso, build/system.img
	@go run ./image build

.PHONY: release
release: setup ui ## the same, signed: make release KEY=private.pem [NOTES=notes.txt]
	@test -n "$(KEY)" || { echo 'name the private key: make release KEY=private.pem (made by: openssl genpkey -algorithm ed25519 -out private.pem)' >&2; exit 1; }
	@go run ./image build -key "$(KEY)" $(if $(NOTES),-notes "$(NOTES)")

.PHONY: build
build: setup ui ## build/vigie, all services in one program
	@mkdir -p build
	@go build -o build/vigie ./services/vigie
	@go run ./image decoder

.PHONY: ui
ui: setup build/ui.stamp ## the web app, into the folder from which it is embedded

build/ui.stamp: $(ui_sources)
	@mkdir -p build
	@cd $(ui) && npm run --silent build -- --logLevel warn
	@touch $@

.PHONY: generate
generate: setup ## code that is made from the API's description
	@go generate ./internal/...
	@cd $(ui) && npm run --silent generate

.PHONY: generated
generated:
	@tools/generated

.PHONY: setup
setup:
	@tools/setup

.PHONY: clean
clean: ## remove build/; what is cached outside the tree stays
	@rm -rf build
