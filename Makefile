# Troupe: daemon and tool. `make help` lists what can be made.
#
# A source file is picked up by where it is: src/base sched config vm src (each folder a static archive, src without the
# two programs' main files), vm/lua (compiled to bytecode), config/init (what `troupe init` writes), tests/{unit,stress,fuzz}.
# No file is named here.
#
# VARIANT=release|tiny|asan|tsan|valgrind|det|fuzz   objects in build/obj/VARIANT; programs in build/, of others in build/VARIANT/
# LUAJIT=own|system   own: built by scripts/build-luajit (default); system: Debian's, without preemption of compiled loops
# LTO=                no link-time optimisation of the programs (release builds with gcc have it)
# JOBS=N              compile and test N at a time (default: processors)
# ONLY=TEXT           check*: only tests whose name contains TEXT
# PREFIX, SYSCONFDIR, DESTDIR   for install

VERSION := 0.1.0

VARIANT    ?= release
LUAJIT     ?= own
LTO        ?= $(if $(filter release,$(VARIANT)),1)
JOBS       ?= $(shell nproc)
ONLY       ?=
PREFIX     ?= /usr/local
SYSCONFDIR ?= /etc

B := build
# Another LuaJIT has other bytecode and another ABI: nothing of the two builds is shared.
SUFFIX := $(if $(filter system,$(LUAJIT)),-system)
program_dir = $(if $(filter release,$(1)),$(B),$(B)/$(1))
V := $(VARIANT)$(SUFFIX)
O := $(B)/obj/$(V)
P := $(call program_dir,$(V))
T := $(P)/tests

# --- compiler -------------------------------------------------------------------------------------------------------

ifeq ($(origin CC),default)
CC := $(if $(filter asan tsan fuzz det,$(VARIANT)),clang,gcc)
endif
PKG_CONFIG ?= pkg-config

SANITIZE := -O1 -fno-omit-frame-pointer
CPPFLAGS.release := -DNDEBUG -DTROUPE_JEMALLOC
CPPFLAGS.tiny    := -DTROUPE_TINY=1
CPPFLAGS.asan    := -DTROUPE_FAULT=1
CPPFLAGS.det     := -DTROUPE_DET=1
CFLAGS.release   := -O2 -fno-plt
CFLAGS.tiny      := -O2
CFLAGS.asan      := $(SANITIZE) -fsanitize=address,undefined -fno-sanitize-recover=undefined
CFLAGS.tsan      := $(SANITIZE) -fsanitize=thread
CFLAGS.fuzz      := $(SANITIZE) -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined
CFLAGS.valgrind  := -O1
CFLAGS.det       = $(CFLAGS.asan)
ifeq ($(CFLAGS.$(VARIANT)),)
$(error VARIANT=$(VARIANT): unknown; one of release, tiny, asan, tsan, valgrind, det, fuzz)
endif

WARNINGS := -Wall -Wextra -Wshadow -Wundef -Werror -Wno-unused-parameter
# _GNU_SOURCE is empty, so that a file that defines it itself does not redefine it.
CPPFLAGS_ALL = -D_GNU_SOURCE= -DTROUPE_VERSION='"$(VERSION)"' $(CPPFLAGS.$(VARIANT)) \
    -I. -Isrc -Itests -I$(B)/gen $(LUAJIT_CFLAGS) $(PKG_CFLAGS) $(CPPFLAGS)
CFLAGS_ALL  = -std=gnu11 -g -pthread $(CFLAGS.$(VARIANT)) $(LTO_CFLAGS) $(WARNINGS) $(CFLAGS)
LDFLAGS_ALL = -pthread $(CFLAGS.$(VARIANT)) -Wl,--as-needed $(LDFLAGS)
# Objects carry ordinary code beside what link-time optimisation needs: the programs are optimised as a whole, with the
# C API of LuaJIT inlined, and tests are linked in no time.
LTO_CFLAGS := $(if $(LTO),$(if $(findstring clang,$(CC)),,-flto=auto -ffat-lto-objects))
AR := $(if $(LTO_CFLAGS),gcc-ar,ar)

# Asked for once a run, and only when something is compiled: `make check` installs the packages first.
PKGS       := yaml-0.1 jansson nettle uuid glib-2.0 libmicrohttpd ncursesw libsystemd
PKG_CFLAGS  = $(eval PKG_CFLAGS := $$(call pkg_config,--cflags-only-I))$(PKG_CFLAGS)
PKG_LIBS    = $(eval PKG_LIBS := $$(call pkg_config,--libs))$(PKG_LIBS)
pkg_config  = $(or $(shell $(PKG_CONFIG) $(1) $(PKGS) | sed 's/-I/-isystem /g'),$(error packages are missing; \
    run: scripts/setup build $(SETUP_LUAJIT)))

