# SPDX-License-Identifier: MIT
# lib/device: a PCI function as its driver sees it.
$(call library,device,device.c address.c,base contract fmt)
$(call host_test,device_address_test,test/address_test.c address.c)
