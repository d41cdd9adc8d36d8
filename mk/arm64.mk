# The core for arm64, and its tests under qemu-aarch64.
#
#   make ARCH=arm64 core	cross build: libhachi.a, libhachi.so under build/arm64/
#   make check-arm64		engines: every instruction, random programs, calls (qemu-user)
#
# Tests are static and position-independent: the core needs libc only, so no library of another
# machine is needed to run them.
ARM64_TESTS := src/jit/arm64/emit_test test/unit/insn_suite_test test/unit/engine_test \
	       test/unit/engine_diff_test src/helper/helper_test \
	       test/unit/conformance_test test/unit/insn_memory_test \
	       test/unit/jump_distance_test test/unit/idioms_test test/unit/loops_test \
	       test/unit/blinding_test src/base/exec_mem_test \
	       test/unit/engine_equal_test
ARM64_BIN   := $(ARM64_TESTS:%=$(B)/static/%)

$(B)/static/%: $(OBJ)/%.o $(OBJ)/test/tap.o $(B)/libcore.a
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -static-pie -o $@ $< $(OBJ)/test/tap.o $(B)/libcore.a $(LDLIBS)

# The library as others link it.
$(B)/static/embed: examples/embed.c $(B)/libhachi.a
	@mkdir -p $(@D)
	$(Q)$(CC) -O2 -fPIE -static-pie -Iinclude -idirafter /usr/include -o $@ $^ $(LDLIBS)

.PHONY: check-arm64 arm64-bins
arm64-bins: $(ARM64_BIN) $(B)/static/embed
check-arm64:
	@MAKE='$(MAKE)' tools/check-arm64.sh $(ARM64_TESTS)

-include $(ARM64_TESTS:%=$(OBJ)/%.d)
