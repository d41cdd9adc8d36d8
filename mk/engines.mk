# Engines against each other and the live kernel, on random verified programs (fuzz/equal.h).
#
#	make check-engines [EQUAL_COUNT=1000000] [EQUAL_SEED=1]
#	make soak-engines	the same with other seeds each time, ten times as many
EQUAL_COUNT ?= 1000000
EQUAL_SEED  ?= 1
EQUAL_TEST  := test/unit/engine_equal_test

.PHONY: check-engines soak-engines
check-engines: $(B)/test/$(EQUAL_TEST)
	MAKE='$(MAKE)' tools/check-engines.sh $< $(EQUAL_SEED) $(EQUAL_COUNT)

soak-engines: $(B)/test/$(EQUAL_TEST)
	MAKE='$(MAKE)' tools/check-engines.sh $< $$(date +%s)0000000 $$((10 * $(EQUAL_COUNT)))

# Bugs that JITs have had, switched on one at a time (src/jit/bugs.def).
.PHONY: check-bugs
check-bugs:
	@MAKE='$(MAKE)' tools/check-bugs.sh
