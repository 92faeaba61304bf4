.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help demo test check bench nightly docs lock
ARGS ?=

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' Makefile

demo: ## sample studies through the command and the gateway; leaves the staff page open
	@tools/setup/venv demo
	@.venv/bin/python tools/demo.py $(ARGS)

test: ## all tests; as root installs the Debian packages to compare with
	@tools/setup/venv dev
	@tools/setup/peers
	@.venv/bin/python -m pytest $(ARGS)

check: ## style, types and the direction of imports
	@tools/setup/venv dev
	@tools/setup/check

bench: ## speed and completeness beside other tools, one table
	@tools/setup/venv dev bench
	@tools/setup/peers
	@.venv/bin/python benchmarks/run.py $(ARGS)

nightly: ## what is too slow for each change: longer fuzzing, a file of 4 GB
	@tools/setup/venv dev bench
	@tools/setup/peers
	@NIGHTLY=1 .venv/bin/python -m pytest tests/property
	@.venv/bin/python benchmarks/run.py --part speed --large
	@[ ! -f benchmarks/torture.py ] || .venv/bin/python benchmarks/torture.py

docs: ## the documentation as a site, in site/
	@tools/setup/venv docs
	@# Not --quiet: that hides warnings from --strict too.
	@said=$$(NO_MKDOCS_2_WARNING=1 .venv/bin/mkdocs build --strict 2>&1) || { echo "$$said"; exit 1; }
	@echo "site/index.html"

lock: ## write requirements/*.txt anew, with newest versions
	@tools/setup/lock
