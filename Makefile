PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt
SNAKEMAKE := $(BIN)/snakemake --workflow-profile workflow/profiles/local

# The rules call `python`: the environment's own comes first.
export PATH := $(CURDIR)/$(BIN):$(PATH)

.PHONY: demo test torture lint study bench

demo: .venv/installed
	$(SNAKEMAKE) --configfile workflow/configs/demo.yaml
	@cat results/demo/paper/table_1.md
	@echo "The tables and figures lie in results/demo/paper, the reward models in results/demo/train_reward."

# One thread a process: several workers with two threads each stall one another on two cores. Three
# workers, since some tests wait more than they compute.
test: .venv/installed-dev
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder

# Kills, full disks, mutants: under half an hour on two cores; results in results/torture.
torture: .venv/installed-dev
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -m torture -n 2 --dist loadfile
	OMP_NUM_THREADS=1 $(BIN)/python tests/mutation.py

study: .venv/installed
	$(BIN)/python benchmarks/study.py --world linear bent --n-pairs 300 1000 --seeds 4
	$(BIN)/python benchmarks/study_report.py results/study/study.csv
	@cat results/study/study.md

bench: .venv/installed-dev
	$(BIN)/python benchmarks/bench.py

lint: .venv/installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/snakefmt --check Snakefile workflow
	$(BIN)/snakemake --lint

.venv/bin/python:
	$(PYTHON) -m venv .venv || (rm -rf .venv; echo "Python 3.11 or newer with its venv module is needed (on Debian: apt install python3-venv)." >&2; exit 1)

.venv/installed: .venv/bin/python pyproject.toml constraints.txt
	$(PIP) --editable ".[text]"
	@touch $@

.venv/installed-dev: .venv/installed
	$(PIP) --editable ".[dev,minilm,text,judge,slurm,tracking]"
	@touch $@
