# make bench-engine: the engines against native code and the live kernel (bench/engine/bench.c).
BENCH_DIR := $(B)/bench/engine
BENCH_SRC := bench/engine/programs.c
BENCH_DEPS := $(BENCH_SRC) bench/engine/programs.h mk/bench-engine.mk
BENCH_SCALAR := -fno-vectorize -fno-slp-vectorize

$(BENCH_DIR)/gcc.o: $(BENCH_DEPS)
	@mkdir -p $(@D)
	$(Q)gcc -O2 -I. -DNATIVE=gcc_ -c -o $@ $<
$(BENCH_DIR)/clang.o: $(BENCH_DEPS)
	@mkdir -p $(@D)
	$(Q)$(CLANG) -O2 -I. -DNATIVE=clang_ -c -o $@ $<
$(BENCH_DIR)/scalar.o: $(BENCH_DEPS)
	@mkdir -p $(@D)
	$(Q)$(CLANG) -O2 $(BENCH_SCALAR) -I. -DNATIVE=scalar_ -c -o $@ $<
$(BENCH_DIR)/programs.bpf.o: $(BENCH_DEPS)
	@mkdir -p $(@D)
	$(Q)$(CLANG) -O2 -g -target bpf -mcpu=v3 -I. -I/usr/include/$(shell $(CC) -dumpmachine) -c -o $@ $<

$(BENCH_DIR)/bench: $(OBJ)/bench/engine/bench.o $(BENCH_DIR)/gcc.o $(BENCH_DIR)/clang.o \
		$(BENCH_DIR)/scalar.o $(B)/libcore.a
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(shell pkg-config --libs libbpf) -lm $(LDLIBS)

BENCH_TARGETS += bench-engine
.PHONY: bench-engine
bench-engine: $(BENCH_DIR)/bench $(BENCH_DIR)/programs.bpf.o
	@$(BENCH_DIR)/bench $(BENCH_DIR)/programs.bpf.o $(BENCH)
