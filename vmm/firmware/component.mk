# SPDX-License-Identifier: MIT
# Boot information and ACPI tables. The DSDT is compiled from dsdt.asl by iasl, and included as an array of bytes.
DSDT_SOURCE := $(B)/firmware/dsdt.c
$(DSDT_SOURCE): vmm/firmware/dsdt.asl
	$(call say,IASL,$<)
	@mkdir -p $(@D)
	$(Q)iasl -ve -p $(@D)/dsdt $< >$(@D)/iasl.log || { cat $(@D)/iasl.log; exit 1; }
	$(Q){ echo '#include "vmm/firmware/dsdt.h"'; echo 'const uint8_t dsdt_table[] = {'; \
		od -An -v -tx1 $(@D)/dsdt.aml | sed 's/ \(..\)/0x\1,/g'; \
		echo '};'; echo 'const uint32_t dsdt_table_size = sizeof dsdt_table;'; } >$@

$(call library,vmm_firmware,firmware.c acpi.c /$(DSDT_SOURCE),string)
$(call host_test,vmm_firmware_test,test/firmware_test.c firmware.c acpi.c /$(DSDT_SOURCE),)
