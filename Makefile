# Each target runs one command; the file that it calls contains the details. `make help` lists the targets.

INTERPRETER := $(or $(PYTHON),python3)
BIN := .venv/bin
PACK := Packs/O365OutlookMailSingleUser
# Folders with unit and contract tests; the others are not even collected. Left out: field_reports (cases that users reported,
# which the tests of each subject cover), tables of rare data, and tests that wait for deadlines or for other processes.
NOT_FAST := field_reports fetch/odd_mails_test.py token_cache/storage_faults_test.py faults/fuzz_test.py \
    api_client/deadline_test.py sign_in/environment_test.py token_cache/concurrency_test.py
FAST := Packs docs/examples Tests/demo Tests/reliability Tests/conformance $(NOT_FAST:%=--ignore=Tests/conformance/%)
# a worker for each processor and one more, since tests wait now and then; the tests of a file stay together, and files in the
# order of conftest.py
PARALLEL := --numprocesses=$(shell expr $$(getconf _NPROCESSORS_ONLN) + 1) --maxprocesses=8 --dist=loadfile --no-loadscope-reorder
DELIVERY := PYTHONPATH=Tests $(BIN)/python -m delivery

# demisto-sdk: no warning that this is not the public content repository
export DEMISTO_SDK_IGNORE_CONTENT_WARNING := 1
export PATH := $(CURDIR)/$(BIN):$(PATH)
# what is compiled stays: else each worker and each process of a test compiles everything again
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: $(shell sed -n 's/^\([a-z-]*\):.*## .*/\1/p' Makefile)

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-13s %s\n", $$1, $$2}' Makefile

# whatever is left in .venv, the Python that rebuilds it is another one
setup: export PATH := $(subst $(CURDIR)/$(BIN):,,$(PATH))
setup: ## create or update .venv; PYTHON=python3.12 selects the interpreter
	@command -v $(INTERPRETER) >/dev/null || { echo 'setup: there is no $(INTERPRETER) here. $(if $(PYTHON),Name another: PYTHON=python3 make setup,Install it: apt-get install python3 python3-venv)' >&2; exit 1; }
	@$(INTERPRETER) -c 'import sys; sys.exit(sys.version_info < (3, 7))' || { echo 'setup: $(INTERPRETER) is too old: Python 3.10 to 3.14 is needed. Name one: PYTHON=python3.12 make setup' >&2; exit 1; }
	@$(INTERPRETER) Tests/setup/make_environment.py

demo: setup ## build, upload, sign in with every authentication method and use the mailbox, in the sandbox
	@PYTHONPATH=Tests $(BIN)/python -m demo $(ARGS)

sandbox: setup ## start the sandbox and leave it running; PORT=8080 selects its ports, KEEP=folder keeps its state, MICROSOFT=real connects it to your tenant
	@PYTHONPATH=Tests $(BIN)/python -m demo.serve $(if $(PORT),--port '$(PORT)') $(if $(KEEP),--keep '$(KEEP)') $(if $(MICROSOFT),--microsoft '$(MICROSOFT)') $(ARGS)

live-check: setup ## compare the sandbox with your tenant, see docs/live-check.md
	@PYTHONPATH=Tests $(BIN)/python -m live_check

example: setup ## upload docs/examples/NAME to the XSOAR at DEMISTO_BASE_URL with DEMISTO_API_KEY, such as a running sandbox
	@PYTHONPATH=Tests $(BIN)/python -m demo.upload_example $(if $(NAME),'$(NAME)')

test: setup ## run the tests, with branch coverage; ARGS goes to pytest, COMMON_SERVER_PYTHON=folder uses the real files, REPORTS=folder writes JUnit and Cobertura reports
	@$(BIN)/coverage erase
	@$(BIN)/coverage run --parallel-mode -m pytest $(PARALLEL) $(if $(REPORTS),--junitxml=$(REPORTS)/junit.xml) $(ARGS)
	@$(BIN)/coverage combine --quiet
	@$(if $(REPORTS),$(BIN)/coverage xml --quiet -o $(REPORTS)/coverage.xml --fail-under=0,true)
	@$(if $(ARGS),true,$(BIN)/coverage report)

browser-test: setup ## use the sandbox in a real browser; installs chromium as root, Playwright and axe-core
	@$(BIN)/python Tests/setup/make_browser.py
	@$(BIN)/python -m pytest Tests/browser -m browser $(ARGS)

