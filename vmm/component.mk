# SPDX-License-Identifier: MIT
$(call component,vmm,main.c config.c console.c statistics.c $(addprefix vcpu/,vcpu.c interrupt.c io.c mmio.c cpu.c) \
    memory/memory.c memory/translate.c,\
    base contract terminal xml fmt vmm_machine vmm_device vmm_decode vmm_cpu vmm_image vmm_firmware)
$(call host_test,vmm_config_test,test/config_test.c config.c /lib/xml/xml.c /lib/fmt/fmt.c /lib/fmt/parse.c)
