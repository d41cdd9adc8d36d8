# Variants of `make check`.
.PHONY: check-asan check-tsan check-docs
# Addresses, leaks and undefined behaviour: unit tests, corpora, and the command itself.
check-asan:
	$(MAKE) --no-print-directory MODE=asan check

# Only what has threads.
check-tsan:
	$(MAKE) --no-print-directory MODE=tsan check-threads

.PHONY: check-threads
THREAD_TESTS := $(shell grep -l pthread_create $(TEST_SRC) /dev/null)
check-threads: $(THREAD_TESTS:%.c=$(B)/test/%)
	tools/run-tests.sh -j 2 $(THREAD_TESTS:%.c=$(B)/test/%)

check-docs: all
	tools/run-tests.sh -j 1 tools/check-docs.sh
