# Facade over CMake: `make demo` and `make check` work on a fresh machine.
PRESET ?= dev
JOBS ?= $(shell nproc)
PREFIX ?= /usr/local
BUILD := build/$(PRESET)

.PHONY: demo check build configure deps install clean help

help:
	@echo "make demo     install packages, build, search and train a small network (no download)"
	@echo "make check    install packages, build, run the default tests"
	@echo "make build    build only             (PRESET=dev|release|asan|coverage, JOBS=n)"
	@echo "make install  build without tests, install to PREFIX ($(PREFIX))"
	@echo "make clean    remove build/"

deps:
	third_party/install.sh

configure: deps
	cmake --preset $(PRESET) $(CMAKE_ARGS)

build: configure
	cmake --build $(BUILD) -j $(JOBS)

demo:
	$(MAKE) build PRESET=release
	build/release/bin/deneb run pipelines/demo/digits.json
	@echo "The program is $(CURDIR)/build/release/bin/deneb; make install puts it into $(PREFIX)/bin."

check: build
	ctest --test-dir $(BUILD) -j $(JOBS) --output-on-failure -LE 'slow|browser' $(CTEST_ARGS)

install:
	$(MAKE) build PRESET=release
	cmake --install build/release --prefix $(PREFIX)

clean:
	rm -rf build
