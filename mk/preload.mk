# libhachi-preload.so: core and door for `hachi exec`. It exports the functions that the door
# replaces (client/door.list) and nothing else.
PRELOAD_OBJ := $(DOOR_OBJ) $(patsubst %,$(OBJ)/src/client/%.o,preload door_state)

$(OBJ)/preload.map: src/client/door.list
	@mkdir -p $(@D)
	$(Q)sed '1s/{/{ global:/; s/^};/	local: *;\n};/' $< >$@

$(B)/libhachi-preload.so: $(PRELOAD_OBJ) $(B)/libcore.a $(OBJ)/preload.map
	@echo "  LD    $@"
	$(Q)$(CC) -shared $(CFLAGS) $(LDFLAGS) -Wl,--version-script=$(OBJ)/preload.map -o $@ \
		$(PRELOAD_OBJ) $(B)/libcore.a $(LDLIBS) -ldl

-include $(PRELOAD_OBJ:.o=.d)

CHECK_EXTRA += test/exec/exec.sh

# veristat and test_progs, built from the kernel's source outside the tree (tools/truth/), under exec.
.PHONY: check-exec-selftests
check-exec-selftests: all
	HACHI_TRUTH_DIR=$(TRUTH_DIR) JOBS=$(TRUTH_JOBS) HACHI_TEST_TIMEOUT=900 \
		tools/run-tests.sh test/exec/selftests.sh
