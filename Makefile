# Everything is one word. `make demo` and `make test` are all a newcomer needs.
CARGO ?= cargo
DEMO_SECONDS ?= 60
DEMO_PROTOCOL ?= 222
FUZZ_SECONDS ?= 60
SOAK_DAYS ?= 50
FAULTS ?= 1000000
export DEMO_SECONDS SOAK_DAYS

.PHONY: help demo test lint unit sim daemon peers soak faults bench fuzz deb package-check vm-test deps clean

help:
	@echo 'make demo    a depot and a platform in software; watch buses charge ($(DEMO_SECONDS) s)'
	@echo 'make test    everything that CI runs'
	@echo 'make soak    $(SOAK_DAYS) simulated depot days, new seeds each time'
	@echo 'make deb     the Debian packages, into target/debian/'
	@echo 'make fuzz    every decoder, $(FUZZ_SECONDS) s each'
	@echo 'make faults  $(FAULTS) faults of devices on a line; not one wrong value'
	@echo 'make vm-test the packages in a virtual machine: systemd, SocketCAN, power cuts'
	@echo 'make bench   decoders and lines beside the programs of others'

demo: deps
	$(CARGO) build --release --bins
	@target/release/depotsim demo --seconds $(DEMO_SECONDS) --protocol $(DEMO_PROTOCOL)

test: deps lint unit sim daemon peers package-check

lint:
	$(CARGO) fmt --check
	$(CARGO) clippy --all-targets --quiet -- -D warnings

# Pure parts, vectors, tidy: quick to build, with overflow checks.
unit:
	$(CARGO) test --lib --test tidy --test vectors --test link --test ykc16 --test can --test osdp --test modbus --test readers --test profiles --test packaging

# Depot days on a virtual clock against the reference model.
sim:
	$(CARGO) test --profile sim --test sim

# The built binaries over pseudo-terminals and TCP, killed and restarted.
daemon:
	$(CARGO) test --profile sim --test daemon

# Slaves that others wrote, pymodbus and libosdp, at the daemon's own loop. Left out, aloud, where their packages cannot
# be had; CI says PEERS=required.
peers: deps
	@if packaging/python.sh target/peers tests/peers/requirements.txt >/dev/null; then \
	    $(CARGO) test --profile sim --test peers; \
	elif [ "$(PEERS)" = required ]; then \
	    echo 'make peers: the Python packages cannot be had' >&2; exit 69; \
	else \
	    echo 'make peers: LEFT OUT, because the Python packages of tests/peers/requirements.txt cannot be had'; \
	fi

soak: deps
	SOAK=1 $(CARGO) test --profile sim --test sim soak -- --nocapture

# Late, doubled, damaged, cut and foreign answers, a hundred or more in each case; `make unit` runs 256 cases.
faults: deps
	PROPTEST_CASES=$$(($(FAULTS) / 100)) $(CARGO) test --profile sim --lib bus::tests::stale

fuzz: deps
	packaging/fuzz.sh $(FUZZ_SECONDS)

# Speed as paired ratios, beside cantools, python-can, libmodbus, pymodbus and tokio-modbus where they can be installed.
bench: deps
	packaging/bench.sh

# The Debian packages depotd and depotd-sim, the same bytes from every build; ARCH=arm64 crosses over.
deb: deps
	packaging/deb.sh $(ARCH)

# lintian, exposure of the unit, manual pages, sizes and contents.
package-check: deb
	packaging/check.sh $(ARCH)

# The packages in a virtual machine with systemd, serial lines and SocketCAN; VM="--cuts 25 --only WORD" chooses.
vm-test: deb
	packaging/vm.sh $(VM)

# Debian packages that the build needs; says what it does.
deps:
	@packaging/build-deps.sh

clean:
	$(CARGO) clean
