# SPDX-License-Identifier: MIT
$(call component,vmm,main.c monitor.c config.c console.c disk.c statistics.c $(addprefix vcpu/,vcpu.c run.c instruction.c operand.c interrupt.c eoi.c io.c mmio.c cpu.c) \
    memory/memory.c memory/translate.c,\
    base contract terminal block_client xml fmt vmm_machine vmm_device vmm_decode vmm_cpu vmm_image vmm_firmware)
$(call host_test,vmm_config_test,test/config_test.c config.c /lib/string/string.c /lib/xml/xml.c /lib/fmt/fmt.c /lib/fmt/parse.c)

# The monitor's logic on a fake kernel.
vmm_logic_sources := console.c $(addprefix vcpu/,vcpu.c run.c instruction.c operand.c interrupt.c eoi.c io.c mmio.c cpu.c) memory/translate.c \
    machine/machine.c test/fake_kernel.c $(patsubst vmm/%,%,$(filter-out vmm/device/test/%,$(wildcard vmm/device/*.c vmm/device/*/*.c))) \
    $(addprefix decode/,decode.c cursor.c execute.c alu.c intercept.c) $(addprefix cpu/,cpuid.c msr.c kvmclock.c) \
    /lib/base/timeout.c /lib/fmt/fmt.c /lib/virtio/queue.c /lib/virtio/queue_device.c
$(call host_test,vmm_monitor_fuzz,test/monitor_fuzz.c $(vmm_logic_sources),-Wno-format)
$(call host_test,vmm_monitor_test,test/monitor_test.c $(vmm_logic_sources),-Wno-format)
$(call host_test,vmm_eoi_test,test/eoi_test.c $(vmm_logic_sources),-Wno-format)
$(call host_test,vmm_eoi_random,test/eoi_random.c $(vmm_logic_sources),-Wno-format)
$(call host_test,vmm_translate_test,memory/test/translate_test.c memory/translate.c)
$(call host_test,vmm_machine_test,machine/test/machine_test.c machine/machine.c \
    $(patsubst vmm/%,%,$(filter-out vmm/device/test/%,$(wildcard vmm/device/*.c vmm/device/*/*.c))) \
    /lib/virtio/queue.c /lib/virtio/queue_device.c)
$(call host_test,vmm_disk_test,test/disk_test.c disk.c /lib/virtio/queue_driver.c /lib/virtio/queue.c /lib/virtio/queue_device.c \
    /lib/fmt/status_text.c $(patsubst vmm/%,%,$(filter-out vmm/device/test/%,$(wildcard vmm/device/*.c vmm/device/*/*.c))),-Wno-format)
