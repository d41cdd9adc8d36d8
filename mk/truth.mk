# The verifier measured against the kernel's own selftests (see tools/truth/README.md).
#
#   make truth                        ours; fails when some verdict is looser than the kernel's
#   make truth TRUTH_ARGS='--backend kernel'   the live kernel, as a check of the runner
#   make truth-live                   every object, ours against the running kernel (root)
TRUTH_ARGS ?=
TRUTH_DIR  ?= $(or $(HACHI_TRUTH_DIR),$(or $(XDG_CACHE_HOME),$(HOME)/.cache)/hachi/truth)
TRUTH_SRC  := $(wildcard tools/truth/*.c)
TRUTH_JOBS ?= 2

.PHONY: truth truth-objects truth-live
truth: $(B)/truth
	$(B)/truth --kernel 6.12 --jobs $(TRUTH_JOBS) $(TRUTH_ARGS) $(TRUTH_DIR)/obj/verifier_*.o

truth-live: $(B)/truth truth-objects
	$(B)/truth --live --jobs $(TRUTH_JOBS) $(TRUTH_ARGS) $(TRUTH_DIR)/obj/*.o

truth-objects:
	HACHI_TRUTH_DIR=$(TRUTH_DIR) JOBS=$(TRUTH_JOBS) tools/truth/objects.sh

.PHONY: truth-verifier
truth-verifier:
	@HACHI_TRUTH_DIR=$(TRUTH_DIR) JOBS=$(TRUTH_JOBS) tools/truth/objects.sh verifier_ >/dev/null

$(TRUTH_DIR)/lib/libbpf.a: | truth-verifier

# With the source's own libbpf: Debian's is older than the tests.
$(B)/truth: $(TRUTH_SRC) $(wildcard tools/truth/*.h) $(TRUTH_DIR)/lib/libbpf.a $(B)/libcore.a | truth-verifier
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(CPPFLAGS) -I$(TRUTH_DIR)/include -Itools/truth $(LDFLAGS) -o $@ \
		$(TRUTH_SRC) $(B)/libcore.a $(TRUTH_DIR)/lib/libbpf.a -lelf -lz $(LDLIBS)
