# SPDX-License-Identifier: MIT
# DMA and message-signalled interrupts of a real (emulated) device, tried by a program in init's place.
$(call component,dma_test,main.c edu.c /test/core/check.c,base contract fmt string)
