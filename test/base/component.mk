# SPDX-License-Identifier: MIT
# lib/base on the real kernel, tried by a program in init's place.
$(call component,base_test,main.c service.c thread.c object.c entrypoint.c,base contract contract_dispatch fmt string)
