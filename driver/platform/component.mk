# SPDX-License-Identifier: MIT
# driver/platform: PCI functions for drivers.
$(call component,platform_driver,main.c registers.c firmware.c function.c policy.c iommu.c confinement.c session.c \
	window.c vector.c space.c report.c,base contract contract_dispatch config pci acpi_table xml fmt string)
