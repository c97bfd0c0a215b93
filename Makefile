# Everything is one word. `make demo` and `make test` are all a newcomer needs.
CARGO ?= cargo
DEMO_SECONDS ?= 60
DEMO_PROTOCOL ?= 222
FUZZ_SECONDS ?= 60
SOAK_DAYS ?= 50
export DEMO_SECONDS SOAK_DAYS

.PHONY: help demo test lint unit sim daemon soak bench fuzz deb package-check deps clean

help:
	@echo 'make demo    a depot and a platform in software; watch buses charge ($(DEMO_SECONDS) s)'
	@echo 'make test    everything that CI runs'
	@echo 'make soak    $(SOAK_DAYS) simulated depot days, new seeds each time'
	@echo 'make deb     the Debian packages, into target/debian/'
	@echo 'make fuzz    every decoder, $(FUZZ_SECONDS) s each'

demo: deps
	$(CARGO) build --release --bins
	@target/release/depotsim demo --seconds $(DEMO_SECONDS) --protocol $(DEMO_PROTOCOL)

test: deps lint unit sim daemon package-check

lint:
	$(CARGO) fmt --check
	$(CARGO) clippy --all-targets --quiet -- -D warnings

# Pure parts, vectors, tidy: quick to build, with overflow checks.
unit:
	$(CARGO) test --lib --test tidy --test vectors --test link --test ykc16 --test osdp --test modbus --test readers --test profiles --test packaging

# Depot days on a virtual clock against the reference model.
sim:
	$(CARGO) test --profile sim --test sim

# The built binaries over pseudo-terminals and TCP, killed and restarted.
daemon:
	$(CARGO) test --profile sim --test daemon

soak: deps
	SOAK=1 $(CARGO) test --profile sim --test sim soak -- --nocapture

fuzz: deps
	packaging/fuzz.sh $(FUZZ_SECONDS)

# The Debian packages depotd and depotd-sim, the same bytes from every build; ARCH=arm64 crosses over.
deb: deps
	packaging/deb.sh $(ARCH)

# lintian, exposure of the unit, manual pages, sizes and contents.
package-check: deb
	packaging/check.sh $(ARCH)

# Debian packages that the build needs; says what it does.
deps:
	@packaging/build-deps.sh

clean:
	$(CARGO) clean
