# SPDX-License-Identifier: MIT
# lib/acpi_table: root table, MCFG and DMAR without hardware.
ACPI_TABLE_SOURCES := table.c mcfg.c dmar.c
$(call library,acpi_table,$(ACPI_TABLE_SOURCES),string)
$(call host_test,acpi_table_test,test/acpi_table_test.c $(ACPI_TABLE_SOURCES))
$(call fuzz_test,acpi_table_fuzz,fuzz/acpi_table_fuzz.c $(ACPI_TABLE_SOURCES))
