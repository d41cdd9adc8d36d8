# make bench-engine: the engines against native code and the live kernel (bench/engine/bench.c).
#
#   make bench-engine BENCH=jhash	only programs with that in their names
BENCH_DIR := $(B)/bench/engine
BENCH_DEPS := $(wildcard bench/engine/*.h) mk/bench-engine.mk
BENCH_SCALAR := -fno-vectorize -fno-slp-vectorize
BENCH_OBJ := $(patsubst bench/engine/%.c,$(OBJ)/bench/engine/%.o,$(addprefix bench/engine/,bench.c \
	     contest.c costs.c whole_load.c))
BENCH_NATIVE := $(foreach how,gcc clang scalar,$(BENCH_DIR)/programs.$(how).o $(BENCH_DIR)/whole.$(how).o)

$(BENCH_DIR)/%.gcc.o: bench/engine/%.c $(BENCH_DEPS)
	@mkdir -p $(@D)
	$(Q)gcc -O2 -I. -DNATIVE=gcc_ -c -o $@ $<
$(BENCH_DIR)/%.clang.o: bench/engine/%.c $(BENCH_DEPS)
	@mkdir -p $(@D)
	$(Q)$(CLANG) -O2 -I. -DNATIVE=clang_ -c -o $@ $<
$(BENCH_DIR)/%.scalar.o: bench/engine/%.c $(BENCH_DEPS)
	@mkdir -p $(@D)
	$(Q)$(CLANG) -O2 $(BENCH_SCALAR) -I. -DNATIVE=scalar_ -c -o $@ $<
$(BENCH_DIR)/%.bpf.o: bench/engine/%.c $(BENCH_DEPS)
	@mkdir -p $(@D)
	$(Q)$(CLANG) -O2 -g -target bpf -mcpu=v3 -I. -I/usr/include/$(shell $(CC) -dumpmachine) -c -o $@ $<

$(BENCH_DIR)/bench: $(BENCH_OBJ) $(BENCH_NATIVE) $(B)/libcore.a
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(shell pkg-config --libs libbpf) -lm $(LDLIBS)

BENCH_TARGETS += bench-engine
.PHONY: bench-engine
bench-engine: $(BENCH_DIR)/bench $(BENCH_DIR)/programs.bpf.o $(BENCH_DIR)/whole.bpf.o
	@$(BENCH_DIR)/bench $(BENCH_DIR)/programs.bpf.o $(BENCH_DIR)/whole.bpf.o $(BENCH)

-include $(BENCH_OBJ:.o=.d)