screenshots: ## take the pictures of the README in the browser tests
	@SCREENSHOTS=build/screenshots $(MAKE) browser-test
	@mkdir -p docs/images
	@cd build/screenshots && cp add-instance-1600-light.png signed-in.png incident-1600-light.png "$(CURDIR)/docs/images"

test-fast: setup ## run the unit and contract tests that are not slow, without coverage
	@$(BIN)/python -m pytest $(PARALLEL) -m '(unit or contract) and not slow and not property' $(FAST) $(ARGS)

test-nightly: setup ## run the tests that `make test` leaves out because they take long
	@$(BIN)/python -m pytest $(PARALLEL) -m nightly $(if $(REPORTS),--junitxml=$(REPORTS)/junit.xml) $(ARGS)

soak: setup ## test the fetch with 20,000 generated histories of a mailbox, for documented and for reported behavior of Microsoft Graph (`make test` runs 250 each); takes hours; HISTORIES=2000 sets the number
	@$(BIN)/python -m pytest -m property --hypothesis-profile=soak $(ARGS)

fuzz: setup ## test with 100,000 random parameters, arguments, responses and stored values; FUZZ=9000 sets the number
	@FUZZ=$(or $(FUZZ),100000) $(BIN)/python -m pytest Tests/conformance/faults/fuzz_test.py $(ARGS)

report: setup ## run every request against every fault, fuzz, and write docs/reliability.md
	@PYTHONPATH=Tests $(BIN)/python -m reliability $(ARGS)

mutants: setup ## break 40 lines of Packs/, one at a time, and see that tests fail; SEED=7 selects the same lines again
	@PYTHONPATH=Tests $(BIN)/python -m mutants $(if $(SEED),--seed $(SEED)) $(ARGS)

lint: setup ## check style, security and types
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/bandit --quiet --configfile pyproject.toml --recursive Packs docs/examples --exclude '*_test.py'
	@$(BIN)/mypy

hooks: setup ## install the git hooks of .pre-commit-config.yaml: lint and validate before a commit, test-fast before a push
	@$(BIN)/pre-commit install

dependencies: setup ## print the dependencies between the shared scripts, as docs/architecture.md lists them
	@PYTHONPATH=Tests $(BIN)/python -m conformance.unified.dependencies

validate: setup ## validate the packs, and the changes since the last release, with demisto-sdk; ARGS=--list shows each check
	@$(DELIVERY).validate $(ARGS)

format: setup ## format Python with ruff, which also fixes what it can, and yml and json of the packs with demisto-sdk
	@$(DELIVERY).format

docs: setup ## write the tables of the integration's README, and the README and image of each playbook, from their yml
	@$(DELIVERY).docs
	@$(DELIVERY).playbooks

xsoar-lint: setup ## run the pylint plugins of demisto-sdk
	@$(DELIVERY).xsoar_lint

secrets: setup ## search the packs for secrets with demisto-sdk
	@$(DELIVERY).secrets

pins: setup ## resolve requirements-dev.in to requirements-dev.txt, newest versions with hashes, and write docs/dependencies.md
	@$(DELIVERY).pins

audit: setup ## list known vulnerabilities of the pinned packages (needs access to osv.dev)
	@$(DELIVERY).audit

package: setup ## build the pack as a zip in build/; MARKETPLACE=platform selects the marketplace, MARKETPLACE=all makes a zip for each
	@$(DELIVERY).package $(MARKETPLACE)

release-notes: setup ## start the next version: raise its number and create release notes to complete; UPDATE=revision, minor or major
	@$(DELIVERY).release notes $(UPDATE)

release: setup ## tag the version, and build zips, SHA-256, notes and SBOM in build/release
	@$(DELIVERY).release

upload: export DEMISTO_VERIFY_SSL ?= $(if $(INSECURE),false,true)
upload: setup ## upload the pack to the XSOAR at DEMISTO_BASE_URL with DEMISTO_API_KEY; MARKETPLACE, PACK=Packs/Yours, INSECURE=1
	@$(DELIVERY).upload '$(PACK)' $(MARKETPLACE)

smoke: export DEMISTO_VERIFY_SSL ?= $(if $(INSECURE),false,true)
smoke: setup ## run !msgraph-mail-auth-test on that XSOAR; INSTANCE=name selects the instance
	@$(DELIVERY).smoke

bench: setup ## measure, print the results next to their goals, write Tests/benchmarks/results.md; ARGS=--quick for a short run, COMMON_SERVER_PYTHON=folder uses the real file
	@PYTHONPATH=Tests $(BIN)/python -m benchmarks $(ARGS)
