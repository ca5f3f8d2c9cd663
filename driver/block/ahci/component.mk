# SPDX-License-Identifier: MIT
# driver/block/ahci: a SATA disk behind an AHCI host bus adapter as a BLOCK server.
AHCI_CORE := ahci_hba.c ahci_port.c ahci_command.c ahci_recovery.c ata.c
$(call host_test,ahci_ata_test,test/ata_test.c test/fake_hba.c ata.c)
$(call host_test,ahci_port_test,test/port_test.c test/rig.c test/fake_hba.c $(AHCI_CORE))
$(call host_test,ahci_recovery_test,test/recovery_test.c test/rig.c test/fake_hba.c $(AHCI_CORE))
