# Everything that is done with this repository, one word each: `make help`.
#
# Each check says in one line what is missing before anything long starts. Nothing is installed when nothing is
# missing, and then no root is needed either.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

TARGET := $(or $(CARGO_TARGET_DIR),target)
# What only the checks need: outside the checkout, so that a new clone does not build or fetch it again. Root's is where
# others may read too: PostgreSQL's servers do not run as root, and root's home is closed to them.
TOOLS := $(if $(filter 0,$(shell id -u)),/var/cache,$(or $(XDG_CACHE_HOME),$(HOME)/.cache))/pgbelay-tools
# Where rustup puts Cargo, for shells that were open before it was installed.
export PATH := $(PATH):$(HOME)/.cargo/bin:$(TOOLS)/bin

# The major versions of PostgreSQL of `make test-versions`, where it looks for tests called versions…, and the tests that
# it runs, too, where the version's own pg_dump is there.
VERSIONS := 12 14 16 17 18
VERSION_TESTS := --lib --test truth --test work
DUMP_TESTS := backups:: backup_methods:: backup_commands:: restoring:: sealing:: touched:: rehearsing::
# What `make bench-analysis` compares with.
SQUAWK_VERSION := 2.70.0
SQUAWK := $(TOOLS)/squawk-$(SQUAWK_VERSION)

