/* SPDX-License-Identifier: MIT */
/* AMD-V: see svm.c. */
#ifndef KERNEL_ARCH_X86_64_SVM_H
#define KERNEL_ARCH_X86_64_SVM_H

struct cpu;

void svm_init(struct cpu *cpu);

#endif
