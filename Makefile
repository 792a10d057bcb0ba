# Every set-up and check of the project. `make help` lists the targets for daily use.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

STAGE ?= dev
# Empty: the stage's in samconfig.toml, else the template's default.
ARCHITECTURE ?=
CONFIRM ?=
# Empty: the target's default.
OUTPUT ?=
UV := $(shell command -v uv 2>/dev/null || echo $(CURDIR)/.tools/uv/bin/uv)
BIN := $(CURDIR)/.venv/bin
PYTEST = $(BIN)/pytest -n auto
SAM := $(CURDIR)/.tools/sam/bin/sam
NODE_CLIENTS := tests/stack/clients/node
CLAUDE_CODE := tests/stack/clients/claude_code
BUILD_SETTINGS = STAGE="$(STAGE)" ARCHITECTURE="$(ARCHITECTURE)" CONFIRM="$(CONFIRM)" SAM="$(SAM)" LAYER_UV="$(UV)" \
  LAYER_PYTHON="$$($(BIN)/python -c 'import os, sys; print(os.path.realpath(sys.executable))')"
NPM = PATH="$(CURDIR)/.tools/node/bin:$$PATH" npm

export SAM_CLI_TELEMETRY := 0
export UV_NO_CONFIG := 1
# Each command and many a test start processes, and without stored bytecode each compiles its libraries anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help up down check test test-thorough test-all test-sam-local docker sam-local smoke events docs usage-picture openapi aws-operations bench bench-stream bench-memory bench-upstream bench-metrics bench-pricing bench-roll-up costs rollback lint-workflows changes sbom advisories price-sources lint lint-templates types build deploy teardown lock clean bench-ledger bench-endpoints

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z_.-]+:.*## / {printf "  make %-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

up: .venv ## run the gateway on this machine, without Docker, account or key
	@$(BIN)/qwen-gateway up

down: ## stop what `make up` left running
	@if [ -x $(BIN)/qwen-gateway ]; then $(BIN)/qwen-gateway down; else echo "nothing is installed, so nothing runs"; fi

check: .venv ## format, style, types, direction of imports, templates and unit tests, in less than a minute
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	PYTHONPATH=functions $(BIN)/lint-imports
	$(MAKE) --no-print-directory lint-templates lint-workflows
	$(PYTEST) -m "not thorough" tests/unit

test: .venv $(NODE_CLIENTS)/node_modules/ready ## unit, integration, contract and stack tests; no Docker, no account
	$(PYTEST) -m "not thorough"

test-thorough: .venv $(NODE_CLIENTS)/node_modules/ready $(CLAUDE_CODE)/node_modules/ready .tools/clients/ready ## what `make test` leaves out: slow tests, and 1,000 examples where it has 25
	$(PYTEST) --hypothesis-profile=thorough -m "thorough or hypothesis"

test-all: lint types $(NODE_CLIENTS)/node_modules/ready $(CLAUDE_CODE)/node_modules/ready .tools/clients/ready ## every check and test, for CI; needs Docker
	$(PYTEST) --hypothesis-profile=thorough
	$(BIN)/pytest tests/sam_local

test-sam-local: .venv ## every test under `sam local`, in containers; needs Docker
	$(BIN)/pytest tests/sam_local

docker: .venv ## install Docker and the base image of `make test-sam-local` (root on Debian)
	@$(BIN)/python -m tests.sam_local.prepare

sam-local: .venv ## run the gateway under `sam local`, or invoke it once (EVENT=events/chat/answered.json)
	@$(BIN)/python -m tests.sam_local $(EVENT)

smoke: .venv ## test a deployed gateway and print what that proves (STACK=name on AWS; default: the local one)
	@$(BIN)/python -m tests.smoke

events: .venv ## record the sample events of events/
	@$(BIN)/python -m tests.recorder

openapi: .venv ## generate docs/openapi.json from the code and the template
	.tools/sam/bin/python tests/transform.py template.yaml | $(BIN)/python -m tools.openapi > docs/openapi.json

docs: .venv openapi costs ## generate the parts of docs/ that come from code
	$(BIN)/python -m tests.failures
	$(BIN)/python -m tools.cli_reference
	$(BIN)/python -m tools.iam_policies

usage-picture: .venv ## draw docs/usage.svg, a report of `qwen-gateway usage`
	@$(BIN)/python -m tools.usage_picture

