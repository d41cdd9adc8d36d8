# Pages of docs/ that are generated from the tables, and which rows no test names.
TABLE_PAGES := helpers program-types maps instructions hooks

$(B)/tables: $(OBJ)/tools/tables.o $(B)/libcore.a
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $< $(B)/libcore.a $(LDLIBS)

.PHONY: tables check-tables coverage-of-tables
# Writes the pages anew.
tables: $(B)/tables
	$(Q)for page in $(TABLE_PAGES); do $(B)/tables $$page >docs/$$page.md || exit 1; done

# Fails when a page is not what the tables say.
check-tables: $(B)/tables
	tools/run-tests.sh tools/check-tables.sh

CHECK_DEPS  += $(B)/tables
CHECK_EXTRA += tools/check-tables.sh

# Lists the rows that no test names; STRICT=1 makes that a failure.
coverage-of-tables: $(B)/tables
	tools/table-coverage.sh $(if $(filter 1,$(STRICT)),--strict) $(B)/tables
