/* SPDX-License-Identifier: MIT */
/*
 * CPUID feature bits by their names in the manuals (Intel SDM volume 2, CPUID; AMD APM volume 3, appendix E), and the
 * lists of those that a guest may see. Inside vmm/cpu.
 */
#ifndef VMM_CPU_CPUID_BITS_H
#define VMM_CPU_CPUID_BITS_H

#define BIT(n) (1u << (n))

/* Leaf 1, ECX. */
#define ECX1_SSE3         BIT(0)
#define ECX1_PCLMULQDQ    BIT(1)
#define ECX1_SSSE3        BIT(9)
#define ECX1_FMA          BIT(12)
#define ECX1_CX16         BIT(13)
#define ECX1_SSE4_1       BIT(19)
#define ECX1_SSE4_2       BIT(20)
#define ECX1_X2APIC       BIT(21)
#define ECX1_MOVBE        BIT(22)
#define ECX1_POPCNT       BIT(23)
#define ECX1_TSC_DEADLINE BIT(24)
#define ECX1_AES          BIT(25)
#define ECX1_XSAVE        BIT(26)
#define ECX1_OSXSAVE      BIT(27)
#define ECX1_AVX          BIT(28)
#define ECX1_F16C         BIT(29)
#define ECX1_RDRAND       BIT(30)
#define ECX1_HYPERVISOR   BIT(31)
#define ECX1_NEED_AVX     (ECX1_FMA | ECX1_AVX | ECX1_F16C)
/* Not MONITOR, VMX, SMX, EST, TM2, PDCM, PCID, DCA. */
#define ECX1_ALLOWED                                                                              \
    (ECX1_SSE3 | ECX1_PCLMULQDQ | ECX1_SSSE3 | ECX1_FMA | ECX1_CX16 | ECX1_SSE4_1 | ECX1_SSE4_2 | \
     ECX1_MOVBE | ECX1_POPCNT | ECX1_AES | ECX1_XSAVE | ECX1_AVX | ECX1_F16C | ECX1_RDRAND)

/*
 * Leaf 1, EDX: FPU VME DE PSE TSC MSR PAE - CX8 APIC - SEP MTRR PGE - CMOV PAT PSE36 - CLFSH MMX FXSR SSE SSE2.
 * Not MCE and MCA (no banks), DS, ACPI (thermal), SS, TM, PBE, PSN.
 */
#define EDX1_HTT BIT(28)
#define EDX1_ALLOWED                                                                                 \
    (0x7fu | BIT(8) | BIT(9) | BIT(11) | BIT(12) | BIT(13) | BIT(15) | BIT(16) | BIT(17) | BIT(19) | \
     BIT(23) | BIT(24) | BIT(25) | BIT(26))

/* Leaf 7, EBX. */
#define EBX7_FSGSBASE   BIT(0)
#define EBX7_TSC_ADJUST BIT(1)
#define EBX7_SMEP       BIT(7)
#define EBX7_SMAP       BIT(20)
#define EBX7_AVX2       BIT(5)
#define EBX7_AVX512     (BIT(16) | BIT(17) | BIT(21) | BIT(28) | BIT(30) | BIT(31))
/* BMI1 AVX2 FDP BMI2 ERMS RDSEED ADX CLFLUSHOPT CLWB SHA as well. Not HLE, RTM, INVPCID, PQM, MPX, PT. */
#define EBX7_ALLOWED                                                                                 \
    (EBX7_FSGSBASE | BIT(3) | EBX7_AVX2 | BIT(6) | EBX7_SMEP | BIT(8) | BIT(9) | BIT(18) | BIT(19) | \
     EBX7_SMAP | BIT(23) | BIT(24) | BIT(29) | EBX7_AVX512)

/* Leaf 7, ECX: UMIP GFNI VAES VPCLMULQDQ and the AVX-512 ones. Not PKU, WAITPKG, CET, LA57, RDPID without TSC_AUX. */
#define ECX7_UMIP     BIT(2)
#define ECX7_RDPID    BIT(22)
#define ECX7_NEED_AVX (BIT(9) | BIT(10))
#define ECX7_AVX512   (BIT(1) | BIT(6) | BIT(11) | BIT(12) | BIT(14))
#define ECX7_ALLOWED  (ECX7_UMIP | BIT(8) | ECX7_NEED_AVX | ECX7_AVX512)

/* Leaf 7, EDX: FSRM, MD_CLEAR, SERIALIZE; AVX512_VP2INTERSECT. Not what needs an MSR (SPEC_CTRL, ARCH_CAPABILITIES, ...). */
#define EDX7_AVX512  BIT(8)
#define EDX7_ALLOWED (BIT(4) | BIT(10) | BIT(14) | EDX7_AVX512)

/* Leaf 7.1, EAX: AVX_VNNI, AVX512_BF16. */
#define EAX71_AVX     BIT(4)
#define EAX71_AVX512  BIT(5)
#define EAX71_ALLOWED (EAX71_AVX | EAX71_AVX512)

/* Leaf 0xD.1, EAX: XSAVEOPT, XSAVEC, XGETBV with ECX = 1. Not XSAVES, XFD. */
#define EAXD1_XSAVEC  BIT(1)
#define EAXD1_ALLOWED (BIT(0) | EAXD1_XSAVEC | BIT(2))

/* Leaf 0x80000001, ECX: LAHF, CMP_LEGACY, ABM, SSE4A, MISALIGNSSE, 3DNOWPREFETCH, XOP, FMA4, TBM. Not SVM, IBS, TOPOEXT. */
#define ECX81_CMP_LEGACY BIT(1)
#define ECX81_NEED_AVX   (BIT(11) | BIT(16))
#define ECX81_ALLOWED    (BIT(0) | BIT(5) | BIT(6) | BIT(7) | BIT(8) | ECX81_NEED_AVX | BIT(21))

/* Leaf 0x80000001, EDX: the low ones repeat leaf 1 (AMD only), SYSCALL NX MMXEXT FXSR_OPT PDPE1GB RDTSCP LM. */
#define EDX81_RDTSCP BIT(27)
#define EDX81_ALLOWED                                                                                \
    (0x7fu | BIT(8) | BIT(9) | BIT(11) | BIT(12) | BIT(13) | BIT(15) | BIT(16) | BIT(17) | BIT(20) | \
     BIT(22) | BIT(23) | BIT(24) | BIT(25) | BIT(26) | BIT(29))

/* Leaf 0x80000007, EDX; leaf 0x80000008, EBX: CLZERO, RstrFpErrPtrs, WBNOINVD. */
#define EDX87_INVARIANT_TSC BIT(8)
#define EBX88_ALLOWED       (BIT(0) | BIT(2) | BIT(9))

#endif
