# SPDX-License-Identifier: MIT
# lib/child: an ELF program becomes a running component. elf is its hardware-free part, which core uses too.
$(call library,elf,elf.c,string)
$(call library,child,child.c,base elf string)
$(call host_test,elf_test,test/elf_test.c elf.c)
