# SPDX-License-Identifier: MIT
# driver/platform: PCI functions for drivers.
$(call component,platform_driver,main.c registers.c firmware.c function.c settle.c policy.c iommu.c confinement.c session.c \
	window.c vector.c space.c report.c,base contract contract_dispatch config pci acpi_table xml fmt string)
$(call host_test,platform_policy_test,test/policy_test.c policy.c /lib/xml/xml.c /lib/fmt/parse.c /lib/string/string.c)
$(call host_test,platform_iommu_test,test/iommu_test.c iommu.c /lib/pci/test/fake.c /lib/pci/enumerate.c \
	/lib/pci/capability.c /lib/acpi_table/dmar.c)
