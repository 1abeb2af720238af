# Two commands on a fresh machine: make climb, make test. Both reuse what is set up.

PYTHON ?= python3
BIN := .venv/bin
READY := .venv/ready

.PHONY: climb test proofs lint words docs pictures screenshots lesson results bench clean

climb: $(READY)           ## set up everything, then run the main job on the bundled digits example
	$(BIN)/leonui climb

test: $(READY) lint       ## set up everything, then run all tests
	$(BIN)/python -m pytest -n auto

proofs: $(READY)          ## the tests that take long: searches of several spaces, a search over two processes
	$(BIN)/python -m pytest -n auto -m slow

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright

words: $(READY)           ## gather the texts from the code, bring the catalogues up to date, compile them
	$(BIN)/python -m tests.catalogue

docs: $(READY)            ## the site in both languages: build/site/index.html, build/site/vi/index.html
	$(BIN)/sphinx-build -qW -c docs/site docs build/site
	$(BIN)/sphinx-build -qW -c docs/site -D language=vi docs/vi build/site/vi

pictures: $(READY)        ## draw the lesson's pictures, photograph the lab
	$(BIN)/python docs/pictures.py
	$(BIN)/python -m tests.screens

screenshots: $(READY)     ## climb the example, draw its landscape, and take pictures of their reports
	$(BIN)/python -m docs.screenshots

lesson: $(READY)          ## run the lesson's code and write what it prints into its pages
	$(BIN)/python -m tests.lesson

results: $(READY)         ## climb every example and write docs/results.md
	$(BIN)/python bench/results.py

bench: $(READY)           ## the probe's overhead, the speed of a branch and of a step, what smaller state costs
	$(BIN)/python -m pip install --quiet -c constraints.txt --group bench
	$(BIN)/python bench/overhead.py
	$(BIN)/python bench/branch.py
	$(BIN)/python bench/contract.py
	$(BIN)/python bench/optim.py
	$(BIN)/python bench/storage.py
	$(BIN)/python bench/lab.py
	$(BIN)/python bench/gpu.py

$(READY): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade "pip>=25.1"
	$(BIN)/python -m pip install --quiet -c constraints.txt -e ".[examples]" --group dev
	touch $(READY)

clean:
	rm -rf .venv .leonui build
