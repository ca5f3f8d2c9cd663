# SPDX-License-Identifier: MIT
# driver/block/virtio: a virtio-blk PCI function as a BLOCK server.
VIRTIO_BLOCK_TEST := test/load.c test/fake.c device.c request.c recover.c /lib/virtio/queue.c /lib/virtio/queue_driver.c \
	/lib/virtio/queue_device.c
$(call host_test,virtio_block_test,test/block_test.c $(VIRTIO_BLOCK_TEST))
$(call host_test,virtio_block_recover,test/recover_test.c $(VIRTIO_BLOCK_TEST))
$(call host_test,virtio_block_layout,test/layout_test.c layout.c)
$(call fuzz_test,virtio_block_fuzz,test/block_fuzz.c device.c request.c recover.c /lib/virtio/queue.c /lib/virtio/queue_driver.c)
