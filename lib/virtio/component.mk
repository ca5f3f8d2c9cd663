# SPDX-License-Identifier: MIT
# lib/virtio: split virtqueues from both sides, and the layouts of the PCI transport and of virtio-blk.
$(call library,virtio,queue.c queue_driver.c queue_device.c)
$(call host_test,virtqueue_test,test/queue_test.c queue.c queue_driver.c queue_device.c)
$(call host_test,virtqueue_hostile,test/hostile_test.c queue.c queue_driver.c queue_device.c)
$(call host_test,virtqueue_threads_asan,test/queue_threads.c queue.c queue_driver.c queue_device.c,-pthread)
$(call host_test_tsan,virtqueue_threads_tsan,test/queue_threads.c queue.c queue_driver.c queue_device.c,-pthread)
$(call fuzz_test,virtqueue_device_fuzz,test/device_fuzz.c queue.c queue_device.c)
$(call fuzz_test,virtqueue_driver_fuzz,test/driver_fuzz.c queue.c queue_driver.c)
