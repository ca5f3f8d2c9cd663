# SPDX-License-Identifier: MIT
# test/block_speed: one read after another, beside a bare notification; a partition table (a Linux partition of 16 MiB at 1 MiB).
$(call component,block_round_trip,round_trip.c /test/bench/ipc/measure.c,base block_client contract)

EXTRA_TARGETS += $(BUILD)/disk/table.img
$(BUILD)/disk/table.img: test/block_speed/component.mk
	@mkdir -p $(@D)
	$(Q){ head -c 450 /dev/zero; printf '\203\0\0\0\0\010\0\0\0\200\0\0'; head -c 48 /dev/zero; printf '\125\252'; } >$@
