# SPDX-License-Identifier: MIT
# test/guest: our own guest kernel, a PVH image for any x86 machine monitor; `make test` runs it in bare QEMU.
SELFTEST := $(B)/guest/selftest
SELFTEST_OBJECTS := $(addprefix $(B)/obj/target/test/guest/,$(addsuffix .o,start.S mode.S main.c demo.c demo_hostile.c console.c \
	text.c start_info.c acpi.c trap.c time.c controller.c power.c case_platform.c case_exception.c \
	case_register.c case_timer.c case_interrupt.c case_mmio.c case_device.c processor.S processor.c case_processor.c case_x2apic.c))
OBJECTS += $(SELFTEST_OBJECTS)
EXTRA_TARGETS += $(SELFTEST)

$(SELFTEST): $(SELFTEST_OBJECTS) test/guest/guest.ld
	$(call say,LD,$@)
	@mkdir -p $(@D)
	$(Q)$(LINK) -T test/guest/guest.ld -o $@ $(SELFTEST_OBJECTS)

$(call tool_test,guest_selftest_bare,run-bare)
$(call tool_test,guest_linux_errors,guest-linux-errors)
.test: $(if $(findstring $(T),guest_selftest_bare),$(SELFTEST))
# A program for Linux guests; as a boot module it is the content of a disk, from which the guest copies it.
$(call host_tool,guest_aio,aio/aio.c,-static)
$(call host_tool,guest_verify,verify/verify.c /app/block_tester/ledger.c /app/block_tester/stamp.c,-static)
