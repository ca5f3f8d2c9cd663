# SPDX-License-Identifier: MIT
# driver/block/nvme: a namespace of an NVMe controller as a BLOCK device.
nvme_core := queue.c controller.c data.c disk.c
$(call component,nvme_driver,main.c driver.c $(nvme_core) /lib/block/policy.c,base block_server device config)
$(call host_test,nvme_test,test/nvme_test.c test/fake.c $(nvme_core))
$(call fuzz_test,nvme_fuzz,fuzz/nvme_fuzz.c $(nvme_core))
