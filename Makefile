# make demo   generate five datasets, train boosted trees, FCN, FilterNet and reference models on them, print the tables,
#             write demo/report.html; stopped, it goes on where it was
# make shift  what systematic variations of jets do to the demo's boosted trees
# make test   lint, types and tests, those of the package in empty environments included
# make bench  speed and memory against other packages, written to benchmarks/results.json
# make hold   what kills, hostile files, many at once and a year of records do to it (an hour), to hold/results.json
# make compare  train the shared models for equal times, written to benchmarks/shared_models.json
# make docs   the site, into docs/_build/html; the first time it generates the tutorials' events
# make evidence  the plots and numbers of the datasets' READMEs, from evidence/
#
# Everything happens in .venv, which is made when it is missing and kept when it is there.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
DEMO := demo
DATASETS := TopTagging,EOSL,Belle,Airshower,Spinodal
PD4ML := $(BIN)/pd4ml

# Modules are compiled when they are first imported, and kept: most of what is installed never is.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo shift test lint types bench hold compare docs evidence clean
.DELETE_ON_ERROR:

demo: .venv/generate,train,plot.stamp
	$(PD4ML) benchmark quick --datasets $(DATASETS) --path $(DEMO)/datasets --runs $(DEMO)/runs
	test -z "$$(find $(DEMO)/runs -name record.json -newer $(DEMO)/report.html 2>&1)" || \
		$(PD4ML) report $(DEMO)/runs --path $(DEMO)/datasets --out $(DEMO)/report.html
	@echo "report: $(DEMO)/report.html"

shift: demo
	$(PD4ML) shift $(DEMO)/runs/TopTagging-generated-default-gbdt-seed1-* --events 3000 --path $(DEMO)/datasets \
		--variants scale_up,scale_down,tune_a14,mpi_off

# As many files of tests at a time as there are cores, up to four, each with one thread.
test: lint types
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses auto --maxprocesses 4 --dist loadfile \
		--cov --cov-report=term:skip-covered

lint: .venv/dev.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: .venv/dev.stamp
	$(BIN)/mypy

# Of weaver-core only a model is used, which needs none of its many dependencies.
bench: .venv/dev.stamp
	$(BIN)/python -m pip install --quiet --no-deps weaver-core==0.5.3
	$(BIN)/python benchmarks/run.py

# Atheris, which fuzzes, has no wheel for every system; without it that row says so.
hold: .venv/dev.stamp
	-$(BIN)/python -m pip install --quiet atheris==3.0.0
	OMP_NUM_THREADS=1 MKL_NUM_THREADS=1 $(BIN)/python -m hold

compare: .venv/all.stamp
	$(BIN)/python benchmarks/shared_models.py --path $(DEMO)/shared_datasets --runs $(DEMO)/shared_models

docs: .venv/docs.stamp
	$(BIN)/python -m sphinx -b html -E -W --keep-going --quiet -d docs/_build/doctrees docs docs/_build/html
	@echo "site: docs/_build/html/index.html"

evidence: .venv/dev.stamp
	for script in evidence/*/evidence.py; do $(BIN)/python $$script || exit 1; done

# One environment for all: the stem is the extras that are added to it.
.venv/%.stamp: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --no-compile --constraint constraints.txt --editable '.[$*]'
	touch $@

clean:
	rm -rf .venv $(DEMO) docs/_build docs/tutorials
