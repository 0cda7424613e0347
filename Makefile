# Two commands matter: `make serve` and `make test`. Both prepare a virtual environment first.

PYTHON ?= $(firstword $(shell command -v python3.11 python3.12 python3.13 python3))
VENV ?= .venv
INSTALL = $(VENV)/bin/pip install --quiet --disable-pip-version-check -c constraints.txt

.PHONY: serve test check reference clean

serve: $(VENV)/.serve
	@exec $(VENV)/bin/easel serve

test: check
	$(VENV)/bin/pytest -q

check: $(VENV)/.dev
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/ruff check .
	$(VENV)/bin/basedpyright

# Rewrites the generated pages of docs/reference.
reference: $(VENV)/.dev
	$(VENV)/bin/python -m easel.cli.reference docs/reference

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.serve: $(VENV)/bin/python pyproject.toml constraints.txt
	$(INSTALL) -e '.[worker]'
	@touch $@

$(VENV)/.dev: $(VENV)/bin/python pyproject.toml constraints.txt
	$(INSTALL) -e '.[worker,train,dev]'
	@touch $@ $(VENV)/.serve

clean:
	rm -rf $(VENV)
