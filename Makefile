# Two commands matter: `make serve` and `make test`. Both prepare a virtual environment first.

CANDIDATES = python3.11 python3.12 python3.13 python3.14 python3
PYTHON ?= $(firstword $(foreach name,$(CANDIDATES),$(shell command -v $(name) 2>/dev/null)))
VENV ?= .venv
TEST_PROCESSES ?= 3
INSTALL = $(VENV)/bin/pip install --quiet --disable-pip-version-check -c constraints.txt

.PHONY: serve test check reference clean

serve: $(VENV)/.serve
	@exec $(VENV)/bin/easel serve

# One thread each: networks of several processes that all want every core wait for each other most of the time.
test: check
	EASEL_THREADS=1 OMP_NUM_THREADS=1 $(VENV)/bin/pytest -q -n $(TEST_PROCESSES) --dist loadfile --no-loadscope-reorder

check: $(VENV)/.dev
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/ruff check .
	$(VENV)/bin/basedpyright

# Rewrites the generated pages of docs/reference.
reference: $(VENV)/.dev
	$(VENV)/bin/python -m easel.cli.reference docs/reference

# pip is the last thing a virtual environment gets: without it the environment was left half made.
$(VENV)/bin/pip:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Easel needs Python 3.11 or newer: make serve PYTHON=/path/to/python3"; exit 1; }
	$(PYTHON) -m venv --clear $(VENV)

$(VENV)/.serve: $(VENV)/bin/pip pyproject.toml constraints.txt
	$(INSTALL) -e '.[worker]'
	@touch $@

$(VENV)/.dev: $(VENV)/bin/pip pyproject.toml constraints.txt
	$(INSTALL) -e '.[worker,openvino,train,dev]'
	@touch $@ $(VENV)/.serve

clean:
	rm -rf $(VENV)
