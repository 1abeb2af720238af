# Two commands on a fresh machine: make climb, make test. Both reuse what is set up.

PYTHON ?= python3
BIN := .venv/bin
READY := .venv/ready

.PHONY: climb test proofs with test-integrations proofs-integrations test-oldest lint words docs pictures screenshots \
  lesson results bench dist test-dist man clean

climb: $(READY)           ## set up everything, then run the main job on the bundled digits example
	$(BIN)/leonui climb

test: $(READY) lint       ## set up everything, then run all tests
	$(BIN)/python -m pytest -n auto

proofs: $(READY)          ## the tests that take long: searches of several spaces, a search over two processes
	$(BIN)/python -m pytest -n auto -m slow

WITH := .venv-integrations/bin/python
test-integrations: with   ## every trainer's script, callbacks, notebook, loggers: in an environment of their own
	$(WITH) -m pytest -n auto --dist load tests/integrations

proofs-integrations: with ## every command on every trainer's script, races among them
	$(WITH) -m pytest -n auto --dist load -m slow tests/integrations

with:
	test -x $(WITH) || $(PYTHON) -m venv .venv-integrations
	$(WITH) -m pip install --quiet --upgrade "pip>=25.1"
	$(WITH) -m pip install --quiet -c constraints-integrations.txt -e ".[examples]" --group integrations

OLDEST := build/oldest/bin/python
test-oldest:              ## what leans on torch's own insides, on the oldest torch that is supported
	test -x $(OLDEST) || $(PYTHON) -m venv build/oldest
	$(OLDEST) -m pip install --quiet --upgrade "pip>=25.1"
	$(OLDEST) -m pip install --quiet "torch==2.6.0" -e ".[examples]" --group oldest
	$(OLDEST) -m pytest -n auto tests/test_intervention.py tests/test_clip.py tests/test_probe.py

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

dist: $(READY)            ## wheel and sdist in dist/; a tag on this commit must be the version's
	$(BIN)/python -m pip install --quiet -c constraints.txt --group dist
	@version=$$($(BIN)/python -c "import leonui; print(leonui.__version__)"); \
	for tag in $$(git tag --points-at HEAD 'v*'); do test "$$tag" = "v$$version" || { echo "tag $$tag, version $$version"; exit 1; }; done
	$(BIN)/python -m build --outdir dist .

test-dist: dist           ## the wheel and the sdist, each installed into an environment that has nothing
	for made in dist/leonui-*.whl dist/leonui-*.tar.gz; do \
	  $(PYTHON) -m venv --clear build/clean && \
	  build/clean/bin/python -m pip install --quiet -c constraints.txt "$$made[examples,search]" && \
	  (cd build && clean/bin/leonui --version && clean/bin/python -m leonui climb --budget 60 --seeds 1 --runs clean/runs) || exit 1; \
	done

man: $(READY)             ## manual pages: build/man/leonui.1 and one for each command
	$(BIN)/python -m pip install --quiet -c constraints.txt --group dist
	mkdir -p build/man
	$(BIN)/python -c "import leonui, click_man.core as man; from leonui.cli import cli; \
	  man.write_man_pages('leonui', cli, version=leonui.__version__, target_dir='build/man')"

$(READY): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade "pip>=25.1"
	$(BIN)/python -m pip install --quiet -c constraints.txt -e ".[examples]" --group dev
	touch $(READY)

clean:
	rm -rf .venv .venv-integrations .leonui build dist
