# SPDX-License-Identifier: MIT
# driver/block/virtio: a virtio-blk PCI function as a BLOCK server.
$(call component,virtio_blk_driver,main.c driver.c pci.c layout.c device.c request.c recover.c \
    /lib/block/policy.c,base block_server device contract virtio config xml ring fmt string)
VIRTIO_BLOCK_TEST := test/load.c test/fake.c device.c request.c recover.c /lib/virtio/queue.c /lib/virtio/queue_driver.c \
    /lib/virtio/queue_device.c /lib/device/address.c
$(call host_test,virtio_block_test,test/block_test.c $(VIRTIO_BLOCK_TEST))
$(call host_test,virtio_block_recover,test/recover_test.c $(VIRTIO_BLOCK_TEST))
$(call host_test,virtio_block_layout,test/layout_test.c layout.c)
$(call fuzz_test,virtio_block_fuzz,test/block_fuzz.c device.c request.c recover.c /lib/virtio/queue.c /lib/virtio/queue_driver.c)
# As in a component: optimised, no sanitizers.
$(call host_test,virtio_block_cost,test/cost.c test/fake.c device.c request.c recover.c /lib/virtio/queue.c /lib/virtio/queue_driver.c \
    /lib/virtio/queue_device.c /lib/device/address.c,-O2 -fno-sanitize=all -fno-strict-aliasing)
