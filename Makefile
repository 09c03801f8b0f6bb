# Each target is one command; what it does stands in the file that it calls. `make help` lists them.

INTERPRETER := $(or $(PYTHON),python3)
BIN := .venv/bin
PACK := Packs/O365OutlookMailSingleUser

# demisto-sdk: no warning that this is not the public content repository
export DEMISTO_SDK_IGNORE_CONTENT_WARNING := 1
export PATH := $(CURDIR)/$(BIN):$(PATH)

.DEFAULT_GOAL := help
.PHONY: help setup demo sandbox test browser-test soak lint validate package upload bench

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-12s %s\n", $$1, $$2}' Makefile

setup: ## make .venv, or leave a good one alone; PYTHON=python3.12 chooses the interpreter
	@command -v $(INTERPRETER) >/dev/null || { echo 'setup: there is no $(INTERPRETER) here: apt-get install python3 python3-venv' >&2; exit 1; }
	@$(INTERPRETER) Tests/setup/make_environment.py

demo: setup ## build, upload, sign in in every way and use the mailbox, against the sandbox
	@PYTHONPATH=Tests $(BIN)/python -m demo $(ARGS)

sandbox: setup ## start the sandbox and leave it running; PORT=8080 chooses its ports, KEEP=folder keeps its state
	@PYTHONPATH=Tests $(BIN)/python -m demo.serve $(if $(PORT),--port '$(PORT)') $(if $(KEEP),--keep '$(KEEP)') $(ARGS)

test: setup ## run the tests, with branch coverage; ARGS goes to pytest, COMMON_SERVER_PYTHON=folder takes the real file
	@$(BIN)/coverage run -m pytest $(ARGS)
	@$(if $(ARGS),true,$(BIN)/coverage report)

browser-test: setup ## use the sandbox in a real browser; installs chromium as root, Playwright and axe-core
	@$(BIN)/python Tests/setup/make_browser.py
	@$(BIN)/python -m pytest Tests/browser -m browser $(ARGS)

soak: setup ## 100,000 made-up histories of a mailbox that is fetched from (`make test` goes through 2,000); takes hours
	@$(BIN)/python -m pytest Tests/conformance/fetch/histories_test.py --hypothesis-profile=soak $(ARGS)

lint: setup ## style and types
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/mypy

validate: setup ## what demisto-sdk says of the packs
	@$(BIN)/demisto-sdk validate -a

package: setup ## the pack as a zip in build/
	@$(BIN)/demisto-sdk zip-packs -i $(PACK) -o build

upload: export DEMISTO_VERIFY_SSL ?= $(if $(INSECURE),false,true)
upload: setup ## put the pack on the XSOAR of DEMISTO_BASE_URL and DEMISTO_API_KEY; INSECURE=1 trusts any certificate
	@test -n "$$DEMISTO_BASE_URL" -a -n "$$DEMISTO_API_KEY" || { echo 'upload: set DEMISTO_BASE_URL to the address of your XSOAR and DEMISTO_API_KEY to an API key of it.' >&2; exit 1; }
	@$(BIN)/demisto-sdk upload -i $(PACK) -z

bench: setup ## measure, print figures beside their goals, write Tests/benchmarks/results.md; ARGS=--quick for a short run
	@PYTHONPATH=Tests $(BIN)/python -m benchmarks $(ARGS)
