# Needs GNU make and Python 3.10 to 3.13; the rest is installed into $(VENV). `make help` tells more.

SHELL := /bin/sh
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV ?= .venv
SEED ?= 7
PORT ?= 8000

BIN := $(VENV)/bin
INSPECT := $(BIN)/capsule-inspect
INSTALL := $(BIN)/python -m pip --disable-pip-version-check install --quiet --editable
SHIPPED := capsule_inspect/assets/capsule.tflite

# Installed once per change of pyproject.toml; each stamp stands for an install.
LIGHT := $(VENV)/.installed-light
SERVE := $(VENV)/.installed-serve
TRAIN := $(VENV)/.installed-train
BENCH := $(VENV)/.installed-bench
CLUSTER := $(VENV)/.installed-cluster
DEV := $(VENV)/.installed-dev

.PHONY: help demo test test-slow coverage lint format bench bench-cluster pipeline model
.PHONY: prepare train tune evaluate export predict serve image

help: ## show this help
	@echo 'Targets:'
	@awk 'BEGIN { FS = ":.*## " } /^[a-z-]+:.*## / { printf "  %-13s  %s\n", $$1, $$2 }' \
		'$(firstword $(MAKEFILE_LIST))'
	@echo
	@echo 'Variables:'
	@echo '  PYTHON      the Python that $(VENV) is made with: $(PYTHON)'
	@echo '  VENV        the virtual environment everything runs in: $(VENV)'
	@echo '  SEED        the seed that `make demo` draws from: $(SEED)'
	@echo '  PORT        the port that `make serve` listens on: $(PORT)'
	@echo '  DATA        $(meaning-DATA), such as $(example-DATA)'
	@echo '  RUN         $(meaning-RUN), such as $(example-RUN)'
	@echo '  IN          $(meaning-IN), such as $(example-IN)'
	@echo '  OUT         $(meaning-OUT), such as $(example-OUT)'
	@echo '  ARGS        options and settings added to the command, such as train.epochs=40'

demo: $(LIGHT) ## draw 24 capsules and find their defects with the shipped model
	rm -rf out/demo
	$(INSPECT) prepare drawn out/demo/data data.count=24 data.seed=$(SEED)
	$(INSPECT) predict out/demo/data/pictures -o out/demo/results --table
	@echo 'The pictures with the findings drawn in are in out/demo/results/overlays.'
	@echo 'For your own: $(INSPECT) predict FOLDER -o RESULTS --report'

test: $(DEV) ## run the fast tests
	$(BIN)/python -m pytest -n 3 $(ARGS)

test-slow: $(DEV) ## run the tests that take minutes
	$(BIN)/python -m pytest -m slow -n 2 --dist loadscope --durations=25 $(ARGS)

coverage: $(DEV) ## run the fast tests, and list the lines and branches that they miss
	$(BIN)/python -m pytest -n 3 --cov $(ARGS)

lint: $(DEV) ## check format, style and types
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy

format: $(DEV) ## format the code
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

bench: $(BENCH) ## measure speed, memory and start-up, in a quarter of an hour on idle cores
	for table in invoke throughput startup memory; do \
		$(BIN)/python benchmarks/$$table.py || exit; done

bench-cluster: $(CLUSTER) ## find where the scheduler of a cluster saturates, in minutes
	$(BIN)/python benchmarks/cluster_simulation.py $(ARGS)

pipeline: $(TRAIN) ## run the whole pipeline on drawn capsules, in minutes
	rm -rf out/pipeline
	$(INSPECT) prepare drawn out/pipeline/data data=drawn data.count=60 data.size=500
	$(INSPECT) train -o out/pipeline/run --data out/pipeline/data experiment=pipeline
	$(INSPECT) evaluate out/pipeline/run -o out/pipeline/evaluation --data out/pipeline/data
	$(INSPECT) export-tflite out/pipeline/run -o out/pipeline/model.tflite --force \
		--data out/pipeline/data
	$(INSPECT) predict out/pipeline/data/pictures -o out/pipeline/results \
		--model out/pipeline/model.tflite

STUDY := experiments/cross_validation
model: need-CAPSULE_INSPECT_DATA $(TRAIN) ## cross-validate the defaults and make a model to ship, in hours
	rm -rf out/model $(STUDY)_float32 $(STUDY)_int8
	$(INSPECT) prepare "$(CAPSULE_INSPECT_DATA)" out/model/data data.val=0 data.test=0
	$(INSPECT) train -o out/model/study --data out/model/data train.folds=5 train.seeds=3 train.seed=1
	$(INSPECT) evaluate out/model/study -o $(STUDY)_float32 --data out/model/data
	$(INSPECT) export-tflite out/model/study --data out/model/data
	$(INSPECT) evaluate out/model/study -o $(STUDY)_int8 --data out/model/data
	$(INSPECT) train -o out/model/run --data out/model/data train.seed=1
	$(INSPECT) export-tflite out/model/run -o out/model/capsule.tflite \
		--data out/model/data --cross-validation $(STUDY)_int8
	mkdir -p $(dir $(SHIPPED))
	cp out/model/capsule.tflite $(SHIPPED)

