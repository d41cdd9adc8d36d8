# The kernel backend on other kernels, under emulation: hook matrix, flows, interruptions.
#
#	make vm-check KERNELS="6.1 6.12"
#	make vm-check TRUTH=1		and the kernel's own verifier tests, in each and in ours
#	make vm-check UPDATE=1		and writes the results that docs/hooks.md shows
KERNELS ?= 6.1 6.12

.PHONY: vm-check
vm-check: $(B)/hachi $(B)/test/test/unit/verdict_test $(B)/vm-check.sh
	HACHI_TEST_TIMEOUT=1800 tools/run-tests.sh $(B)/vm-check.sh
	$(if $(filter 1,$(UPDATE)),$(MAKE) --no-print-directory tables)

# run-tests.sh takes programs without arguments
ifeq ($(TRUTH),1)
vm-check: $(B)/truth
endif

$(B)/vm-check.sh: FORCE
	@printf '#!/bin/sh\nTRUTH_DIR=%s exec tools/vm/check.sh %s %s %s\n' '$(if $(filter 1,$(TRUTH)),$(TRUTH_DIR))' '$(if $(filter 1,$(UPDATE)),--update)' \
		'$(B)' '$(KERNELS)' >$@ && chmod 755 $@

.PHONY: FORCE
FORCE:
