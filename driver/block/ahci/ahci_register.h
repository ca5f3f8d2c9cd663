/* SPDX-License-Identifier: MIT */
/*
 * Registers and memory structures of an AHCI host bus adapter (HBA), by their names in "Serial ATA AHCI 1.3.1". Sections are
 * that document's.
 *
 * Access modes: RO, RW, RW1 (writing one sets, the device clears), RWC (writing one clears).
 */
#ifndef DRIVER_BLOCK_AHCI_REGISTER_H
#define DRIVER_BLOCK_AHCI_REGISTER_H

#include <stdint.h>

#define AHCI_BAR       5u /* ABAR (2.1.11) */
#define AHCI_PORTS_MAX 32u
#define AHCI_SLOTS_MAX 32u

/* Generic host control (3.1). */
enum ahci_hba_register {
    AHCI_CAP = 0x00,  /* RO: capabilities */
    AHCI_GHC = 0x04,  /* RW: global HBA control */
    AHCI_IS = 0x08,   /* RWC: interrupt status, a bit a port */
    AHCI_PI = 0x0c,   /* RO: ports implemented */
    AHCI_CAP2 = 0x24, /* RO */
    AHCI_BOHC = 0x28, /* RW: BIOS/OS handoff control and status */
};

#define AHCI_CAP_SLOTS(cap) (((cap) >> 8 & 31u) + 1) /* NCS */
#define AHCI_CAP_SNCQ       (1u << 30)               /* native command queuing */
#define AHCI_CAP_S64A       (1u << 31)               /* 64-bit addresses */
#define AHCI_CAP2_BOH       (1u << 0)                /* has BOHC */

#define AHCI_GHC_HR (1u << 0)  /* RW1: HBA reset */
#define AHCI_GHC_IE (1u << 1)  /* interrupts */
#define AHCI_GHC_AE (1u << 31) /* AHCI, not legacy */

#define AHCI_BOHC_BOS (1u << 0) /* the BIOS owns the HBA */
#define AHCI_BOHC_OOS (1u << 1) /* the OS does */
#define AHCI_BOHC_BB  (1u << 4) /* the BIOS is busy cleaning up */

/* Port registers (3.3), from AHCI_PORT(number) on. */
#define AHCI_PORT(number) (0x100u + 0x80u * (number))

enum ahci_port_register {
    PORT_CLB = 0x00,  /* RW: command list base, low and high */
    PORT_CLBU = 0x04, /* RW */
    PORT_FB = 0x08,   /* RW: received FIS base, low and high */
    PORT_FBU = 0x0c,  /* RW */
    PORT_IS = 0x10,   /* RWC: interrupt status */
    PORT_IE = 0x14,   /* RW: interrupt enable, bits as in IS */
    PORT_CMD = 0x18,  /* RW: command and status */
    PORT_TFD = 0x20,  /* RO: task file: status in bits 7:0, error in bits 15:8 */
    PORT_SIG = 0x24,  /* RO: signature */
    PORT_SSTS = 0x28, /* RO: SATA status */
    PORT_SCTL = 0x2c, /* RW: SATA control */
    PORT_SERR = 0x30, /* RWC: SATA error */
    PORT_SACT = 0x34, /* RW1: queued commands that are outstanding */
    PORT_CI = 0x38,   /* RW1: commands issued */
};

#define PORT_IS_DHRS (1u << 0)  /* device to host register FIS */
#define PORT_IS_PSS  (1u << 1)  /* PIO setup FIS */
#define PORT_IS_SDBS (1u << 3)  /* set device bits FIS */
#define PORT_IS_PCS  (1u << 6)  /* connect change; cleared through SERR */
#define PORT_IS_PRCS (1u << 22) /* PhyRdy change; cleared through SERR */
#define PORT_IS_OFS  (1u << 24) /* overflow */
#define PORT_IS_IFS  (1u << 27) /* interface fatal error */
#define PORT_IS_HBDS (1u << 28) /* host bus data error */
#define PORT_IS_HBFS (1u << 29) /* host bus fatal error */
#define PORT_IS_TFES (1u << 30) /* task file error */

#define PORT_IS_LINK   (PORT_IS_PCS | PORT_IS_PRCS)
#define PORT_IS_FATAL  (PORT_IS_OFS | PORT_IS_IFS | PORT_IS_HBDS | PORT_IS_HBFS)
#define PORT_IS_ERRORS (PORT_IS_LINK | PORT_IS_FATAL | PORT_IS_TFES)
#define PORT_IS_WANTED (PORT_IS_DHRS | PORT_IS_PSS | PORT_IS_SDBS | PORT_IS_ERRORS)

#define PORT_CMD_ST         (1u << 0)  /* start: process the command list */
#define PORT_CMD_SUD        (1u << 1)  /* spin-up device */
#define PORT_CMD_POD        (1u << 2)  /* power on device */
#define PORT_CMD_FRE        (1u << 4)  /* receive FISes */
#define PORT_CMD_CR         (1u << 15) /* RO: command list running */
#define PORT_CMD_ICC_MASK   (15u << 28)
#define PORT_CMD_ICC_ACTIVE (1u << 28)

#define PORT_SSTS_DET(ssts)    ((ssts)&15u)
#define PORT_SSTS_DET_NONE     0u
#define PORT_SSTS_DET_READY    3u /* device there and communicating */
#define PORT_SCTL_DET_RESET    1u /* COMRESET while it is set, at least 1 ms (10.4.2) */
#define PORT_SCTL_NO_POWERSAVE (3u << 8)

enum ahci_signature { /* 5.2.2.x, and ACS "signatures" */
                      AHCI_SIGNATURE_DISK = 0x00000101,
                      AHCI_SIGNATURE_ATAPI = 0xeb140101,
};

/* Command list entry (4.2.2). */
struct ahci_header {
    uint32_t options;     /* AHCI_HEADER_*, entries of the PRD table in bits 31:16 */
    uint32_t transferred; /* PRDBC: bytes; not for queued commands */
    uint32_t table_low, table_high;
    uint32_t reserved[4];
};

#define AHCI_HEADER_FIS_DWORDS  5u
#define AHCI_HEADER_WRITE       (1u << 6) /* to the device */
#define AHCI_HEADER_PRDS(count) ((uint32_t)(count) << 16)

/* Physical region descriptor (4.2.3.3): a piece of data in memory; address and length are even, at most 4 MiB. */
struct ahci_prd {
    uint32_t address_low, address_high;
    uint32_t reserved;
    uint32_t last; /* bytes - 1 */
};

#define AHCI_PRD_BYTES_MAX (4u << 20)
#define AHCI_PRDS          504u /* our choice: a table is two pages */

/* Command table (4.2.3), aligned to 128 bytes. */
struct ahci_table {
    uint32_t fis[16];
    uint32_t packet[4];
    uint32_t reserved[12];
    struct ahci_prd prd[AHCI_PRDS];
};

#define AHCI_RECEIVED_FIS_SIZE 256u

_Static_assert(sizeof(struct ahci_header) == 32, "AHCI 4.2.2");
_Static_assert(sizeof(struct ahci_prd) == 16, "AHCI 4.2.3.3");
_Static_assert(sizeof(struct ahci_table) == 8192, "AHCI 4.2.3");
_Static_assert(__builtin_offsetof(struct ahci_table, prd) == 0x80, "AHCI 4.2.3");

#endif
