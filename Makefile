# Every target a person needs, with its line of help. `make` alone prints them.

SHELL       := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS   += --no-builtin-rules

# The interpreter the environment is built on; say `make setup PYTHON=/path/to/python3.11` to choose.
PYTHON      ?=
UV_VERSION  := 0.13.9
UV          := .tools/bin/uv
UV_STAMP    := .tools/uv-$(UV_VERSION).stamp
VENV_STAMP  := .venv/.setup.stamp
PACKAGES    := records network forecasting ingest storage stream console
# One BLAS thread a process: the tests run in parallel, and small matrices gain nothing from more.
TEST_ENV    := OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1
# Pass options on: make demo ARGS="--json figures.json", make test ARGS="-k windows".
ARGS        ?=

.PHONY: help
help:  ## Print this list
	@echo "gridcast: real-time electricity consumption forecasting on a grid"
	@echo
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo
	@echo '  Options are passed on with ARGS="...", for example make demo ARGS="--json figures.json"'

# uv goes into a small environment of its own, so that nothing outside the checkout is touched.
$(UV_STAMP):
	@PYTHON="$(PYTHON)" bash .ci/bootstrap-uv "$(UV_VERSION)" .tools
	@touch $@

$(VENV_STAMP): $(UV_STAMP) pyproject.toml uv.lock
	@env -u VIRTUAL_ENV UV_PYTHON="$$(cat .tools/python-path)" UV_PYTHON_DOWNLOADS=never \
	  UV_PROJECT_ENVIRONMENT=.venv UV_COMPILE_BYTECODE=1 $(UV) sync --frozen --extra demo
	@touch $@

.PHONY: setup
setup: $(VENV_STAMP)  ## Make .venv with gridcast and its tools in it

.PHONY: demo
demo: setup  ## Run the main job on one machine, nothing else needed
	@.venv/bin/gridcast demo $(ARGS)

.PHONY: demo-kafka
demo-kafka: setup  ## The same job through Apache Kafka and Faust (Java 17 and Maven, or KAFKA_BOOTSTRAP_SERVERS)
	@.venv/bin/gridcast demo --kafka $(ARGS)

.PHONY: test
test: setup  ## Tests and doctests that need no server
	@$(TEST_ENV) .venv/bin/python -m pytest -n 2 --dist worksteal $(ARGS)

.PHONY: test-broker
test-broker: setup  ## Tests against a real Apache Kafka, a real Redis and a real PostgreSQL
	@bash .ci/ensure-servers
	@$(TEST_ENV) .venv/bin/python -m pytest -m broker tests $(ARGS)

.PHONY: kafka-proof
kafka-proof: setup  ## Five minutes over Kafka with everything killed, against the same undisturbed
	@bash .ci/ensure-servers
	@$(TEST_ENV) .venv/bin/python -m tests.system.kafka_proof.prove $(ARGS)

.PHONY: crash-worlds
crash-worlds: setup  ## 10,000 seeded worlds of crashes against their undisturbed twins
	@$(TEST_ENV) .venv/bin/python -m tests.stream.worlds $(ARGS)

.PHONY: fuzz
fuzz: setup  ## 100,000 mutated records, each accounted for
	@$(TEST_ENV) .venv/bin/python -m tests.stream.fuzz $(ARGS)

.PHONY: lint
lint: setup  ## Style, formatting and the direction of imports
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check .
	@.venv/bin/lint-imports

.PHONY: type
type: setup  ## mypy --strict over the packages
	@.venv/bin/mypy

.PHONY: format
format: setup  ## Rewrite the code in the house format
	@.venv/bin/ruff check --fix-only -q .
	@.venv/bin/ruff format .

.PHONY: bench
bench: setup  ## Every figure of the README, as JSON under var/benchmarks
	@mkdir -p var/benchmarks
	@for bench in benchmarks/*.py; do \
	  name="$$(basename "$$bench" .py)"; \
	  case "$$name" in _*) continue;; esac; \
	  echo "== $$name"; \
	  $(TEST_ENV) .venv/bin/python "$$bench" --json "var/benchmarks/$$name.json" $(ARGS); \
	done

.PHONY: doctor
doctor: setup  ## Check broker, Redis, clock, disk and topics, and say what to do
	@.venv/bin/gridcast doctor $(ARGS)

.PHONY: clean
clean:  ## Remove what the targets above made (the environments too)
	rm -rf .venv .tools .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis var
