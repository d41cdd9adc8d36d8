# bench/map_bench.c: nanoseconds per map operation beside the running kernel's.
#
#   make bench-map
BENCH_TARGETS += bench-map
.PHONY: bench-map
bench-map: $(B)/bench/map_bench
	@$<

$(B)/bench/map_bench: $(OBJ)/bench/map_bench.o $(B)/libcore.a
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LDLIBS)
