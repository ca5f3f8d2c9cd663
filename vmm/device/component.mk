# SPDX-License-Identifier: MIT
# vmm/device: models of a PC's devices, without knowledge of the kernel.
vmm_device_sources := bus.c irq.c apic_bus.c lapic/lapic.c lapic/lapic_local.c lapic/lapic_timer.c lapic/lapic_icr.c lapic/lapic_msr.c \
	ioapic/ioapic.c pic/pic.c pit/pit.c pit/pit_channel.c rtc/rtc.c rtc/rtc_calendar.c acpi_pm/acpi_pm.c \
	uart16550/uart16550.c reset/reset.c i8042/i8042.c pci_config/pci_config.c \
	pci/pci.c pci/msix.c virtio/virtio_pci.c virtio/virtio_common.c virtio_blk/virtio_blk.c virtio_blk/virtio_blk_parse.c
vmm_device_tested := $(vmm_device_sources) /lib/virtio/queue.c /lib/virtio/queue_device.c

$(call library,vmm_device,$(vmm_device_sources),string virtio)

$(call host_test,device_bus_test,test/bus_test.c bus.c)
$(call host_test,device_pic_test,test/pic_test.c pic/pic.c)
$(call host_test,device_pit_test,test/pit_test.c pit/pit.c pit/pit_channel.c)
$(call host_test,device_rtc_test,test/rtc_test.c rtc/rtc.c rtc/rtc_calendar.c)
$(call host_test,device_uart16550_test,test/uart16550_test.c uart16550/uart16550.c)
$(call host_test,device_platform_test,test/platform_test.c acpi_pm/acpi_pm.c reset/reset.c i8042/i8042.c \
	pci_config/pci_config.c pci/pci.c bus.c)
$(call host_test,device_pci_test,test/pci_test.c $(vmm_device_tested))
$(call host_test,device_virtio_blk_test,test/virtio_blk_test.c $(vmm_device_tested) /lib/virtio/queue_driver.c)
$(call host_test,device_lapic_test,test/lapic_test.c $(vmm_device_tested))
$(call host_test,device_irq_test,test/irq_test.c $(vmm_device_tested))
$(call host_test,device_fuzz,test/device_fuzz.c $(vmm_device_tested))
$(call fuzz_test,device_virtio_fuzz,test/virtio_fuzz.c $(vmm_device_tested) /lib/virtio/queue_driver.c)
