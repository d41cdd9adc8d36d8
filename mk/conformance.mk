# Test files in bpf_conformance's format on every engine and the live kernel; our own are in
# test/conformance/, whose README.md describes the format.
#
#	make check-conformance				ours
#	make check-conformance CONFORMANCE=DIR		somebody else's
.PHONY: check-conformance
check-conformance: $(B)/test/test/unit/conformance_test
	CONFORMANCE='$(CONFORMANCE)' $<
