# SPDX-License-Identifier: MIT
# Loader for guest kernels.
$(call library,vmm_image,image.c linux.c,string)
$(call host_test,vmm_image_test,test/image_test.c image.c linux.c,)
$(call host_test,vmm_image_linux_test,test/linux_test.c image.c linux.c)
$(call fuzz_test,vmm_image_fuzz,test/image_fuzz.c image.c linux.c)
