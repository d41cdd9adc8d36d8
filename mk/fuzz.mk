# Every fuzz/NAME_fuzz.c: $(B)/fuzz/NAME_fuzz is the fuzzer (MODE=fuzz), $(B)/replay/NAME_fuzz runs
# its corpus, fuzz/corpus/NAME/, as a plain test in any mode.
#
#   make fuzz-replay                 all corpora through their targets
#   make MODE=fuzz fuzz-bins         the fuzzers; then: build/fuzz/fuzz/asm_fuzz fuzz/corpus/asm
FUZZ_SRC    := $(wildcard fuzz/*_fuzz.c)
FUZZ_NAMES  := $(FUZZ_SRC:fuzz/%.c=%)
FUZZ_BIN    := $(FUZZ_NAMES:%=$(B)/fuzz/%)
REPLAY_BIN  := $(FUZZ_NAMES:%=$(B)/replay/%)
FUZZ_LIBS    = $(B)/libtool.a $(B)/libcore.a

.PHONY: fuzz-bins fuzz-replay replay-bins
fuzz-bins: $(FUZZ_BIN)
replay-bins: $(REPLAY_BIN)

$(B)/fuzz/%: $(OBJ)/fuzz/%.o $(FUZZ_LIBS)
	$(if $(filter fuzz,$(MODE)),,$(error fuzzers need MODE=fuzz))
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -fsanitize=fuzzer -o $@ $< $(FUZZ_LIBS) $(TOOL_LIBS) $(LDLIBS)

$(B)/replay/%: $(OBJ)/fuzz/%.o $(OBJ)/fuzz/replay.o $(FUZZ_LIBS)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $< $(OBJ)/fuzz/replay.o $(FUZZ_LIBS) $(TOOL_LIBS) $(LDLIBS)

fuzz-replay: $(REPLAY_BIN)
	@tools/run-tests.sh $(REPLAY_BIN)

CHECK_DEPS  += $(REPLAY_BIN)
CHECK_EXTRA += $(REPLAY_BIN)

-include $(wildcard $(OBJ)/fuzz/*.d)
