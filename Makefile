# Every target installs what it needs. A fresh machine needs Python 3.11+, make, and access to PyPI.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INTEROP := tests/interop
CLIENTS := $(INTEROP)/clients
# Programs of others that need other versions of the same packages, each in an environment of its own.
ENVIRONMENTS := $(addprefix build/interop-,generators schemas python-1 python-2)
PEERS := build/benchmark-peers
PEERS_312 := build/benchmark-peers-312
PYTHON312 ?= python3.12
SIZE ?= 100000

.DEFAULT_GOAL := help
.PHONY: help run example worker test chaos fuzz smoke evaluate benchmark benchmark-peers benchmark-whole docker-proof interop sbom messages lint format lock demo screenshots prove pin-images wheel client

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: $(VENV)/.run ## Start everything: database, migrations, web server, worker (Ctrl-C to stop)
	@$(BIN)/python manage.py up

demo: $(VENV)/.run ## Start everything with sample data (user, memories, apps, history), in a separate PICARD_HOME
	@PICARD_HOME="$${PICARD_HOME:-$$($(BIN)/python -c 'from picard.config.paths import get_picard_home; print(get_picard_home())')-demo}" $(BIN)/python manage.py demo

screenshots: $(VENV)/.dev ## Retake docs/screenshots and the walk from a temporary demo (needs Chromium); LANGUAGES=1: six pages in every language
	@$(BIN)/python -m tests.screenshots $(if $(LANGUAGES),languages)

example: $(VENV)/.dev ## Start Notes, the example app in docs/examples/notes, next to a running Picard
	@$(BIN)/python docs/examples/notes/start.py

worker: $(VENV)/.run ## Start another indexing worker next to `make run`
	@$(BIN)/python manage.py worker

test: $(VENV)/.dev $(INTEROP)/node_modules/.installed $(ENVIRONMENTS:%=%/.installed) ## Run the whole test suite
	@$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder  # tests/conftest.py runs browser tests last

interop: $(VENV)/.dev $(INTEROP)/node_modules/.installed $(CLIENTS)/large/node_modules/.installed $(ENVIRONMENTS:%=%/.installed) ## Run all MCP clients at length and write the results to docs/clients.md (installs 1.2 GB)
	@PICARD_INTEROP=long $(BIN)/python -m pytest $(CLIENTS)

chaos: $(VENV)/.dev ## Run the fault-injection tests at length: kills, failing providers, full disks, clock skew
	@PICARD_CHAOS=long $(BIN)/python -m pytest -s tests/chaos tests/test_canaries.py tests/state_machine tests/memories/search/cache/test_staleness.py tests/memories/jobs/test_indexer_process.py tests/oauth/tokens/test_concurrency.py

fuzz: $(VENV)/.dev ## Send the REST API 50,000 valid and invalid requests generated from its schema (the tests send 1,000)
	@FUZZ_CASES=50000 $(BIN)/python -m pytest -s tests/memories/api/test_schemathesis.py

smoke: $(VENV)/.run ## Test a deployed site as a user and as an app: make smoke URL=https://memory.example.org
	@test -n "$(URL)" || { echo "Pass the URL of the site: make smoke URL=https://memory.example.org"; exit 2; }
	@$(BIN)/python -m picard.smoke "$(URL)"

prove: $(VENV)/.dev ## Test every guarantee at length and write the results to docs/proof.md and docs/proof.json
	@$(BIN)/python -m tests.prove

evaluate: $(VENV)/.run ## Measure search quality on the project's own questions, or with DATA=path/to/conversations.json; PERSONA=1: answers; LANGUAGE=de|several|...: of users of this language
	@$(BIN)/python -m benchmarks quality $(if $(DATA),--data "$(DATA)") $(if $(PERSONA),--persona) $(if $(and $(filter command line,$(origin LANGUAGE)),$(LANGUAGE)),--language "$(LANGUAGE)")

benchmark: $(VENV)/.run ## Benchmark search, writes, the web server and AI apps, each next to a baseline
	@for what in search write http ai; do $(BIN)/python -m benchmarks $$what || exit 1; done

benchmark-peers: $(VENV)/.run $(PEERS)/.installed ## Benchmark Picard next to alternatives: make benchmark-peers SIZE=2000
	@$(BIN)/python -m benchmarks peers --size $(SIZE)

benchmark-whole: $(VENV)/.run $(PEERS)/.installed $(PEERS_312)/.installed ## Benchmark Picard's whole HTTP next to the servers of alternatives
	@$(BIN)/python -m benchmarks whole

docker-proof: $(VENV)/.dev ## Build the image without Docker, run it, smoke-test it and measure it (needs root, buildah, debootstrap)
	@$(BIN)/python .ci/docker-proof

pin-images: ## Pin the base images of the containers by the digests that their tags have now (needs Docker)
	@.ci/pin-images

sbom: $(VENV)/.dev ## Write sbom.json: all installed packages with versions and digests (CycloneDX)
	@$(BIN)/cyclonedx-py requirements --output-reproducible --pyproject pyproject.toml --of JSON -o sbom.json requirements.txt

messages: $(VENV)/.dev ## Update and compile the catalogs in locale/; LANGUAGE=nl starts another one (docs/translating.md)
	@$(BIN)/python -m tests.translation $(if $(filter command line,$(origin LANGUAGE)),$(LANGUAGE))

wheel: $(VENV)/.dev ## Build the wheel of the command line and Python SDK (cli/) into build/cli
	@$(BIN)/uv build --quiet --wheel --out-dir build/cli cli

client: $(VENV)/.dev ## Generate the SDK's synchronous client from the asynchronous one
	@$(BIN)/python cli/generate_client.py

