# The kernel backend on other kernels, under emulation: hook matrix, flows, interruptions.
#
#	make vm-check KERNELS="6.1 6.12"
#	make vm-check UPDATE=1		and writes the results that docs/hooks.md shows
KERNELS ?= 6.1 6.12

.PHONY: vm-check
vm-check: $(B)/hachi $(B)/test/test/unit/verdict_test $(B)/vm-check.sh
	HACHI_TEST_TIMEOUT=1800 tools/run-tests.sh $(B)/vm-check.sh
	$(if $(filter 1,$(UPDATE)),$(MAKE) --no-print-directory tables)

# run-tests.sh takes programs without arguments
$(B)/vm-check.sh: FORCE
	@printf '#!/bin/sh\nexec tools/vm/check.sh %s %s %s\n' '$(if $(filter 1,$(UPDATE)),--update)' \
		'$(B)' '$(KERNELS)' >$@ && chmod 755 $@

.PHONY: FORCE
FORCE:
