# isula-rest. Two commands for a fresh Debian 12, as root: `make hello` and `make test`.
# All others work on what those two have installed.

PYTHON  ?= /usr/bin/python3
VENV    := .venv
BIN     := $(VENV)/bin
PREFIX  ?= /usr/local
WORKERS ?= 2
SOURCES := restd client shim tests

.PHONY: hello test check bench install uninstall clean openapi compiled packages-run packages-test

hello: packages-run $(VENV)/run.stamp compiled ## start the engine and run a container from the embedded image
	contrib/hello.sh $(BIN)

test: packages-test $(VENV)/dev.stamp compiled ## all tests: fast checks first, then the real thing
	$(MAKE) --no-print-directory check
	$(BIN)/pytest -n $(WORKERS) --dist worksteal tests/shim tests/api tests/integration tests/clients tests/faults

check: $(VENV)/dev.stamp ## format, lint, types, structure, unit tests: under a minute
	$(BIN)/ruff format --check --quiet $(SOURCES)
	$(BIN)/ruff check --quiet $(SOURCES)
	$(BIN)/mypy --no-error-summary
	$(BIN)/pytest -q -n $(WORKERS) tests/structure tests/unit

bench: packages-test $(VENV)/dev.stamp compiled ## our engine beside dockerd, in one run: a table of ratios
	$(BIN)/python -m tests.bench $(BENCH)

openapi: $(VENV)/dev.stamp ## write openapi/openapi.yaml from the routes and schemas
	$(BIN)/python -m restd.api.openapi > openapi/openapi.yaml.new
	mv openapi/openapi.yaml.new openapi/openapi.yaml

install: packages-run ## the engine under PREFIX/lib/isula-rest, its commands in PREFIX/bin, systemd units
	$(PYTHON) -m venv $(DESTDIR)$(PREFIX)/lib/isula-rest
	$(DESTDIR)$(PREFIX)/lib/isula-rest/bin/pip install --quiet .
	install -d $(DESTDIR)$(PREFIX)/bin
	for name in isula-restd isula-rest isula-rest-shim; do \
		ln -sf $(PREFIX)/lib/isula-rest/bin/$$name $(DESTDIR)$(PREFIX)/bin/$$name || exit 1; done
	PREFIX=$(PREFIX) DESTDIR=$(DESTDIR) contrib/systemd/install.sh install

uninstall: ## take back what `install` put there; data and configuration stay
	rm -rf $(DESTDIR)$(PREFIX)/lib/isula-rest
	rm -f $(addprefix $(DESTDIR)$(PREFIX)/bin/,isula-restd isula-rest isula-rest-shim)
	PREFIX=$(PREFIX) DESTDIR=$(DESTDIR) contrib/systemd/install.sh uninstall

clean: ## everything that can be made again
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .hypothesis
	find $(SOURCES) -name __pycache__ -type d -prune -exec rm -rf {} +

compiled: | $(VENV)/bin/pip # a start compiles everything anew where PYTHONDONTWRITEBYTECODE is set: 0.2 s
	$(BIN)/python -m compileall -q restd shim client

packages-run:
	contrib/packages.sh run

packages-test:
	contrib/packages.sh test

$(VENV)/bin/pip:
	$(PYTHON) -m venv $(VENV)

$(VENV)/run.stamp: pyproject.toml | $(VENV)/bin/pip
	$(BIN)/pip install --quiet --disable-pip-version-check --editable .
	touch $@

$(VENV)/dev.stamp: pyproject.toml | $(VENV)/bin/pip
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[dev]'
	touch $@ $(VENV)/run.stamp
