# Each target prepares what it needs, once (scripts/env).
.DEFAULT_GOAL := help
.PHONY: help demo test bench lint clean

help:
	@echo 'make demo   pictures in, layered amodal masks out, on a real ROS 2 graph'
	@echo 'make test   linters and tests'
	@echo 'make bench  time and memory of the node path and of a scene; scenes a second of the engine'
	@echo 'make lint   linters alone'
	@echo 'make clean  remove what the other targets prepared'

demo:
	scripts/env python scripts/demo.py

test: lint
	scripts/env python -m pytest -c .ci/pytest.ini --rootdir . -q --durations 5 test

bench:
	scripts/env python scripts/bench.py
	scripts/env python -m scripts.bench_segmenter
	scripts/env python -m scripts.bench_engine

lint:
	scripts/env python scripts/lint.py

clean:
	rm -rf .env .ws out/demo