costs: .venv ## compute idle cost and cost per call into README.md and docs/performance.md
	.tools/sam/bin/python tests/transform.py template.yaml | $(BIN)/python -m tools.costs

bench: .venv ## compare the chat function with a plain handler (Linux; OPTIONS=--json)
	@$(BIN)/python -m tools.bench $(OPTIONS)

bench-stream: .venv ## compare streams with the provider's own (Linux; OPTIONS=--json)
	@$(BIN)/python -m tools.bench stream $(OPTIONS)

bench-memory: .venv ## measure the memory of the chat function with the largest bodies (Linux; OPTIONS=--json)
	@$(BIN)/python -m tools.bench memory $(OPTIONS)

bench-upstream: .venv ## measure the library against the mock Qwen (OPTIONS=--json)
	@$(BIN)/python -m tools.bench upstream $(OPTIONS)

bench-endpoints: .venv ## compare the other endpoints with chat and the provider (OPTIONS=--json)
	@$(BIN)/python -m tools.bench endpoints $(OPTIONS)

bench-pricing: .venv ## measure what prices add to a start and to a call (OPTIONS=--json)
	@$(BIN)/python -m tools.bench pricing $(OPTIONS)

bench-roll-up: .venv ## measure the roll-up of a day on the running local stack (OPTIONS="--records 100000 --json")
	@$(BIN)/python -m tools.bench roll-up $(OPTIONS)

bench-metrics: .venv ## compare the metrics of a call with Powertools' (OPTIONS=--json)
	@$(BIN)/python -m tools.bench metrics $(OPTIONS)

bench-ledger: .venv ## kill functions at random, count and time the ledger's writes on ministack (Linux; OPTIONS=--json)
	@$(BIN)/python -m tools.bench ledger $(OPTIONS)

lint: .venv ## style, direction of imports, templates
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	PYTHONPATH=functions $(BIN)/lint-imports
	$(SAM) validate --lint --template template.yaml
	$(MAKE) --no-print-directory lint-templates lint-workflows

# Both tools read the template as written and as SAM transforms it: each shows what the other hides. They take as long as
# all unit tests, so templates that have passed are not read again.
lint-templates: .venv .tools/templates/passed

.tools/templates/passed: template.yaml .github/aws-role.yaml .checkov.yaml tests/transform.py pyproject.toml .venv/ready .tools/sam/ready .tools/checkov/ready
	@mkdir -p $(@D)
	.tools/sam/bin/python tests/transform.py template.yaml > .tools/transformed.json
	@failed=0; $(BIN)/cfn-lint template.yaml .tools/transformed.json .github/aws-role.yaml & lint=$$!; \
	.tools/checkov/bin/checkov --config-file .checkov.yaml --file template.yaml .tools/transformed.json .github/aws-role.yaml || failed=1; \
	wait $$lint || failed=1; exit $$failed
	@touch $@

lint-workflows: .tools/zizmor/ready
	.tools/zizmor/bin/zizmor --offline --quiet .github/workflows

types: .venv ## strict type check
	$(BIN)/mypy

aws-operations: .venv ## generate the list of AWS operations that the layer's build needs from the template's roles
	.tools/sam/bin/python tests/transform.py template.yaml | $(BIN)/python -m tools.aws_operations > layers/qwen_gateway/aws-operations.json

build: .venv aws-operations ## build for AWS into .aws-sam (ARCHITECTURE=arm64 or x86_64)
	@$(BUILD_SETTINGS) $(BIN)/python -m tools.deploy build

deploy: .venv aws-operations ## build and deploy to AWS (STAGE=dev or prod; CONFIRM=no asks nothing)
	@$(BUILD_SETTINGS) $(BIN)/python -m tools.deploy deploy

rollback: .venv ## move the functions on AWS back to the release before (STAGE=dev or prod)
	@STAGE="$(STAGE)" $(BIN)/python -m tools.rollback

changes: .venv aws-operations ## show what a deployment of STAGE would change, as Markdown (OUTPUT=.local/changes.md)
	@$(BUILD_SETTINGS) OUTPUT="$(OUTPUT)" $(BIN)/python -m tools.changes

teardown: .venv ## delete the stack of STAGE; tables and the key secret stay (README)
	$(SAM) delete --config-env $(STAGE)

sbom: .venv .tools/sbom/ready ## write what the layer contains as CycloneDX JSON (OUTPUT=.local/sbom.json)
	@OUTPUT="$(OUTPUT)" $(BIN)/python -m tools.sbom

