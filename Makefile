# hachi: build, test, install. `make help` lists what there is.
#
#   make                   build/hachi, build/libhachi.a, build/libhachi.so, build/libhachi-preload.so
#   make MODE=dev ...      the same under build/dev/; modes: rel (default) dev asan tsan cov fuzz bugs
#   make ARCH=arm64 core   the core for another machine, under build/arm64/ (mk/arm64.mk)
MODE   ?= rel
ARCH   ?=
PREFIX ?= /usr/local
V      ?= 0
VERSION := 0.1.0

B   := build$(ARCH:%=/%)$(if $(filter rel,$(MODE)),,/$(MODE))
OBJ := $(B)/obj
Q   := $(if $(filter 1,$(V)),,@)

CORE_DIRS := base isa cbpf btf domain spec verify map runtime jit jit/x86_64 jit/arm64 helper prog \
	     hook syscall
TOOL_DIRS := source client supervise show cli

CC     ?= gcc
CROSS  :=
ifeq ($(MODE),fuzz)
CC     := clang-19
endif
ifeq ($(ARCH),arm64)
CROSS  := aarch64-linux-gnu-
ifneq ($(origin CC),command line)
CC     := $(CROSS)gcc
endif
endif
CLANG  ?= $(firstword $(shell command -v clang-19 clang 2>/dev/null) clang-19)
OBJCOPY ?= $(CROSS)objcopy

WARN := -Wall -Wextra -Wshadow -Wvla -Wundef -Wstrict-prototypes -Wmissing-prototypes \
	-Wwrite-strings -Wpointer-arith -Wno-unused-parameter -Wno-missing-field-initializers
CFLAGS_rel  := -O2 -g
CFLAGS_dev  := -O1 -g -Werror -DHACHI_DEV
# Bugs that JITs have had, to be switched on (src/jit/bugs.def): the tests must find them.
CFLAGS_bugs := $(CFLAGS_dev) -DJIT_SEEDED_BUGS
CFLAGS_asan := -O1 -g -Werror -DHACHI_DEV -fsanitize=address,undefined -fno-sanitize-recover=all \
	       -fno-omit-frame-pointer -fno-sanitize=alignment
CFLAGS_tsan := -O1 -g -DHACHI_DEV -fsanitize=thread
CFLAGS_cov  := -O0 -g -DHACHI_DEV --coverage
CFLAGS_fuzz := -O1 -g -DHACHI_DEV -DHACHI_FUZZ -fsanitize=address,undefined,fuzzer-no-link \
	       -fno-sanitize=alignment,function -fno-sanitize-recover=all
LDFLAGS_asan := -fsanitize=address,undefined
LDFLAGS_tsan := -fsanitize=thread
LDFLAGS_cov  := --coverage
LDFLAGS_fuzz := -fsanitize=address,undefined
ifeq ($(filter $(MODE),rel dev bugs asan tsan cov fuzz),)
$(error MODE=$(MODE) is none of rel dev bugs asan tsan cov fuzz)
endif

TOOL_PKGS := libbpf libelf zlib libpcap libdw json-c
TOOL_CFLAGS  = $(shell pkg-config --cflags $(TOOL_PKGS))
TOOL_LIBS    = $(shell pkg-config --libs $(TOOL_PKGS)) -lZydis

CPPFLAGS += -Isrc -Iinclude -I. -D_GNU_SOURCE -DHACHI_VERSION='"$(VERSION)"'
CFLAGS   += -std=gnu11 -fPIC -fvisibility=hidden -fno-strict-aliasing $(WARN) $(CFLAGS_$(MODE))
LDFLAGS  += $(LDFLAGS_$(MODE))
LDLIBS   += -lpthread

