# One command each: `make demo`, `make test`. Both do their own set-up.
SHELL := /bin/sh
VENV ?= .venv
# Tests of one file stay in one process, so that what it has made once serves all of them.
WORKERS ?= 2
BIN := $(VENV)/bin
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export NO_ALBUMENTATIONS_UPDATE := 1

.PHONY: demo test setup setup-tests format lock proof bench docs clean package sbom licences audit notebook docker

demo: $(VENV)/.ready
	$(BIN)/thirtyfold demo

test: $(VENV)/.ready-tests
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile

setup: $(VENV)/.ready
setup-tests: $(VENV)/.ready-tests

$(VENV)/.ready: requirements.lock requirements-dev.lock pyproject.toml scripts/setup.sh
	sh scripts/setup.sh $(VENV)
	touch $@

$(VENV)/.ready-tests: $(VENV)/.ready scripts/system_libraries.sh
	sh scripts/system_libraries.sh --tests
	touch $@

# Every claim run again, written to docs/proof.md; the real photos: see CONTRIBUTING.md. ONLY=geometry,road for some.
proof: $(VENV)/.ready-tests
	$(BIN)/python scripts/proof.py --only "$(ONLY)"

# Each against its baseline, in one run. RUN and SOURCE: a trained model and a video it finds something in.
RUN ?= demo/1/runs/detect/1
SOURCE ?= demo/1/live.mp4
bench: $(VENV)/.ready
	test -e $(RUN)/model.json || $(BIN)/thirtyfold demo
	$(BIN)/python benchmarks/startup.py --run $(RUN) --source $(SOURCE)
	$(BIN)/python benchmarks/live.py --run $(RUN) --source $(SOURCE)
	$(BIN)/python benchmarks/augment.py
	$(BIN)/python benchmarks/geometry.py
	$(BIN)/python benchmarks/check.py
	$(BIN)/python benchmarks/convert.py

format: $(VENV)/.ready
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# All pages as a site, in build/site. docs/cli.md is written anew from the program before.
docs: $(VENV)/.ready
	$(BIN)/python scripts/cli_reference.py
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

# Refresh both locks; needs uv (`pip install uv`). Then `make licences` in the new environment.
lock:
	uv pip compile --upgrade --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
	  --override overrides.txt pyproject.toml -o requirements.lock
	uv pip compile --upgrade --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
	  --override overrides.txt --group dev -c requirements.lock -o requirements-dev.lock

licences: $(VENV)/.ready
	$(BIN)/python scripts/licences.py

# Wheel and sdist. The time in them is that of the last commit, so that the same commit gives the same bytes.
package: $(VENV)/.ready
	SOURCE_DATE_EPOCH=$$(git log -1 --format=%ct) $(BIN)/python -m build --no-isolation

# The list of all parts, for a release.
sbom: $(VENV)/.ready
	SOURCE_DATE_EPOCH=$$(git log -1 --format=%ct) $(BIN)/python scripts/sbom.py

# Known holes in what the locks hold. --strict: a package that could not be looked up is no clean one.
audit: $(VENV)/.ready
	for lock in requirements.lock requirements-dev.lock; do \
	  $(BIN)/pip-audit --strict --disable-pip --no-deps --require-hashes --progress-spinner off -r $$lock \
	    $$(awk '!/^#/ && NF { print "--ignore-vuln", $$1 }' audit-exceptions.txt) || exit 1; \
	done

# The notebook run anew, and what it shows kept.
notebook: $(VENV)/.ready
	$(BIN)/python scripts/run_notebook.py

# For a machine without a screen.
docker: package
	docker build --tag thirtyfold .

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache build dist