ifeq ($(LUAJIT),system)
LUAJIT_STAMP   :=
LUAJIT_BIN     := luajit
PKGS           += luajit
SETUP_LUAJIT   := luajit
else
LUAJIT_STAMP   := $(B)/luajit/.stamp
LUAJIT_BIN     := $(B)/luajit/bin/luajit
LUAJIT_CFLAGS  := -isystem $(B)/luajit/include
LUAJIT_LIBS    := $(B)/luajit/lib/libluajit.a
endif

# Memory checkers bring their own malloc.
JEMALLOC := $(if $(filter asan tsan valgrind fuzz det,$(VARIANT)),,-l:libjemalloc_pic.a)
LIBS = $(LUAJIT_LIBS) -lev $(JEMALLOC) $(PKG_LIBS) -lm -ldl

# --- sources --------------------------------------------------------------------------------------------------------

MAINS    := src/trouped.c src/troupe.c
PROGRAMS := $(patsubst src/%.c,$(P)/%,$(wildcard $(MAINS)))
PRELUDE  := $(sort $(wildcard vm/lua/*.lua))
SKELETON := $(sort $(wildcard config/init/*))

SRC.base   := $(wildcard src/base/*.c)
SRC.sched  := $(wildcard sched/*.c)
SRC.config := $(wildcard config/*.c)
SRC.vm     := $(wildcard vm/*.c)
SRC.app    := $(filter-out $(MAINS),$(wildcard src/*.c))
# What tests share, except the two files there that have a main.
SRC.support := $(filter-out tests/support/inproc.c tests/support/replay.c,$(wildcard tests/support/*.c))
# In link order: an archive comes after those that call it.
PARTS      := app vm config sched base
ARCHIVES   := $(PARTS:%=$(O)/lib%.a)

# ThreadSanitizer cannot follow LuaJIT's machine code: only what runs without Lua.
TEST_NAMES := $(if $(filter tsan tiny,$(VARIANT)),test_sched_* test_base_*,test_*)
UNIT_TESTS   := $(patsubst tests/unit/%.c,$(T)/%,$(wildcard $(TEST_NAMES:%=tests/unit/%.c)))
STRESS_TESTS := $(patsubst tests/stress/%.c,$(T)/stress/%,$(wildcard $(TEST_NAMES:%=tests/stress/%.c)))
# A fuzz target is linked with libFuzzer in the fuzz variant, in the others with a main that replays its corpus.
FUZZ_TARGETS := $(patsubst tests/fuzz/%.c,$(T)/fuzz/%,$(wildcard $(if $(filter-out tsan tiny,$(VARIANT)),tests/fuzz/fuzz_*.c)))

MICRO := $(patsubst %.c,$(P)/%,$(wildcard bench/micro/*.c))

C_FILES := $(wildcard src/*.[ch] src/base/*.[ch] sched/*.[ch] config/*.[ch] vm/*.[ch] tests/*/*.[ch] bench/*/*.[ch])

.PHONY: all
all: $(PROGRAMS) docs ## build the programs, build/trouped and build/troupe, manual pages and completions (default)

.PHONY: demo
demo: ## set everything up, build, and run the worker pool example in the daemon
	@scripts/setup build $(SETUP_LUAJIT)
	@$(MAKE) --no-print-directory $(PARALLEL) all
	@scripts/demo $(P)

# --- rules ----------------------------------------------------------------------------------------------------------

# Files written only when their text changes, so that what is made with other flags or from other files is made again.
define keep_text
@mkdir -p $(@D)
@printf '%s\n' '$(subst ','\'',$(1))' >$@.$$$$ && { cmp -s $@.$$$$ $@ && rm $@.$$$$ || mv $@.$$$$ $@; }
endef

.PHONY: FORCE
FLAGS_FILE := $(O)/flags
$(FLAGS_FILE): FORCE
	$(call keep_text,$(CC) $(CPPFLAGS_ALL) $(CFLAGS_ALL) $(LDFLAGS_ALL) $(LIBS))

$(B)/luajit/.stamp: scripts/build-luajit $(wildcard scripts/luajit/*)
	@scripts/build-luajit

$(O)/%.o: %.c $(FLAGS_FILE) | $(LUAJIT_STAMP)
	@mkdir -p $(@D)
	@echo "  CC    $< [$(V)]"
	@$(CC) $(CPPFLAGS_ALL) $(CFLAGS_ALL) -MMD -MP -c $< -o $@

$(O)/prelude.c: $(PRELUDE) scripts/embed-lua $(O)/prelude.list $(LUAJIT_STAMP)
	@echo "  LUA   $@"
	@$(LUAJIT_BIN) scripts/embed-lua $@ $(PRELUDE)

$(O)/prelude.list: FORCE
	$(call keep_text,$(PRELUDE))

$(O)/prelude.o: $(O)/prelude.c vm/prelude.h $(FLAGS_FILE)
	@$(CC) $(CPPFLAGS_ALL) $(CFLAGS_ALL) -c $< -o $@

$(O)/skeleton.c: $(SKELETON) scripts/embed-text $(O)/skeleton.list $(LUAJIT_STAMP)
	@$(LUAJIT_BIN) scripts/embed-text $@ $(SKELETON)

$(O)/skeleton.list: FORCE
	$(call keep_text,$(SKELETON))

$(O)/skeleton.o: $(O)/skeleton.c src/skeleton.h $(FLAGS_FILE)
	@$(CC) $(CPPFLAGS_ALL) $(CFLAGS_ALL) -c $< -o $@

# What of each part is made from other files.
MADE.vm  := $(O)/prelude.o
MADE.app := $(O)/skeleton.o

objects = $(patsubst %.c,$(O)/%.o,$(SRC.$(1))) $(MADE.$(1))

define archive_rules
$(O)/lib$(1).a: $(call objects,$(1)) $(O)/lib$(1).list
	@rm -f $$@ && $(AR) rcs $$@ $(call objects,$(1))
$(O)/lib$(1).list: FORCE
	$$(call keep_text,$(call objects,$(1)))
endef
$(foreach part,$(PARTS) support,$(eval $(call archive_rules,$(part))))

define link
@mkdir -p $(@D)
@echo "  LINK  $@"
@$(CC) $(LDFLAGS_ALL) $(if $(and $(LTO_CFLAGS),$(filter $@,$(PROGRAMS) $(MICRO))),-flto=auto,-fno-lto) $(filter %.o,$^) -Wl,--start-group $(filter %.a,$^) -Wl,--end-group $(1) $(LIBS) -o $@
endef

$(PROGRAMS): $(P)/%: $(O)/src/%.o $(ARCHIVES)
	$(call link)

# Manual pages and completions are filled in from the tables that the programs know their options and fields by.
DOCS := $(patsubst man/%.in,$(P)/man/%,$(wildcard man/*.in)) \
    $(patsubst config/completion/%.in,$(P)/completion/%,$(wildcard config/completion/*.in))

LUACHECK_STD := $(P)/editor/troupe.luacheck.lua

.PHONY: docs
docs: $(DOCS) $(LUACHECK_STD)
$(LUACHECK_STD): scripts/luacheck-std vm/editor/troupe.d.lua $(PRELUDE) $(P)/troupe | $(LUAJIT_STAMP)
	@mkdir -p $(@D)
	@$(LUAJIT_BIN) scripts/luacheck-std $(P)/troupe vm/editor/troupe.d.lua vm/lua/test.lua $@
$(P)/man/%: man/%.in
	$(call from_tables)
$(P)/completion/%: config/completion/%.in
	$(call from_tables)
$(DOCS): $(O)/tables scripts/from-tables | $(LUAJIT_STAMP)

define from_tables
@mkdir -p $(@D)
@$(LUAJIT_BIN) scripts/from-tables $(O)/tables $< $@
endef

$(O)/tables: $(PROGRAMS)
	@for program in $(PROGRAMS); do $$program --dump-tables || exit 1; done >$@

.PHONY: micro
micro: $(MICRO) ## build the C microbenchmarks, build/bench/micro
$(MICRO): $(P)/%: $(O)/%.o $(ARCHIVES)
	$(call link)

# See the head of tests/support/inproc.c for why.
INPROC := $(if $(filter asan tsan valgrind,$(VARIANT)),$(O)/tests/support/inproc.o)

$(UNIT_TESTS): $(T)/%: $(O)/tests/unit/%.o $(INPROC)
	$(call link,-lcriterion)

$(STRESS_TESTS): $(T)/%: $(O)/tests/%.o $(INPROC)
	$(call link,-lcriterion)

$(FUZZ_TARGETS): $(T)/%: $(O)/tests/%.o $(if $(filter-out fuzz,$(VARIANT)),$(O)/tests/support/replay.o)
	$(call link,$(if $(filter fuzz,$(VARIANT)),-fsanitize=fuzzer))

# A test is linked with the parts it needs and no others: FILE:PART pairs.
TEST_PARTS := $(shell scripts/test-parts)
TEST_FILES := $(wildcard tests/unit/test_*.c tests/stress/test_*.c tests/fuzz/fuzz_*.c)
archives_of = $(foreach p,support $(PARTS),$(if $(filter $(1):$(p),$(TEST_PARTS)),$(O)/lib$(p).a))
$(foreach f,$(TEST_FILES),$(eval $(patsubst tests/%.c,$(T)/%,$(f:tests/unit/%=tests/%)): $(call archives_of,$(f))))

# Programs of tests/det are built in the variant det only.
$(T)/det/explore: $(patsubst %.c,$(O)/%.o,$(wildcard tests/det/*.c)) $(O)/libsched.a $(O)/libbase.a
	$(call link)

# Programs of tests/fault in the variant asan only.
FAULTS := $(if $(filter asan,$(VARIANT)),$(T)/fault/faults)
$(T)/fault/faults: $(patsubst %.c,$(O)/%.o,$(wildcard tests/fault/*.c)) $(ARCHIVES)
	$(call link)

.PHONY: tests fuzz-targets
tests: $(UNIT_TESTS) $(STRESS_TESTS) $(FUZZ_TARGETS) $(FAULTS)
fuzz-targets: $(FUZZ_TARGETS)

.SECONDARY:
.DELETE_ON_ERROR:
-include $(shell find $(O) -name '*.d' 2>/dev/null)

# --- tests ----------------------------------------------------------------------------------------------------------

# A make below this one shares its job server, or gets one.
PARALLEL = $(if $(filter -j% --jobserver%,$(MAKEFLAGS)),,-j$(JOBS))

# $(call checked,VARIANT,TARGETS,ARGUMENTS OF scripts/check): the last line is "N passed, N failed", whatever happens.
define checked
@scripts/setup build test $(SETUP_LUAJIT)
@$(MAKE) --no-print-directory $(PARALLEL) VARIANT=$(1) $(2) || { scripts/check --build-failed; exit 1; }
@scripts/check --variant $(1) --build $(call program_dir,$(1)$(SUFFIX)) --jobs $(JOBS) --only '$(ONLY)' $(3)
endef

.PHONY: check check-tiny check-asan faults check-tsan check-det check-valgrind check-system-luajit fuzz soak stress bench
check: ## every test: unit, fuzz corpora, stress (small), Lua suites, whole programs
	$(call checked,release,all tests,unit fuzz stress lua system)

check-tiny: ## scheduler tests with tiny queues, caches and batches (sched/tune.h)
	$(call checked,tiny,tests,unit stress)

check-asan: ## the tests with AddressSanitizer and UndefinedBehaviorSanitizer
	$(call checked,asan,all tests,--seconds $(FAULT_SECONDS) unit fuzz stress fault lua)
FAULT_SECONDS ?= 40

faults: ## let each allocation and each system call fail once, for FAULT_SECONDS (600; 0: all there are)
	$(call checked,asan,$(B)/asan/tests/fault/faults,--seconds $(FAULT_SECONDS) fault)
faults: FAULT_SECONDS = 600

check-tsan: ## scheduler and base tests with ThreadSanitizer
	$(call checked,tsan,tests,unit stress)

check-det: ## the scheduler's interleavings, explored by seed (SEED=, SEEDS= how many from there; tests/det/README.md)
	$(call checked,det,$(B)/det/tests/det/explore,--seed $(SEED) --seeds $(SEEDS) det)
SEED  ?= 1
SEEDS ?= 1000

check-valgrind: ## unit tests and a small run of the programs under valgrind
	$(call checked,valgrind,all tests,unit system)

check-system-luajit: ## what holds with Debian's LuaJIT (LUAJIT=system), which cannot interrupt compiled loops
	@scripts/setup build test luajit
	@$(MAKE) --no-print-directory $(PARALLEL) LUAJIT=system LTO= all || { scripts/check --build-failed; exit 1; }
	@scripts/check --build $(B)/release-system --only system_luajit system

fuzz: ## fuzz every target of tests/fuzz for FUZZ_TIME seconds (60)
	@scripts/setup build test
	@$(MAKE) --no-print-directory $(PARALLEL) VARIANT=fuzz fuzz-targets
	@scripts/fuzz --time $(FUZZ_TIME) --jobs $(JOBS) --only '$(ONLY)'
FUZZ_TIME ?= 60

soak: ## a daemon under a changing mix of work for MINUTES (10), and whether its books balance (tests/soak/run)
	@scripts/setup build test $(SETUP_LUAJIT)
	@$(MAKE) --no-print-directory $(PARALLEL) all
	@TROUPE_BUILD=$(CURDIR)/$(P) tests/soak/run --minutes $(MINUTES)
MINUTES ?= 10

stress: ## stress tests at full scale, again and again for MINUTES
	$(call checked,release,all tests,--scale full --minutes $(MINUTES) stress)

bench: ## measure, write bench/report.md (BENCH_ARGS= for bench/run)
	@scripts/setup build bench
	@$(MAKE) --no-print-directory $(PARALLEL) all micro
	@bench/run $(BENCH_ARGS)

# --- source text ----------------------------------------------------------------------------------------------------

.PHONY: format format-check tidy
format: ## lay out all C files with clang-format
	@scripts/setup test
	@clang-format -i $(C_FILES)

format-check: ## fail when a C file is laid out otherwise
	@scripts/setup test
	@wrong=0; for file in $(C_FILES); do \
	    clang-format $$file | diff -u --label $$file --label "$$file formatted" $$file - || wrong=1; \
	done; [ $$wrong = 0 ] || { echo 'format-check: run make format' >&2; exit 1; }

tidy: $(B)/compile_commands.json ## look for bugs with clang-tidy
	@scripts/setup build test
	@$(MAKE) --no-print-directory $(PARALLEL) all
	@printf '%s\n' $(filter-out tests/%,$(filter %.c,$(C_FILES))) | \
	    xargs -P $(JOBS) -n 2 clang-tidy --quiet --warnings-as-errors='*' -p $(B) 2>$(B)/tidy.log

# What clang-tidy and clangd read. Assertions are on: the analyser takes them for facts.
$(B)/compile_commands.json: FORCE
	@mkdir -p $(@D)
	@separator='['; for file in $(filter %.c,$(C_FILES)); do \
	    printf '%s\n{"directory": "%s", "file": "%s", "command": "%s"}' "$$separator" '$(CURDIR)' "$$file" \
	        '$(subst ','\'',$(subst ",\",clang $(CPPFLAGS_ALL) -UNDEBUG $(CFLAGS_ALL)))'" -c $$file"; \
	    separator=,; \
	done >$@ && echo ']' >>$@

# --- installing and packaging ---------------------------------------------------------------------------------------

.PHONY: install uninstall dist deb check-package clean help
install: all ## install below PREFIX (/usr/local), configuration in SYSCONFDIR (/etc); DESTDIR for staging
	@PREFIX=$(PREFIX) SYSCONFDIR=$(SYSCONFDIR) DESTDIR=$(DESTDIR) scripts/install $(P)

uninstall: ## remove what install put there, except a changed configuration
	@PREFIX=$(PREFIX) SYSCONFDIR=$(SYSCONFDIR) DESTDIR=$(DESTDIR) scripts/install --remove $(P)

dist: ## source archive of the last commit, build/troupe-VERSION.tar.xz
	@mkdir -p $(B)
	@git archive --format=tar --prefix=troupe-$(VERSION)/ HEAD | xz -9 >$(B)/troupe-$(VERSION).tar.xz
	@echo $(B)/troupe-$(VERSION).tar.xz

deb: ## Debian package, build/deb/*.deb
	@scripts/setup build package
	@scripts/build-luajit
	@scripts/deb $(VERSION)

check-package: deb ## install, use and purge the Debian package in a container with a systemd of its own (root)
	@scripts/setup container
	@tests/package/run

clean: ## remove what was built, except LuaJIT
	@rm -rf $(B)/obj $(B)/gen $(B)/man $(B)/completion $(B)/editor $(B)/tests $(B)/deb $(B)/trouped $(B)/troupe $(B)/*.tar.xz \
	    $(foreach v,tiny asan tsan valgrind det fuzz,$(B)/$(v)*) $(B)/release-*

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1|\2/p' Makefile | while IFS='|' read -r name what; do \
	    printf '  make %-20s%s\n' "$$name" "$$what"; done