advisories: .venv .tools/advisories/ready ## look for known vulnerabilities in the locked packages; needs the internet
	@$(BIN)/python -m tools.advisories

price-sources: .venv ## read what LiteLLM and genai-prices say that Qwen costs, for tests to compare
	@VIRTUAL_ENV=.venv $(UV) pip install --quiet --no-deps --require-hashes --target .tools/price-sources -r requirements/price-sources.txt
	$(BIN)/python -m tools.price_sources .tools/price-sources

lock: .venv ## resolve every requirements file
	$(UV) pip compile -q --upgrade --universal --generate-hashes --no-header --python-version 3.13 layers/qwen_gateway/pyproject.toml -o layers/qwen_gateway/requirements.txt
	$(UV) pip compile -q --upgrade --universal --generate-hashes --no-header --python-version 3.13 layers/qwen_gateway/pyproject.toml cli/pyproject.toml --group dev -o requirements/dev.txt
	for tool in runtime sam ministack checkov zizmor sbom advisories uv node clients plain; do \
	  $(UV) pip compile -q --upgrade --universal --generate-hashes --no-header --python-version 3.13 requirements/$$tool.in -o requirements/$$tool.txt; \
	done
	$(UV) pip compile -q --upgrade --universal --no-deps --generate-hashes --no-header --python-version 3.13 layers/qwen_gateway/aws-data.in -o layers/qwen_gateway/aws-data.txt
	$(UV) pip compile -q --upgrade --universal --no-deps --generate-hashes --no-header --python-version 3.13 requirements/price-sources.in -o requirements/price-sources.txt
	$(MAKE) .tools/node/ready
	for folder in $(NODE_CLIENTS) $(CLAUDE_CODE); do (cd $$folder && $(NPM) update --save --package-lock-only); done

clean: down ## remove everything that was installed or built here
	rm -rf .venv .tools .local .aws-sam $(NODE_CLIENTS)/node_modules $(CLAUDE_CODE)/node_modules

# What `make` makes from nothing. A stamp is newer than what it was made from.
.PHONY: .venv
.venv: .venv/ready .tools/sam/ready .tools/ministack/ready .tools/runtime/ready

.venv/ready: requirements/dev.txt layers/qwen_gateway/pyproject.toml cli/pyproject.toml | $(UV)
	@echo "python: the project's environment"
	@$(UV) venv --quiet --clear --python 3.13 .venv || { echo "Python 3.13 is missing: install it (for example: uv python install 3.13, pyenv install 3.13, brew install python@3.13) and run make again." >&2; exit 1; }
	@VIRTUAL_ENV=.venv $(UV) pip install --quiet --require-hashes -r requirements/dev.txt
	@VIRTUAL_ENV=.venv $(UV) pip install --quiet --no-deps -e layers/qwen_gateway -e cli
	@touch $@

.tools/%/ready: requirements/%.txt | $(UV)
	@echo "python: $* in an environment of its own"
	@$(UV) venv --quiet --clear --python 3.13 .tools/$*
	@VIRTUAL_ENV=.tools/$* $(UV) pip install --quiet --require-hashes -r requirements/$*.txt
	@touch $@

# Node itself is a Python package; only tests need it.
$(NODE_CLIENTS)/node_modules/ready: $(NODE_CLIENTS)/package-lock.json .tools/node/ready
	@echo "node: the clients that tests drive"
	@cd $(NODE_CLIENTS) && $(NPM) ci --silent
	@touch $@

# npm runs no scripts here (.npmrc). This one puts the binary of the platform in its place.
$(CLAUDE_CODE)/node_modules/ready: $(CLAUDE_CODE)/package-lock.json .tools/node/ready
	@echo "node: Claude Code, 235 MB"
	@cd $(CLAUDE_CODE) && $(NPM) ci --silent && cd node_modules/@anthropic-ai/claude-code && "$(CURDIR)/.tools/node/bin/node" install.cjs
	@touch $@

$(CURDIR)/.tools/uv/bin/uv: requirements/uv.txt
	@command -v python3 >/dev/null || { echo "Python 3 is missing: install python3 and run make again." >&2; exit 1; }
	@python3 -m venv .tools/uv || { echo "The venv module is missing: install it (Debian: apt-get install python3-venv) and run make again." >&2; exit 1; }
	@.tools/uv/bin/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.txt
