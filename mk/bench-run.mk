# What `hachi run` costs: `make bench-run`, part of `make bench`.
BENCH_TARGETS += bench-run
.PHONY: bench-run
bench-run: $(B)/hachi $(B)/bench/run_bench $(B)/bench/hello.bpf.o $(B)/bench/getppid.bpf.o
	@$(B)/bench/run_bench $(B)/hachi $(B)/bench
	@strip -o $(B)/bench/stripped $(B)/hachi && strip -o $(B)/bench/stripped.so $(B)/libhachi.so && \
		echo "size without symbols: hachi $$(stat -c %s $(B)/bench/stripped), libhachi.so $$(stat -c %s $(B)/bench/stripped.so) bytes"

$(B)/bench/run_bench: bench/run_bench.c
	@mkdir -p $(@D)
	$(Q)$(CC) -std=gnu11 -O2 $(WARN) -o $@ $<

$(B)/bench/%.bpf.o: bench/%.bpf.c
	@mkdir -p $(@D)
	$(Q)$(CLANG) -g -O2 -target bpf -mcpu=v3 -I/usr/include/$(shell uname -m)-linux-gnu -c -o $@ $<

$(B)/bench/hello.bpf.o: examples/hello.bpf.c
	@mkdir -p $(@D)
	$(Q)$(CLANG) -g -O2 -target bpf -mcpu=v3 -D__TARGET_ARCH_x86 -I/usr/include/$(shell uname -m)-linux-gnu -c -o $@ $<