lint: $(VENV)/.dev ## Check style, types, security, spelling, migrations, container files and production settings
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@cd cli && ../$(BIN)/mypy
	@$(BIN)/python manage.py makemigrations --check --dry-run
	@$(BIN)/bandit -q -ll -r accounts benchmarks cli/src core memories oauth picard 2>/dev/null  # stderr: warnings about every nosec with a reason
	@$(BIN)/hadolint Dockerfile docs/examples/notes/Dockerfile
	@$(BIN)/check-jsonschema -q --builtin-schema vendor.compose-spec docker-compose.yml
	@$(BIN)/check-jsonschema -q --builtin-schema vendor.github-workflows .github/workflows/*.yml
	@$(BIN)/check-jsonschema -q --builtin-schema vendor.github-issue-forms .github/ISSUE_TEMPLATE/*_*.yml
	@$(BIN)/check-jsonschema -q --builtin-schema vendor.github-issue-config .github/ISSUE_TEMPLATE/config.yml
	@$(BIN)/djlint --quiet --lint templates && $(BIN)/djlint --quiet --check templates
	@$(BIN)/codespell
	@.ci/check-deploy $(BIN)/python

format: $(VENV)/.dev ## Format the code and sort the imports
	@$(BIN)/ruff check --fix-only --quiet . ; $(BIN)/ruff format . ; $(BIN)/djlint --quiet --reformat templates

lock: $(VENV)/.dev ## Compile requirements*.in into requirements*.txt, with pinned versions and hashes
	@UV_CUSTOM_COMPILE_COMMAND="make lock" $(BIN)/uv pip compile -q --no-annotate --python-version 3.11 --universal --generate-hashes -o requirements.txt requirements.in
	@UV_CUSTOM_COMPILE_COMMAND="make lock" $(BIN)/uv pip compile -q --no-annotate --python-version 3.11 --universal --generate-hashes -o requirements-dev.txt requirements-dev.in
	@UV_CUSTOM_COMPILE_COMMAND="make lock" $(BIN)/uv pip compile -q --no-annotate --python-version 3.11 --universal --generate-hashes -c requirements-dev.txt -c requirements.txt -o docs/examples/notes/requirements.txt docs/examples/notes/requirements.in
	@UV_CUSTOM_COMPILE_COMMAND="make lock" $(BIN)/uv pip compile -q --no-annotate --python-version 3.11 --universal --generate-hashes -o benchmarks/peers/requirements.txt benchmarks/peers/requirements.in
	@UV_CUSTOM_COMPILE_COMMAND="make lock" $(BIN)/uv pip compile -q --no-annotate --python-version 3.12 --universal --no-strip-extras --generate-hashes -o benchmarks/peers/requirements-312.txt benchmarks/peers/requirements-312.in
	@for name in generated/requirements schemas/requirements clients/python1 clients/python2; do UV_CUSTOM_COMPILE_COMMAND="make lock" $(BIN)/uv pip compile -q --no-annotate --python-version 3.11 --universal --generate-hashes -o $(INTEROP)/$$name.txt $(INTEROP)/$$name.in || exit 1; done

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Picard needs Python 3.11 or newer: make PYTHON=/path/to/python3.11")'
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.run: requirements.txt | $(VENV)/bin/python
	@echo "Installing requirements (once) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.txt
	@touch $@

$(VENV)/.dev: requirements-dev.txt $(VENV)/.run
	@echo "Installing development requirements (once) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
	@touch $@

# The alternatives have a separate environment, because they need other versions of the same packages.
$(PEERS)/.installed: benchmarks/peers/requirements.txt | $(VENV)/bin/python
	@echo "Installing the alternatives to benchmark (once) ..."
	@$(BIN)/python -m venv $(PEERS)
	@$(PEERS)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r benchmarks/peers/requirements.txt
	@touch $@

# Some of them need a newer Python; without it, `python -m benchmarks whole` says that they are not installed.
$(PEERS_312)/.installed: benchmarks/peers/requirements-312.txt | $(VENV)/bin/python
	@$(PYTHON312) -c "" 2>/dev/null || { echo "$(PYTHON312) is missing: basic-memory and memlord will not be measured"; exit 0; }; \
	 echo "Installing $(@D) (once) ..."; \
	 $(PYTHON312) -m venv --clear $(@D) \
	 && $(@D)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $< && touch $@

build/interop-generators/.installed: $(INTEROP)/generated/requirements.txt
build/interop-schemas/.installed: $(INTEROP)/schemas/requirements.txt
build/interop-python-1/.installed: $(CLIENTS)/python1.txt
build/interop-python-2/.installed: $(CLIENTS)/python2.txt
# Without these packages, the tests that need them are skipped with a message; with CI=true they fail.
$(ENVIRONMENTS:%=%/.installed): | $(VENV)/bin/python
	@echo "Installing $(@D) for the tests (once) ..."; \
	 $(BIN)/python -m venv --clear $(@D) \
	 && $(@D)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $(filter %.txt,$^) && touch $@ \
	 || echo "pip could not install $(@D): tests of tests/interop will be skipped"

# Without npm, tests that need these packages are skipped with a message; with CI=true they fail.
$(INTEROP)/node_modules/.installed $(CLIENTS)/large/node_modules/.installed: %/node_modules/.installed: %/package.json %/package-lock.json
	@command -v npm >/dev/null || { echo "npm is missing: tests/interop will be skipped"; exit 0; }; \
	 echo "Installing third-party programs for the tests (once) ..."; \
	 npm ci --prefix $* --ignore-scripts --no-audit --no-fund --loglevel error && touch $@ \
	 || echo "npm could not install them: tests/interop will be skipped"
