# Every target does its own set-up: on a fresh machine with Python 3.11 and pip, `make demo` and `make test` just work.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

# Processes share the cores: one thread each keeps them from fighting over them.
PYTEST := OMP_NUM_THREADS=1 $(BIN)/pytest

.PHONY: demo test test-slow bench docs lint clean

demo: $(STAMP)
	$(BIN)/pofx report digits -o out/demo/report.html --max-minutes 2.5

test: lint
	$(PYTEST) -n auto --dist worksteal -m "not slow"

test-slow: $(STAMP)
	$(PYTEST) -n auto --dist worksteal -m slow

# The loop's overhead, the loading and the recurrent training need no data; the figures on other images take about
# a day and ../shared/data.
bench: $(STAMP)
	$(BIN)/python benchmarks/loop_overhead.py
	$(BIN)/python benchmarks/loading.py
	$(BIN)/pip install -q -e ".[bench]"
	for arm in trainer likelihood; do $(BIN)/python benchmarks/training.py --arm $$arm || exit 1; done
	$(BIN)/python benchmarks/bounds.py
	for arm in baselines mlp convolutional iwae flow vamp mixture residual residual_flow; do \
		$(BIN)/python benchmarks/variational.py binarized_mnist --arm $$arm || exit 1; done
	for arm in baselines convolutional; do $(BIN)/python benchmarks/variational.py mnist --arm $$arm || exit 1; done
	for data in mnist fashion_mnist; do for arm in model mean_difference logistic orthogonal refined; do \
		$(BIN)/python benchmarks/editing.py $$data --arm $$arm || exit 1; done; done
	for arm in model vae raw pca autoencoder random; do $(BIN)/python benchmarks/latents.py mnist --arm $$arm || exit 1; done
	for arm in beta_1 beta_4 pca; do $(BIN)/python benchmarks/disentanglement.py --arm $$arm || exit 1; done
	$(BIN)/python benchmarks/recurrent_training.py
	for arm in pixelcnn row_lstm diagonal_bilstm ties; do $(BIN)/python benchmarks/sampling.py --arm $$arm || exit 1; done
	for arm in baselines pixelcnn reference row_lstm diagonal_bilstm; do \
		$(BIN)/python benchmarks/autoregressive.py binarized_mnist --arm $$arm || exit 1; done
	for arm in baselines pixelcnn; do $(BIN)/python benchmarks/autoregressive.py mnist --arm $$arm || exit 1; done
	for seed in 0 1 2; do for arm in relativistic dcgan; do \
		$(BIN)/python benchmarks/adversarial.py --arm $$arm --seed $$seed || exit 1; done; done
	for arm in real stacked stacked_real; do $(BIN)/python benchmarks/adversarial.py --arm $$arm --minutes 15 || exit 1; done
	for law in ring grid; do for arm in relativistic minimax; do for seed in 0 1 2; do \
		$(BIN)/python benchmarks/gaussian_modes.py $$law --arm $$arm --seed $$seed || exit 1; done; done; done
	for data in fashion_to_mnist mnist_to_fashion; do for seed in 0 1 2; do for arm in floors pixelcnn vae gan; do \
		$(BIN)/python benchmarks/outliers.py $$data --arm $$arm --seed $$seed || exit 1; done; done; done
	for digit in 0 1 2 3 4 5 6 7 8 9; do $(BIN)/python benchmarks/outliers.py one_class_mnist --arm floors --part $$digit && \
		$(BIN)/python benchmarks/outliers.py one_class_mnist --arm vae --part $$digit --minutes 2 --levels 2 \
		--set latent_dim=16 || exit 1; done
	$(BIN)/python benchmarks/outliers.py magnetic --arm floors
	for tile in "" "--tile 32"; do $(BIN)/python benchmarks/outliers.py magnetic --arm vae $$tile || exit 1; done
	for class in 0 1 2 3 4 5 6 7 8 9; do for arm in floors vae; do \
		$(BIN)/python benchmarks/outliers.py cifar --arm $$arm --part $$class || exit 1; done; done
	for data in false_alarms hostile; do $(BIN)/python benchmarks/outliers.py $$data --arm vae || exit 1; done
	for share in 0.01 0.05; do $(BIN)/python benchmarks/outliers.py contamination --arm vae --share $$share || exit 1; done
	for data in mnist fashion_mnist cifar10_subset; do for seed in 0 1 2; do \
		for arm in raw pca autoencoder random vae gan pixelcnn; do \
		$(BIN)/python benchmarks/features.py --data $$data --arm $$arm --seed $$seed || exit 1; done; done; done
	for levels in 2 256; do for arm in mean neighbour truth vae pixelcnn gan; do \
		$(BIN)/python benchmarks/completion.py --arm $$arm --levels $$levels --minutes 30 || exit 1; done; done
	$(BIN)/python benchmarks/completion.py --arm pixelcnn --levels 2 --set conditional=True --minutes 60
	$(BIN)/python benchmarks/completion.py --arm pixelrnn --levels 2 --set conditional=True --minutes 60
	for arm in halves inverted mirrored darker; do \
		$(BIN)/python benchmarks/comparison.py digits --arm $$arm || exit 1; done
	for labels in "" "--labels 600"; do for arm in logistic vae; do \
		$(BIN)/python benchmarks/classification.py --arm $$arm $$labels || exit 1; done; done

# The same that a test builds: any warning is an error.
docs: $(STAMP)
	$(BIN)/python docs/write_benchmarks.py
	$(BIN)/python -m sphinx -q -W docs out/site

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# torch goes first, by its exact version: a bare range lets pip choose a build with gigabytes of accelerator libraries.
$(STAMP): pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -c "import torch" 2>/dev/null || $(BIN)/pip install -q torch==2.13.0
	$(BIN)/pip install -q -e ".[dev]"
	touch $(STAMP)

clean:
	rm -rf $(VENV) out
