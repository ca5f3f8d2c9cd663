# SPDX-License-Identifier: MIT
# driver/block/nvme: a namespace of an NVMe controller as a BLOCK device.
$(call host_test,nvme_test,test/nvme_test.c test/fake.c queue.c controller.c data.c disk.c)
$(call fuzz_test,nvme_fuzz,fuzz/nvme_fuzz.c queue.c controller.c data.c disk.c)
