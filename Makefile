# Two commands do everything: `make pipeline` and `make test`. Each target is a line around the one binary, `finegrain`.

CARGO ?= cargo
PYTHON ?= python3
FINEGRAIN = target/debug/finegrain
ARGS ?=

.PHONY: help pipeline setup build demo ingest vq2-parse synth-feedback embed train evaluate plan test check fuzz
.PHONY: kill-test fault-test advice-check test-browser test-vlm-server bucket-report template-report bench-buckets bench-templates bench-client bench-embed bench-train paper-shape bench-evaluate

pipeline: build demo ## the whole default run
	$(FINEGRAIN) run$(if $(ARGS), $(ARGS))

help: ## every target
	@sed -n 's/^\([a-z][a-z0-9 -]*\):.* ## \(.*\)/\1: \2/p' Makefile

setup: ## LibTorch and encoder weights into .deps/
	@$(PYTHON) scripts/setup.py

build: setup
	@$(CARGO) build --workspace

demo: build ## the demo world into data/demo/
	@$(FINEGRAIN) demo data/demo

ingest vq2-parse synth-feedback embed train evaluate: build ## one stage
	$(FINEGRAIN) run $@$(if $(ARGS), $(ARGS))

plan: build ## what would run, and why
	@$(FINEGRAIN) plan $(ARGS)

test: build tests/.python/ready ## all tests, the notebooks' recipes among them
	$(CARGO) build --workspace --tests --examples
	$(CARGO) test --quiet --workspace

check: setup ## formatting, lints, schemas
	$(CARGO) fmt --all --check
	$(CARGO) clippy --quiet --workspace --all-targets -- -D warnings
	$(MAKE) --no-print-directory build
	$(FINEGRAIN) schemas --check

kill-test: build tests/.python/ready ## kill -9 a default run at random moments, then compare with an undisturbed one
	$(PYTHON) scripts/kill_test.py

test-browser: build ## reports and the annotation page in headless Chromium; installs Debian's chromium if it is not there
	@command -v chromium >/dev/null && command -v chromedriver >/dev/null || apt-get install -y --no-install-recommends chromium chromium-driver
	BROWSER_TESTS=required $(CARGO) test --quiet --workspace --test browser --test sxs -- --nocapture

test-vlm-server: build tests/.python/ready ## synth-feedback against a real llama-server with a random vision projector
	$(PYTHON) scripts/vlm_server_test.py

fault-test: build tests/.python/ready ## 20,000 questions to a faulty VLM, killed ten times; then every answer is checked
	$(PYTHON) scripts/fault_test.py

bench-client: build ## CPU and throughput of asking a VLM, beside Python's clients and wrk
	$(CARGO) build --quiet --workspace --examples
	$(PYTHON) scripts/bench_vlm_client.py $(ARGS)

bucket-report: setup ## accuracy of the buckets on DSG's questions, into crates/vq2-parse/docs/buckets.md; needs DSG_DATA
	@$(CARGO) build --quiet --workspace --example bucket_accuracy
	DSG_BUCKETS=$(DSG_DATA)/buckets_dev.tsv target/debug/examples/bucket_accuracy > crates/vq2-parse/docs/buckets.md.new
	mv crates/vq2-parse/docs/buckets.md.new crates/vq2-parse/docs/buckets.md

bench-buckets: build tests/.python-bench/ready ## buckets beside spaCy 3.8: speed, and accuracy if DSG_DATA is set
	@$(CARGO) build --quiet --workspace --example classify_questions
	tests/.python-bench/bin/python scripts/bench_buckets.py $(ARGS)

bench-templates: build ## template questions of up to a million prompts: speed and memory
	$(PYTHON) scripts/bench_templates.py

bench-evaluate: build tests/.python-bench/ready ## the clustered bootstrap beside scikit-learn and numpy; memory of ten million predictions
	@$(CARGO) build --quiet --workspace --examples
	tests/.python-bench/bin/python scripts/bench_evaluate.py target/debug/examples/bootstrap_aucs $(ARGS)
	rm -rf data/many-predictions
	target/debug/examples/many_predictions write data/many-predictions 1000 10000
	target/debug/examples/many_predictions run data/many-predictions

tests/.python-bench/ready: tests/requirements-bench.txt
	$(PYTHON) -m venv tests/.python-bench
	tests/.python-bench/bin/pip install --quiet --disable-pip-version-check -r tests/requirements-bench.txt
	touch $@

fuzz: setup ## any text, for minutes: PROPTEST_CASES (200000) cases of each kind
	PROPTEST_CASES=$${PROPTEST_CASES:-200000} $(CARGO) test --workspace --lib -- template::cases::fuzz

template-report: setup ## recall and precision of template questions, into crates/vq2-parse/docs/templates.md; needs DSG_DATA
	@$(CARGO) build --quiet --workspace --example template_recall
	DSG_DATA=$(DSG_DATA) target/debug/examples/template_recall > crates/vq2-parse/docs/templates.md.new
	mv crates/vq2-parse/docs/templates.md.new crates/vq2-parse/docs/templates.md

bench-embed: build ## embedding beside transformers and Pillow; CLIP=folder of a ViT-L/14 (scripts/bench_embed.py)
	$(PYTHON) scripts/bench_embed.py $(CLIP) $(ARGS)

paper-shape: setup ## the paper's sweep at full size on random embeddings: time and memory
	$(CARGO) test --quiet --workspace --lib -- --ignored --nocapture the_paper_s_setting

# What the notebooks read tables with; used by the tests only.
tests/.python/ready: tests/requirements.txt
	PIP_ROOT_USER_ACTION=ignore $(PYTHON) -m pip install --quiet --disable-pip-version-check --no-warn-conflicts --upgrade --target tests/.python -r tests/requirements.txt
	touch $@

advice-check: build ## budget advice beside what its arms really reach, in demo worlds: minutes
	$(PYTHON) scripts/advice_check.py $${SCRATCH:-data/advice-check}

bench-train: build ## the sweep engine beside PyTorch and JAX; PEERS=a Python that has them (scripts/bench_train.py)
	$(CARGO) build --quiet --workspace --examples
	$(PYTHON) scripts/bench_train.py $(ARGS)