src_of = $(foreach d,$(1),$(filter-out %_test.c,$(wildcard src/$(d)/*.c)))
CORE_SRC := $(call src_of,$(CORE_DIRS))
# What replaces functions of libc: in the command and the preloaded library, never in a test.
DOOR_SRC := src/client/door.c src/client/door_files.c src/client/door_caps.c
TOOL_SRC := $(filter-out src/client/preload.c $(DOOR_SRC),$(call src_of,$(TOOL_DIRS)))
CORE_OBJ := $(CORE_SRC:%.c=$(OBJ)/%.o)
TOOL_OBJ := $(TOOL_SRC:%.c=$(OBJ)/%.o)
DOOR_OBJ := $(DOOR_SRC:%.c=$(OBJ)/%.o)
TEST_SRC := $(foreach d,$(CORE_DIRS) $(TOOL_DIRS),$(wildcard src/$(d)/*_test.c)) \
	    $(wildcard test/unit/*_test.c)
TEST_BIN := $(TEST_SRC:%.c=$(B)/test/%)

# The command traces programs through their registers, for x86-64 alone; elsewhere there is the core.
HAS_TOOLS := $(filter x86_64-%,$(shell $(CC) -dumpmachine))

.PHONY: all
all: $(if $(HAS_TOOLS),$(B)/hachi $(B)/libhachi-preload.so) $(B)/libhachi.a $(B)/libhachi.so

# ---- compile -----------------------------------------------------------------------------------
$(OBJ)/%.o: %.c Makefile
	@mkdir -p $(@D)
	@[ $(V) = 1 ] || echo "  CC    $<"
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) $(if $(filter $(addprefix src/,$(addsuffix /%,$(TOOL_DIRS))),$<),$(TOOL_CFLAGS)) -MMD -MP -c -o $@ $<

# The compiler of programs is what programs wait for.
ifeq ($(MODE),rel)
$(OBJ)/src/jit/%.o: CFLAGS += -O3
endif

# Everything of the core, for our own binaries.
$(B)/libcore.a: $(CORE_OBJ)
	@rm -f $@
	$(Q)$(CROSS)ar rcs $@ $^

ifeq ($(HAS_TOOLS),)
$(TOOL_OBJ) $(DOOR_OBJ): no-tools
.PHONY: no-tools
no-tools:
	@echo 'hachi: the command is for x86-64; here there are: make core, make check-arm64' >&2
	@exit 1
endif
$(B)/libtool.a: $(filter-out $(OBJ)/src/cli/main.o,$(TOOL_OBJ))
	@rm -f $@
	$(Q)$(CROSS)ar rcs $@ $^

# What others link: one prelinked object, so that no name of ours but hachi_* can collide.
$(B)/libhachi.a: $(CORE_OBJ)
	@echo "  AR    $@"
	$(Q)$(CROSS)ld -r -o $(OBJ)/hachi-whole.o $^
	$(Q)$(OBJCOPY) --localize-hidden $(OBJ)/hachi-whole.o $(OBJ)/hachi-prelinked.o
	@rm -f $@
	$(Q)$(CROSS)ar rcs $@ $(OBJ)/hachi-prelinked.o

$(B)/libhachi.so: $(CORE_OBJ)
	@echo "  LD    $@"
	$(Q)$(CC) -shared -Wl,-soname,libhachi.so.0 $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LDLIBS)

# The command exports the names by which its libbpf reaches the kernel (see client/door.c).
$(B)/hachi: $(OBJ)/src/cli/main.o $(DOOR_OBJ) $(B)/libtool.a $(B)/libcore.a src/client/door.list
	@echo "  LD    $@"
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -Wl,--dynamic-list=src/client/door.list -Wl,--as-needed -o $@ \
		$< $(DOOR_OBJ) -Wl,--whole-archive $(B)/libtool.a -Wl,--no-whole-archive $(B)/libcore.a \
		$(TOOL_LIBS) $(LDLIBS)

-include $(wildcard mk/*.mk)

TEST_COMMON := $(OBJ)/test/tap.o
# Tests that need the door itself; it replaces mmap(), which the race detector needs for itself.
ifneq ($(MODE),tsan)
$(B)/test/src/map/rings_test: DOOR_IN_TEST := $(DOOR_OBJ)
$(B)/test/src/map/rings_test: $(DOOR_OBJ)
endif
$(B)/test/%: $(OBJ)/%.o $(TEST_COMMON) $(B)/libcore.a $(B)/libtool.a
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -rdynamic -o $@ $< $(TEST_COMMON) $(DOOR_IN_TEST) $(B)/libtool.a $(B)/libcore.a $(TOOL_LIBS) $(LDLIBS)

# ---- test --------------------------------------------------------------------------------------
# Programs in test/cli are shell scripts that print TAP; they get the build in $HACHI and $B.
CLI_TESTS := $(filter-out test/cli/lib.sh,$(wildcard test/cli/*.sh))
export HACHI := $(abspath $(B)/hachi)
export HACHI_BUILD := $(abspath $(B))
export HACHI_LDFLAGS := $(LDFLAGS_$(MODE))

.PHONY: check lint format demo install uninstall
check: all test-bins $(CHECK_DEPS)
	tools/run-tests.sh -j 2 $(TEST_BIN) $(CLI_TESTS) $(CHECK_EXTRA)

lint:
	tools/format.sh --check
	tools/layers.sh
	tools/banned.sh
	shellcheck demo check .ci/run tools/*.sh tools/vm/* test/cli/*.sh test/kernel/*.sh
	$(MAKE) --no-print-directory MODE=rel libs build/libhachi.so build/libhachi.a
	tools/symbols.sh build
	@tools/sizes.sh

format:
	tools/format.sh

demo: all
	@tools/demo.sh $(B)/hachi

# ---- install -----------------------------------------------------------------------------------
I := $(DESTDIR)$(PREFIX)
install: all
	install -d $(I)/bin $(I)/lib/pkgconfig $(I)/lib/hachi $(I)/include/hachi $(I)/share/man/man1 \
		$(I)/share/bash-completion/completions $(I)/share/hachi/examples
	install -m 755 $(B)/hachi $(I)/bin/hachi
	install -m 644 $(B)/libhachi.a $(I)/lib/libhachi.a
	install -m 755 $(B)/libhachi.so $(I)/lib/libhachi.so.0
	ln -sf libhachi.so.0 $(I)/lib/libhachi.so
	install -m 755 $(B)/libhachi-preload.so $(I)/lib/hachi/libhachi-preload.so
	install -m 644 include/hachi/*.h $(I)/include/hachi/
	install -m 644 examples/*.c $(I)/share/hachi/examples/
	install -m 644 docs/hachi.1 $(I)/share/man/man1/hachi.1
	install -m 644 tools/hachi.bash-completion $(I)/share/bash-completion/completions/hachi
	sed -e 's|@PREFIX@|$(PREFIX)|' -e 's|@VERSION@|$(VERSION)|' tools/hachi.pc.in \
		>$(I)/lib/pkgconfig/hachi.pc

uninstall:
	rm -rf $(I)/bin/hachi $(I)/lib/libhachi.a $(I)/lib/libhachi.so $(I)/lib/libhachi.so.0 \
		$(I)/lib/hachi $(I)/include/hachi $(I)/share/man/man1/hachi.1 $(I)/share/hachi \
		$(I)/share/bash-completion/completions/hachi $(I)/lib/pkgconfig/hachi.pc

# ---- measure -----------------------------------------------------------------------------------
# Each mk/bench-*.mk adds its part.
.PHONY: bench
bench:
	@for part in $(BENCH_TARGETS); do \
		echo "# make $$part"; $(MAKE) --no-print-directory $$part || exit 1; done

.PHONY: libs core test-bins clean help
# What embeds: it needs libc only.
core: $(B)/libcore.a $(B)/libhachi.a $(B)/libhachi.so
# What must compile, without linking the command: quick.
libs: $(B)/libcore.a $(B)/libtool.a $(DOOR_OBJ)
test-bins: $(TEST_BIN)

clean:
	rm -rf build

help:
	@echo 'make [MODE=rel|dev|asan|tsan|cov|fuzz] [V=1] TARGET'
	@echo '  all (default)  build/hachi, build/libhachi.{a,so}, build/libhachi-preload.so'
	@echo '  demo           the main job, shown'
	@echo '  check          all tests; prints "N passed, N failed"'
	@echo '  check-arm64    the core cross built, engines under qemu-aarch64'
	@echo '  check-conformance  bpf_conformance files on every engine; CONFORMANCE=DIR'
	@echo '  check-engines  a million random programs on every engine; EQUAL_COUNT='
	@echo '  check-bugs     bugs that JITs have had, switched on: some test finds each'
	@echo '  check-docs     runs every command of README and docs'
	@echo '  lint format    style, layers, names'
	@echo '  bench soak     measurements as ratios; long runs'
	@echo '  install uninstall  DESTDIR= PREFIX=$(PREFIX)'
	@echo '  clean'

.SECONDARY:
-include $(wildcard $(CORE_OBJ:.o=.d) $(TOOL_OBJ:.o=.d) $(DOOR_OBJ:.o=.d) $(TEST_SRC:%.c=$(OBJ)/%.d))
