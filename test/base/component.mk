# SPDX-License-Identifier: MIT
# lib/base on the real kernel, tried by a program in init's place.
$(call component,base_test,main.c thread.c object.c entrypoint.c,base fmt string)