prepare: need-IN need-DATA $(LIGHT) ## check and split the pictures of IN into DATA
	$(INSPECT) prepare "$(IN)" "$(DATA)" $(ARGS)

train: need-DATA need-RUN $(TRAIN) ## train on DATA into RUN
	$(INSPECT) train -o "$(RUN)" --data "$(DATA)" $(ARGS)

tune: need-DATA need-RUN $(TRAIN) ## search for settings on DATA, into RUN
	$(INSPECT) tune -o "$(RUN)" --data "$(DATA)" $(ARGS)

evaluate: need-RUN need-DATA need-OUT $(TRAIN) ## measure RUN on DATA, into OUT
	$(INSPECT) evaluate "$(RUN)" -o "$(OUT)" --data "$(DATA)" $(ARGS)

export: need-RUN need-DATA need-OUT $(TRAIN) ## convert RUN to the file OUT, compared on DATA
	$(INSPECT) export-tflite "$(RUN)" -o "$(OUT)" --data "$(DATA)" $(ARGS)

predict: need-IN need-OUT $(LIGHT) ## find the defects on the pictures of IN, into OUT
	$(INSPECT) predict "$(IN)" -o "$(OUT)" $(ARGS)

serve: $(SERVE) ## answer over HTTP on PORT, with a page for people
	$(INSPECT) serve --port "$(PORT)" $(ARGS)

# Docker where its daemon answers. Buildah's own format has no health checks.
image: ## build the image `capsule-inspect` of the server, with docker or buildah
	@if docker info >/dev/null 2>&1; then build='docker build'; \
	elif buildah --version >/dev/null 2>&1; then build='buildah bud --format docker'; \
	else echo 'Error: neither docker nor buildah works here. Install one, or start the daemon of' \
		'docker.' >&2; exit 2; fi; \
	set -x; $$build -f docker/Dockerfile -t capsule-inspect \
		--build-arg REVISION="$$(git rev-parse --verify --quiet HEAD)" $(ARGS) .

meaning-DATA = the data set folder that `prepare` writes
example-DATA = data/capsule
meaning-RUN = a run folder (for evaluate also a .keras or .tflite file)
example-RUN = runs/mine
meaning-IN = the pictures: a folder, a file, a quoted pattern, or for prepare `drawn`
example-IN = pictures
meaning-OUT = the folder for the results (for export the file)
example-OUT = out/mine
meaning-CAPSULE_INSPECT_DATA = the folder `capsule` of MVTec AD (see LICENSE-DATA.md)
example-CAPSULE_INSPECT_DATA = mvtec_ad/capsule

# `need-X` stops before anything is installed or run if the variable X is empty.
need-%:
	@$(if $(strip $($*)),:,echo 'Error: $* is not set. Give $(meaning-$*), such as \
	$*=$(example-$*).' >&2; exit 2)

$(BIN)/pip:
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 13))' || { \
		echo 'Error: $(PYTHON) is not Python 3.10 to 3.13. Name one that is, such as' \
			'PYTHON=python3.12.' >&2; exit 2; }
	$(PYTHON) -m venv "$(VENV)"

$(LIGHT): pyproject.toml | $(BIN)/pip
	@echo 'Installing what predict and prepare need into $(VENV).'
	$(INSTALL) .
	@touch $@

$(SERVE): pyproject.toml | $(BIN)/pip
	@echo 'Installing what predict, prepare and serve need into $(VENV).'
	$(INSTALL) '.[serve]'
	@touch $@ $(LIGHT)

$(TRAIN): pyproject.toml | $(BIN)/pip
	@echo 'Installing TensorFlow and the rest of the training packages into $(VENV): minutes.'
	$(INSTALL) '.[train]'
	@touch $@ $(LIGHT)

$(BENCH): pyproject.toml | $(BIN)/pip
	@echo 'Installing training packages and the runtimes compared with into $(VENV): minutes.'
	$(INSTALL) '.[train,bench]'
	@touch $@ $(TRAIN) $(LIGHT)

$(CLUSTER): pyproject.toml | $(BIN)/pip
	@echo 'Installing Dask into $(VENV).'
	$(INSTALL) '.[cluster]'
	@touch $@ $(LIGHT)

$(DEV): pyproject.toml | $(BIN)/pip
	@echo 'Installing training and development packages into $(VENV): minutes.'
	$(INSTALL) '.[train,serve,dev]'
	@touch $@ $(TRAIN) $(SERVE) $(LIGHT)
