# The test takes filters from libseccomp; nothing else links it.
$(B)/test/src/cbpf/cbpf_test: LDLIBS += -lseccomp
