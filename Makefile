# Two commands do all the set-up on a fresh machine: make demo, make test.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

# Tests start many processes: each would compile all modules anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo docs test check sweep fuzz bench questions clean

demo: $(STAMP)
	@echo "one real model, exported and compared: about half a minute"
	$(BIN)/python examples/demo.py

docs: $(STAMP)
	$(BIN)/python -m sphinx -q -W --keep-going -b html docs build/docs
	@echo "build/docs/index.html"

test: $(STAMP)
	@echo "the tests: about ten minutes on two cores"
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder --durations=40

check: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

sweep: $(STAMP)
	$(BIN)/python -m pytest -m slow

fuzz: $(STAMP)
	$(BIN)/python -m monograph.testing.fuzz --minutes 15

questions: $(STAMP)
	$(BIN)/python tests/shapes/questions.py 1000000

bench: $(STAMP)
	$(BIN)/python -m bench.run

$(STAMP): pyproject.toml constraints.txt
	test -d $(VENV) || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt torch
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev,docs,models,opinfo,backends]'
	touch $(STAMP)

clean:
	rm -rf $(VENV)