# What must run, by the Debian packages that have it. libclang is for the parser of PostgreSQL's grammar, which makes
# its bindings when it is built (the library alone does not do: the bindings need Clang's own headers); the C compiler is
# for that parser, for SQLite and for linking. REGISTRIES is set for what fetches from other package registries.
define FIND_MISSING
missing=(); \
there() { local file; for file; do [ ! -e "$$file" ] || return 0; done; return 1; }; \
has() { command -v "$$1" >/dev/null || there /usr/lib/postgresql/*/bin/"$$1"; }; \
for program in initdb postgres pg_ctl; do has $$program || { missing+=(postgresql); break; }; done; \
for program in psql pg_dump pg_restore; do has $$program || { missing+=(postgresql-client); break; }; done; \
[ -n "$${LIBCLANG_PATH:-}" ] || { \
	there /usr/lib/llvm-*/lib/libclang{.so,-[0-9]}* /usr/lib{,64,/*}/libclang{.so,-[0-9]*.so}* && \
	there /usr/lib/llvm-*/lib/clang/*/include/stddef.h /usr/lib{,64}/clang/*/include/stddef.h; \
} || missing+=(libclang-dev); \
has cc && there /usr/include/stdio.h || missing+=(gcc libc6-dev); \
[ -z "$(filter python,$(REGISTRIES))" ] || python3 -m pip --version >/dev/null 2>&1 || missing+=(python3-pip); \
[ -z "$(filter npm,$(REGISTRIES))" ] || has npm || missing+=(npm)
endef

# What `make test-adopt` moves from: tests/tools.sh knows their versions.
MIGRATION_TOOLS := dbmate liquibase sqlx refinery diesel alembic sqitch
# What `make bench` compares with.
BENCH_TOOLS := dbmate liquibase sqlx refinery diesel

.PHONY: help demo test sim test-truth test-large test-crash test-versions test-adopt lint format deny bench bench-locks bench-backup bench-analysis bench-fleet fuzz setup toolchain

help: ## list what there is to make
	@sed -nE 's/^([a-z-]+):[^#]*## (.*)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 24

demo: setup ## watch a migration go from staging to production and back, on a throwaway fleet
	@echo "pgbelay: building (a few minutes the first time)"
	@cargo build --workspace --bins
	@$(TARGET)/debug/pgbelay dev --example

test: setup ## run every test: unit, property, story, end to end
	@cargo build --quiet --workspace --bins
	@# Most of the time the end-to-end tests wait for processes: more of them at once than there are cores.
	@RUST_TEST_THREADS=4 cargo test --quiet --workspace --no-fail-fast

sim: setup ## play SEEDS (default 20000) histories of a simulated fleet, from FROM on; SEED=n plays and prints one
	@PGBELAY_SIM_SEEDS=$(or $(SEEDS),20000) PGBELAY_SIM_FROM=$(or $(FROM),0) $(if $(SEED),PGBELAY_SIM_SEED=$(SEED)) \
		cargo test --quiet -p pgbelay-controller --test sim -- --nocapture $(if $(SEED),invariant)

test-truth: setup ## compare what the analysis says of every statement with what a server does
	@cargo test --quiet -p pgbelay-tests --test truth -- --nocapture

test-large: setup ## back up, verify and restore a database of 2 GiB, and compare every table; prints the times
	@cargo build --quiet --workspace --bins
	@PGBELAY_LARGE_SCALE=$(or $(SCALE),150) cargo test --quiet -p pgbelay-tests --test e2e large:: -- --nocapture

test-crash: setup ## kill each process at each point of each kind of step; prints the matrix
	@cargo build --quiet --workspace --bins
	@RUST_TEST_THREADS=3 cargo test --quiet -p pgbelay-tests --test crash -- --nocapture

test-versions: REGISTRIES := python npm
test-versions: setup ## run what depends on PostgreSQL's version against each major version, 12 to 18
	@tests/servers.sh $(TOOLS)/postgres $(VERSIONS)
	@failed=; \
	for version in $(VERSIONS); do \
		echo "pgbelay: PostgreSQL $$version"; \
		server=$(TOOLS)/postgres/$$version tests=versions; \
		[ ! -x $$server/bin/pg_dump ] || tests+=" $(DUMP_TESTS)"; \
		PGBELAY_TEST_POSTGRES=$$server cargo test --quiet --workspace --no-fail-fast $(VERSION_TESTS) -- $$tests || \
			failed+=" $$version"; \
	done; \
	[ -z "$$failed" ] || { echo "pgbelay: failed with PostgreSQL$$failed" >&2; exit 1; }

test-adopt: REGISTRIES := python npm
test-adopt: setup ## let other migration tools apply migrations, adopt their history and go on
	@tests/tools.sh $(TOOLS) $(MIGRATION_TOOLS)
	@cargo build --quiet --workspace --bins
	@PATH=$(TOOLS)/bin:$$PATH RUST_TEST_THREADS=4 \
		cargo test --quiet -p pgbelay-tests --features adopt --test adopt

lint: toolchain ## check format, lints, documentation, licences and duplicates
	@cargo fmt --version >/dev/null 2>&1 && cargo clippy --version >/dev/null 2>&1 || \
		{ echo "pgbelay: rustfmt or clippy is missing: run rustup component add rustfmt clippy" >&2; exit 1; }
	@cargo fmt --all --check
	@cargo clippy --quiet --workspace --all-targets --features pgbelay-tests/adopt -- -D warnings
	@RUSTDOCFLAGS=-Dwarnings cargo doc --quiet --workspace --no-deps
	@$(MAKE) deny

format: toolchain ## format the sources
	@cargo fmt --all

# Advisories are not among the checks: they need a database from the network that changes from day to day, so the same
# commit would pass today and fail tomorrow. Run `cargo deny check advisories` before a release.
deny: toolchain ## check licences, duplicates and sources of dependencies
	@command -v cargo-deny >/dev/null || { \
		echo "pgbelay: building cargo-deny into $(TOOLS) (a few minutes, once)"; \
		cargo install --quiet --locked --root $(TOOLS) --version '^0.20' cargo-deny; }
	@cargo deny --log-level error check --hide-inclusion-graph bans licenses sources

bench: REGISTRIES := npm
bench: setup ## measure many small migrations through pgbelay, beside psql and other migration tools
	@tests/tools.sh $(TOOLS) $(BENCH_TOOLS)
	@PATH=$(TOOLS)/bin:$$PATH cargo bench --quiet -p pgbelay-tests --bench migrations

bench-locks: setup ## measure how long an application waits while migrations wait for their locks
	@cargo bench --quiet -p pgbelay-tests --bench locks

bench-backup: REGISTRIES := python
bench-backup: setup ## measure backups beside bare pg_dump, of PostgreSQL 16
	@tests/servers.sh $(TOOLS)/postgres 16
	@PGBELAY_TEST_POSTGRES=$(TOOLS)/postgres/16 cargo bench --quiet -p pgbelay-tests --bench backups

bench-analysis: REGISTRIES := python
bench-analysis: setup ## measure pgbelay lint on many statements beside squawk
	@[ -x $(SQUAWK)/bin/squawk ] || { \
		echo "pgbelay: fetching squawk $(SQUAWK_VERSION)"; \
		python3 -m pip install --quiet --disable-pip-version-check --root-user-action=ignore --no-deps \
			--only-binary :all: --target $(SQUAWK) squawk-cli==$(SQUAWK_VERSION); }
	@PATH=$(SQUAWK)/bin:$$PATH cargo bench --quiet -p pgbelay-tests --bench analysis

bench-fleet: setup ## measure a controller with AGENTS (default 10000) agents, and its start from EVENTS (default 1000000)
	@cargo bench --quiet -p pgbelay-controller --bench fleet -- $(or $(AGENTS),10000) $(or $(EVENTS),1000000)

fuzz: setup ## look for texts that the analysis cannot take, for FUZZ_SECONDS (default 300)
	@cargo run --quiet --release -p pgbelay-analysis --example fuzz -- $(or $(FUZZ_SECONDS),300)

setup: toolchain ## install what is missing: PostgreSQL, libclang, a C compiler
	@$(FIND_MISSING); \
	[ $${#missing[@]} -gt 0 ] || exit 0; \
	fail() { echo "pgbelay: $$*" >&2; exit 1; }; \
	need="not found: what the Debian packages $${missing[*]} have"; \
	command -v apt-get >/dev/null || fail "$$need, and no apt-get to install them: install them in your system's way"; \
	as_root=(); \
	if [ "$$(id -u)" != 0 ]; then \
		command -v sudo >/dev/null || fail "$$need: as root, run apt-get install $${missing[*]}"; \
		as_root=(sudo); \
	fi; \
	echo "pgbelay: installing $${missing[*]}"; \
	log=$$(mktemp); trap 'rm -f "$$log"' EXIT; \
	install=(env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=120); \
	{ "$${as_root[@]}" "$${install[@]}" update && \
		"$${as_root[@]}" "$${install[@]}" install -y --no-install-recommends "$${missing[@]}"; } >"$$log" 2>&1 || \
		{ echo "pgbelay: apt-get could not install $${missing[*]}; it said:" >&2; tail -n 15 "$$log" >&2; exit 1; }; \
	$(FIND_MISSING); \
	[ $${#missing[@]} -eq 0 ] || fail "installed, and still not found: $${missing[*]}"

toolchain:
	@fail() { echo "pgbelay: $$*" >&2; exit 1; }; \
	command -v cargo >/dev/null || fail "cargo not found: install Rust from https://rustup.rs"; \
	wanted=$$(sed -nE 's/^rust-version = "(.*)"/\1/p' Cargo.toml); \
	found=$$(rustc --version | cut -d ' ' -f 2) || fail "rustc does not run: install Rust from https://rustup.rs"; \
	printf '%s\n' "$$wanted" "$${found%%-*}" | sort -C -V || \
		fail "Rust $$wanted or newer is needed, and $$found is here: run rustup update"
