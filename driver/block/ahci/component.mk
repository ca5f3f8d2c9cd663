# SPDX-License-Identifier: MIT
# driver/block/ahci: a SATA disk behind an AHCI host bus adapter as a BLOCK server.
AHCI_CORE := ahci_hba.c ahci_port.c ahci_command.c ahci_recovery.c ahci_reset.c ata.c
AHCI_TEST := test/rig.c test/fake_hba.c /lib/device/address.c $(AHCI_CORE)
$(call component,ahci_driver,main.c disk.c controller.c $(AHCI_CORE) /lib/block/policy.c,base block_server device contract config xml fmt string)
$(call host_test,ahci_ata_test,test/ata_test.c test/fake_hba.c ata.c)
$(call host_test,ahci_port_test,test/port_test.c $(AHCI_TEST))
$(call host_test,ahci_recovery_test,test/recovery_test.c $(AHCI_TEST))
$(call fuzz_test,ahci_fuzz,fuzz/ahci_fuzz.c /lib/device/address.c $(AHCI_CORE))
