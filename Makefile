# One command for each thing people do here. A bare clone needs Python 3.11+ and make, no more:
# the environments are made on first use and again when pyproject.toml or their lock changes. What
# they install is pinned, with hashes, by the files in .ci/locks.
#
#   make demo           the coffee workflow, and the run it left; three leaks, and what is found
#   make test           style, types, order of rooms, all tests
#   make test-wheel     the tests against the built wheel, away from the checkout
#   make test-oldest    the same with the oldest supported versions (.ci/oldest.txt)
#   make test-newest    some of the tests with the newest version of everything, pinned or not
#   make conformance    scikit-learn's own tests with and without tracking (ARGS=--help)
#   make truth          random sessions and searches against what is true of them (ARGS=--help)
#   make soak           stores sent to an MLflow server on PostgreSQL, while both are killed
#   make bench          what tracking costs, as a table
#   make docs           the documentation as a site in build/docs, which works without a network
#   make format         let ruff mend what it can
#   make lock           pin the newest versions (ARGS=--keep: only what pyproject.toml changed)
#
# PYTHON=python3.12 chooses the interpreter; PYTEST_ARGS="-k name" goes to pytest.

PYTHON ?= python3
PYTEST_ARGS ?=
ARGS ?=

PIP_INSTALL := -m pip install -qq --disable-pip-version-check --no-input
# Nothing but what a lock names, and nothing that has to be built first: what would build it moves.
PIP_LOCKED := $(PIP_INSTALL) --require-hashes --only-binary :all: -r
# The checkout itself, built by the hatchling that the lock pins.
PIP_CHECKOUT := $(PIP_INSTALL) --no-deps --no-build-isolation -e .
UV := uv==0.13.9
LOCKS := .ci/locks
# Two workers unless the machine has more; each imports scikit-learn, so not dozens of them.
PYTEST := -m pytest -n auto --maxprocesses 4
REPORTS := $(CURDIR)/build/reports

SOURCES := $(shell find autotrack -type f -not -path '*/__pycache__/*') pyproject.toml $(wildcard README.md) LICENSE
WHEEL := build/wheel.stamp
# What the tests need beside the installed package.
TEST_FILES := tests examples .ci pyproject.toml $(wildcard README.md CHANGELOG.md)

.DEFAULT_GOAL := test
.DELETE_ON_ERROR:
.PHONY: demo test lint test-wheel test-oldest test-newest conformance conformance-oldest truth \
        soak bench coverage docs format lock clean

demo: .venv/installed
	.venv/bin/python examples/coffee.py
	.venv/bin/autotrack runs
	.venv/bin/autotrack show last
	.venv/bin/python examples/leaky.py
	.venv/bin/autotrack runs -e leaky
	@echo 'In a browser: .venv/bin/autotrack ui'

# The MLflow server that a store is sent to in the tests has an environment of its own.
test: lint .venv-bench/installed
	.venv/bin/python $(PYTEST) --junitxml=$(REPORTS)/test.xml $(PYTEST_ARGS)

lint: .venv/installed-dev
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	.venv/bin/lint-imports

# The tests run from a copy, so that only the installed wheel can be imported.
test-wheel test-oldest: test-%: .venv-%/installed
	@rm -rf build/$@ && mkdir -p build/$@ && cp -R $(TEST_FILES) build/$@/
	cd build/$@ && ../../.venv-$*/bin/python $(PYTEST) --junitxml=$(REPORTS)/$@.xml $(PYTEST_ARGS)

# Where a release of somebody else's would be noticed first, in a few minutes. It leaves no report:
# what is skipped here fails nothing.
NEWEST_TESTS ?= $(addprefix tests/capture/hooks/test_,estimators.py metrics.py searches.py \
        third_party.py validation.py) tests/crates/test_round_trip.py tests/test_session.py -m 'not thorough'
test-newest: .venv-newest/made
	@echo "installing the newest version of everything into .venv-newest"
	@.venv-newest/bin/python $(PIP_INSTALL) --upgrade --upgrade-strategy eager -e '.[dev]'
	.venv-newest/bin/python $(PYTEST) $(NEWEST_TESTS) $(PYTEST_ARGS)

conformance: .venv-wheel/installed
	.venv-wheel/bin/python tests/conformance/run.py $(ARGS)

