# SPDX-License-Identifier: MIT
# lib/pci: configuration space without hardware.
PCI_SOURCES := capability.c bar.c msi.c reset.c enumerate.c
$(call library,pci,$(PCI_SOURCES),string)
$(call host_test,pci_test,test/pci_test.c test/fake.c $(PCI_SOURCES))
