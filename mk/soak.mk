# make soak: what is too long for every change: all cases of the tests that sample, every fuzzer for
# SOAK_SECONDS, the verifier's truth. Needs clang; findings stay in $(SOAK_DIR).
SOAK_SECONDS ?= 300
SOAK_DIR     ?= build/soak
SOAK_TESTS   := $(shell grep -l HACHI_SOAK $(TEST_SRC) /dev/null)

.PHONY: soak soak-tests soak-fuzz
soak: soak-tests soak-fuzz soak-engines

soak-tests: $(SOAK_TESTS:%.c=$(B)/test/%)
	HACHI_SOAK=1 HACHI_TEST_TIMEOUT=7200 tools/run-tests.sh -j 2 $(SOAK_TESTS:%.c=$(B)/test/%)

soak-fuzz:
	$(MAKE) --no-print-directory MODE=fuzz fuzz-bins
	@mkdir -p $(SOAK_DIR)
	@for fuzzer in $(patsubst fuzz/%.c,%,$(FUZZ_SRC)); do \
		name=$${fuzzer%_fuzz}; mkdir -p $(SOAK_DIR)/$$name; \
		build/fuzz/fuzz/$$fuzzer -max_len=2048 -max_total_time=$(SOAK_SECONDS) -rss_limit_mb=4096 \
			-artifact_prefix=$(SOAK_DIR)/$$name- $(SOAK_DIR)/$$name fuzz/corpus/$$name \
			>$(SOAK_DIR)/$$name.log 2>&1 && \
			echo "$$fuzzer: $$(tail -n 1 $(SOAK_DIR)/$$name.log)" || \
			{ echo "$$fuzzer found something: $(SOAK_DIR)/$$name.log"; exit 1; }; done