conformance-oldest: .venv-oldest/installed
	.venv-oldest/bin/python tests/conformance/run.py $(ARGS)

truth: .venv/installed-dev
	.venv/bin/python -m tests.truth $(ARGS)
	.venv/bin/python -m tests.truth.searches $(ARGS)

soak: .venv/installed-dev .venv-bench/installed
	.venv/bin/python -m tests.replication.soak $(ARGS)

bench: .venv-bench/installed
	.venv-bench/bin/python -m benchmarks $(ARGS)

coverage: .venv/installed-dev
	.venv/bin/coverage erase
	.venv/bin/coverage run -m pytest $(PYTEST_ARGS)
	.venv/bin/coverage combine -q
	.venv/bin/coverage report

# A warning, a link that leads nowhere or a file that is fetched from elsewhere fails it.
docs: .venv-docs/installed
	.venv-docs/bin/python -m sphinx -q -W --keep-going -b html -d build/docs-cache docs build/docs
	.venv-docs/bin/python docs/check.py build/docs
	@echo 'In a browser: build/docs/index.html'

format: .venv/installed-dev
	.venv/bin/ruff check --fix .
	.venv/bin/ruff format .

lock: .venv-lock/made
	@.venv-lock/bin/python $(PIP_INSTALL) $(UV)
	.venv-lock/bin/python .ci/lock.py .venv-lock/bin/uv $(ARGS)

clean:
	rm -rf build dist .venv .venv-wheel .venv-oldest .venv-newest .venv-bench .venv-docs .venv-lock .coverage* \
	    .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	find autotrack tests examples -name __pycache__ -type d -prune -exec rm -rf {} +

# Environments. Each is a folder with a stamp for every set of packages installed into it.

%/made:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "autotrack needs \
	Python 3.11 or newer, this is %d.%d: make PYTHON=python3.12" % sys.version_info[:2])'
	@echo "making $*"
	@$(PYTHON) -m venv $*
	@touch $@

# Without this, make would take %/made for an intermediate file and delete it.
.PRECIOUS: %/made

.venv/installed: .venv/made pyproject.toml $(LOCKS)/demo.txt
	@echo "installing autotrack into .venv"
	@.venv/bin/python $(PIP_LOCKED) $(LOCKS)/demo.txt
	@.venv/bin/python $(PIP_CHECKOUT)
	@touch $@

.venv/installed-dev: .venv/made pyproject.toml $(LOCKS)/dev.txt
	@echo "installing autotrack and what its tests need into .venv"
	@.venv/bin/python $(PIP_LOCKED) $(LOCKS)/dev.txt
	@.venv/bin/python $(PIP_CHECKOUT)
	@touch $@ .venv/installed

.venv-docs/installed: .venv-docs/made pyproject.toml $(LOCKS)/docs.txt
	@echo "installing autotrack and what makes its documentation into .venv-docs"
	@.venv-docs/bin/python $(PIP_LOCKED) $(LOCKS)/docs.txt
	@.venv-docs/bin/python $(PIP_CHECKOUT)
	@touch $@

.venv-bench/installed: .venv-bench/made pyproject.toml $(LOCKS)/bench.txt
	@echo "installing autotrack and MLflow into .venv-bench"
	@.venv-bench/bin/python $(PIP_LOCKED) $(LOCKS)/bench.txt
	@.venv-bench/bin/python $(PIP_CHECKOUT)
	@touch $@

$(WHEEL): $(SOURCES) .venv/installed-dev
	@echo "building the wheel"
	@rm -rf build/dist && mkdir -p build
	@.venv/bin/python -m build --no-isolation --outdir build/dist . > build/wheel.log 2>&1 \
	    || { cat build/wheel.log; exit 1; }
	@touch $@

# Dependencies first and once; then the wheel alone, each time it changes.
.venv-wheel/needs: $(LOCKS)/test.txt
.venv-oldest/needs: $(LOCKS)/oldest.txt
.venv-wheel/needs .venv-oldest/needs: %/needs: %/made
	@echo "installing what the tests need into $*"
	@$*/bin/python $(PIP_LOCKED) $(filter %.txt,$^)
	@touch $@

.venv-wheel/installed .venv-oldest/installed: %/installed: $(WHEEL) %/needs
	@$*/bin/python $(PIP_INSTALL) --force-reinstall --no-deps build/dist/*.whl
	@touch $@
