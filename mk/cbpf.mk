# These tests take filters from libseccomp; nothing else links it.
$(B)/test/src/cbpf/cbpf_test $(B)/test/src/cli/filter_test: LDLIBS += -lseccomp
