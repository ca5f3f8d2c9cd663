# SPDX-License-Identifier: MIT
# Loader for guest kernels.
$(call library,vmm_image,image.c,string)
$(call host_test,vmm_image_test,test/image_test.c image.c,)
