# make search   a search on real images, its report and a model file, in about two minutes
# make test     style, types (make check) and tests (make suite); MARKS="slow or faults" for the long ones
# make docs     the pages of docs/ as HTML, to read offline: build/docs/index.html
# make bench    the measured tables

PYTHON ?= python3
BIN := .venv/bin
OUT ?= results/search-$(shell date +%Y%m%d-%H%M%S)
TESTS ?= tests
INSTALL = $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt $(PIP_OPTIONS)
MARKS ?= not slow and not faults

.PHONY: search test check suite docs bench clean

search: .venv/installed
	$(BIN)/archsearch search chain --data digits --strategy evolution --trials 64 --objective error --objective params \
		--max-params 20k --max-macs 5M --max-memory 64MB --workers 2 --seed 0 --out $(OUT)

test: check suite

check: .venv/installed-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

suite: .venv/installed-test
	$(BIN)/python -m compileall -q archsearch search_spaces
	$(BIN)/pytest -n 2 --dist worksteal -m "$(MARKS)" $(TESTS)

docs: .venv/installed-docs
	$(BIN)/python -m sphinx --quiet --fail-on-warning --keep-going --builder html --doctree-dir build/pages docs build/docs

bench: .venv/installed-bench
	$(BIN)/python -m benchmarks.analysis
	$(BIN)/python -m benchmarks.latency
	$(BIN)/python -m benchmarks.network
	$(BIN)/python -m benchmarks.startup
	$(BIN)/python -m benchmarks.search

# constraints.txt holds the exact set of versions that the tests ran with.
.venv/installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit("archsearch needs Python 3.11 or newer: make PYTHON=python3.11 search" if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv .venv
	$(INSTALL) --editable .
	@touch $@

.venv/installed-%: .venv/installed
	$(INSTALL) --editable '.[$*]'
	@touch $@

clean:
	rm -rf build .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis
