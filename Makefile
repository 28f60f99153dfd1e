# Troupe: daemon and tool. `make help` lists what can be made.
#
# A source file is picked up by where it is: src/base sched config vm src (each folder a static archive, src without the
# two programs' main files), vm/lua (compiled to bytecode), tests/{unit,stress,fuzz}. No file is named here.
#
# VARIANT=release|asan|tsan|det   objects in build/obj/VARIANT, programs in build/ (release) or build/VARIANT/
# LUAJIT=own|system               own: the one scripts/build-luajit builds (default); system: Debian's libluajit-5.1
# LTO=1                           link-time optimisation
# PREFIX, DESTDIR                 for install

VERSION := 0.1.0

VARIANT ?= release
LUAJIT  ?= own
LTO     ?=
PREFIX  ?= /usr/local

B := build
# A system LuaJIT has other bytecode and another ABI: nothing of the two builds is shared.
V := $(VARIANT)$(if $(filter system,$(LUAJIT)),-system)$(if $(LTO),-lto)
O := $(B)/obj/$(V)
P := $(if $(filter release,$(V)),$(B),$(B)/$(V))
T := $(if $(filter release,$(V)),$(B)/tests,$(B)/$(V)/tests)

# --- compiler -------------------------------------------------------------------------------------------------------

ifeq ($(origin CC),default)
CC := $(if $(filter asan tsan,$(VARIANT)),clang,gcc)
endif
PKG_CONFIG ?= pkg-config

CPPFLAGS.release := -DNDEBUG
CPPFLAGS.asan    := -DTROUPE_FAULT=1
CPPFLAGS.det     := -DTROUPE_DET=1
CFLAGS.release   := -O2 -fno-plt
CFLAGS.asan      := -O1 -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=undefined
CFLAGS.tsan      := -O1 -fno-omit-frame-pointer -fsanitize=thread
CFLAGS.det       := -O1
ifeq ($(CFLAGS.$(VARIANT)),)
$(error VARIANT=$(VARIANT): unknown; one of release, asan, tsan, det)
endif

WARNINGS := -Wall -Wextra -Wshadow -Werror -Wno-unused-parameter
# -D_GNU_SOURCE= with an empty value, so that a file that defines it itself does not redefine it.
CPPFLAGS_ALL = -D_GNU_SOURCE= -DTROUPE_VERSION='"$(VERSION)"' $(CPPFLAGS.$(VARIANT)) \
    -I. -Isrc -I$(B)/gen/$(V) -isystem $(LUAJIT_INCLUDE) $(PKG_CFLAGS) $(CPPFLAGS)
CFLAGS_ALL = -std=gnu11 -g -pthread $(CFLAGS.$(VARIANT)) $(if $(LTO),-flto=auto) $(WARNINGS) $(CFLAGS)
LDFLAGS_ALL = -pthread $(CFLAGS.$(VARIANT)) $(if $(LTO),-flto=auto -O2) -Wl,--as-needed $(LDFLAGS)
AR := $(if $(LTO),gcc-ar,ar)

# Asked for once a run and only when something is compiled: the packages may not be installed yet.
PKGS       := libfyaml jansson nettle uuid glib-2.0 libmicrohttpd ncursesw libsystemd
PKG_CFLAGS = $(eval PKG_CFLAGS := $$(shell $(PKG_CONFIG) --cflags $(PKGS) | sed 's/-I/-isystem /g'))$(PKG_CFLAGS)
PKG_LIBS   = $(eval PKG_LIBS := $$(shell $(PKG_CONFIG) --libs $(PKGS)))$(PKG_LIBS)

ifeq ($(LUAJIT),system)
LUAJIT_STAMP   :=
LUAJIT_BIN     := luajit
LUAJIT_INCLUDE = $(shell $(PKG_CONFIG) --variable=includedir luajit)
LUAJIT_LIBS    = $(shell $(PKG_CONFIG) --libs luajit)
SETUP_LUAJIT   := luajit
else
LUAJIT_STAMP   := $(B)/luajit/.stamp
LUAJIT_BIN     := $(B)/luajit/bin/luajit
LUAJIT_INCLUDE := $(B)/luajit/include
LUAJIT_LIBS    := $(B)/luajit/lib/libluajit.a
endif

# Sanitizers bring their own malloc.
JEMALLOC := $(if $(filter asan tsan,$(VARIANT)),,-ljemalloc)
LIBS = $(LUAJIT_LIBS) -lev $(JEMALLOC) $(PKG_LIBS) -lm -ldl

# --- sources --------------------------------------------------------------------------------------------------------

MAINS    := src/trouped.c src/troupe.c
PROGRAMS := $(patsubst src/%.c,$(P)/%,$(wildcard $(MAINS)))
PRELUDE  := $(wildcard vm/lua/*.lua)

SRC.base   := $(wildcard src/base/*.c)
SRC.sched  := $(wildcard sched/*.c)
SRC.config := $(wildcard config/*.c)
SRC.vm     := $(wildcard vm/*.c)
SRC.app    := $(filter-out $(MAINS),$(wildcard src/*.c))
GROUPS_    := app vm config sched base
# In link order: a library comes after those that call it.
ARCHIVES   := $(GROUPS_:%=$(O)/lib%.a)

UNIT_TESTS   := $(patsubst tests/unit/%.c,$(T)/%,$(wildcard tests/unit/test_*.c))
STRESS_TESTS := $(patsubst tests/stress/%.c,$(T)/stress/%,$(wildcard tests/stress/test_*.c))

objects = $(patsubst %.c,$(O)/%.o,$(1))

.PHONY: all
all: programs ## build build/trouped and build/troupe (default)

.PHONY: programs libs tests
programs: $(PROGRAMS)
libs: $(ARCHIVES)
tests: $(UNIT_TESTS) $(STRESS_TESTS)

# --- rules ----------------------------------------------------------------------------------------------------------

# Changes only when the flags do, and then everything is compiled again.
FLAGS_FILE := $(O)/flags
FLAGS_NOW  = $(CC) $(CPPFLAGS_ALL) $(CFLAGS_ALL) $(LDFLAGS_ALL) $(LIBS)
.PHONY: FORCE
$(FLAGS_FILE): FORCE
	@mkdir -p $(@D)
	@printf '%s\n' '$(subst ','\'',$(FLAGS_NOW))' | cmp -s - $@ || printf '%s\n' '$(subst ','\'',$(FLAGS_NOW))' >$@

$(B)/luajit/.stamp: scripts/build-luajit
	@scripts/build-luajit

$(O)/%.o: %.c $(FLAGS_FILE) | $(LUAJIT_STAMP)
	@mkdir -p $(@D)
	@echo "  CC    $< [$(V)]"
	@$(CC) $(CPPFLAGS_ALL) $(CFLAGS_ALL) -MMD -MP -c $< -o $@

$(B)/gen/$(V)/prelude.c: $(PRELUDE) scripts/embed-lua $(O)/prelude.list | $(LUAJIT_STAMP)
	@mkdir -p $(@D)
	@echo "  LUA   $@"
	@$(LUAJIT_BIN) scripts/embed-lua $@.tmp $(PRELUDE) && mv $@.tmp $@

# A prelude file that was removed leaves no newer file behind, only a shorter list.
$(O)/prelude.list: FORCE
	@mkdir -p $(@D)
	@echo '$(PRELUDE)' | cmp -s - $@ || echo '$(PRELUDE)' >$@

$(O)/prelude.o: $(B)/gen/$(V)/prelude.c vm/prelude.h $(FLAGS_FILE)
	@mkdir -p $(@D)
	@$(CC) $(CPPFLAGS_ALL) $(CFLAGS_ALL) -c $< -o $@

OBJ.vm_extra := $(O)/prelude.o

define archive_rule
OBJ.$(1) := $$(call objects,$$(SRC.$(1))) $$(OBJ.$(1)_extra)
$(O)/lib$(1).a: $$(OBJ.$(1)) $(O)/lib$(1).list
	@rm -f $$@
	@$(AR) rcs $$@ $$(OBJ.$(1))
$(O)/lib$(1).list: FORCE
	@mkdir -p $$(@D)
	@echo '$$(OBJ.$(1))' | cmp -s - $$@ || echo '$$(OBJ.$(1))' >$$@
endef
$(foreach g,$(GROUPS_),$(eval $(call archive_rule,$(g))))

$(PROGRAMS): $(P)/%: $(O)/src/%.o $(ARCHIVES)
	@mkdir -p $(@D)
	@echo "  LINK  $@"
	@$(CC) $(LDFLAGS_ALL) $< $(ARCHIVES) $(LIBS) -o $@

$(UNIT_TESTS): $(T)/%: $(O)/tests/unit/%.o $(ARCHIVES)
	@mkdir -p $(@D)
	@echo "  LINK  $@"
	@$(CC) $(LDFLAGS_ALL) $< $(ARCHIVES) $(LIBS) -lcriterion -o $@

$(STRESS_TESTS): $(T)/stress/%: $(O)/tests/stress/%.o $(ARCHIVES)
	@mkdir -p $(@D)
	@echo "  LINK  $@"
	@$(CC) $(LDFLAGS_ALL) $< $(ARCHIVES) $(LIBS) -lcriterion -o $@

.SECONDARY:
.DELETE_ON_ERROR:
-include $(shell find $(O) -name '*.d' 2>/dev/null)
