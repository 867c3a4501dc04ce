# Every verb of the project. Each target sets up what it needs.
PYTHON ?= python3
BIN := .venv/bin
WORKERS ?= 3

.PHONY: setup check test bench docs oldest conformance controllers clean

setup: .venv/.ready

.venv/.ready: pyproject.toml requirements.lock
	GRAPPE_SETUP_DEV=1 ./grappe --version
	touch $@

check: setup            ## lint, types, layers, locked requirements, dead links
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python tools/generate_lock.py --check
	$(BIN)/python tools/check_links.py

test: setup             ## every test this machine can run
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadgroup

bench: setup            ## the figures of docs/performance.md
	$(BIN)/python -m bench
	$(BIN)/python -m bench.machine

docs: setup             ## run what the docs show, check their links
	$(BIN)/python tools/check_links.py
	$(BIN)/python -m pytest tests/docs

oldest: setup           ## the oldest versions that pyproject.toml allows pass the unit tests
	$(PYTHON) -m venv --clear build/oldest
	$(BIN)/python tools/oldest_requirements.py >build/oldest/requirements.txt
	build/oldest/bin/pip install -q -r build/oldest/requirements.txt pytest pytest-asyncio \
		pytest-timeout pytest-xdist hypothesis
	PYTHONPATH=src build/oldest/bin/python -m pytest tests/unit -n $(WORKERS) -q

conformance: setup      ## Kubernetes' own conformance tests on simulated nodes; needs Go, an hour the first time
	$(BIN)/python tools/conformance.py

controllers: setup      ## kube-scheduler and kube-controller-manager in place of ours; needs Go, half an hour the first time
	$(BIN)/python -m pytest tests/e2e/clients/kubernetes_controllers.py

clean:
	rm -rf .venv build dist src/*.egg-info
