# Muster. `make` alone says what there is; the scripts do the work.
.DEFAULT_GOAL := help
.PHONY: help need run test lint bench chaos clean

help: ## Say what there is
	@sed -n 's/^\([a-z]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST) | expand -t 16

need: ## Install what is missing on this machine (Debian)
	@scripts/need test

run: ## Start the whole of Muster on SQLite, in one program, with a shop to try (ARGS=--rush: and busy)
	@scripts/run $(ARGS)

test: ## Check and test everything, as CI does
	@scripts/need test
	@scripts/services run scripts/test

lint: ## Only the checks: format, lints, contract, dependencies, deployment
	@scripts/need test
	@scripts/check

bench: ## Measure: the benchmarks, built for release
	@scripts/need test
	@scripts/services run scripts/bench

chaos: ## Break things on purpose (SCENARIO=kill SEED=7 STORE=pg; without SCENARIO: what there is)
	@scripts/need test
	@scripts/services run scripts/chaos $(MAKEOVERRIDES)

clean: ## Remove what was built and stop the tests' services
	@scripts/services stop
	@rm -rf target clients/node_modules clients/*/dist tests/foreign/node_modules
