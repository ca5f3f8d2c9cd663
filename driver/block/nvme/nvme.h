/* SPDX-License-Identifier: MIT */
/*
 * NVM Express: registers, commands and data structures, as far as this driver uses them. Names and numbers are those of the
 * NVM Express Base Specification 1.4 (sections in brackets).
 */
#ifndef DRIVER_BLOCK_NVME_NVME_H
#define DRIVER_BLOCK_NVME_NVME_H

#include <stdint.h>

/* Controller registers (3.1). CAP, ASQ and ACQ have 64 bits. */
enum nvme_register {
    NVME_CAP = 0x00,  /* Controller Capabilities, read-only */
    NVME_VS = 0x08,   /* Version, read-only */
    NVME_CC = 0x14,   /* Controller Configuration */
    NVME_CSTS = 0x1c, /* Controller Status */
    NVME_AQA = 0x24,  /* Admin Queue Attributes */
    NVME_ASQ = 0x28,  /* Admin Submission Queue Base Address */
    NVME_ACQ = 0x30,  /* Admin Completion Queue Base Address */
    NVME_DOORBELLS = 0x1000,
};

/* CAP (3.1.1) */
#define NVME_CAP_MQES(cap)   ((uint32_t)((cap)&0xffff) + 1)   /* Maximum Queue Entries Supported */
#define NVME_CAP_TO(cap)     ((uint32_t)((cap) >> 24 & 0xff)) /* Timeout, in 500 ms */
#define NVME_CAP_DSTRD(cap)  (4u << ((cap) >> 32 & 0xf))      /* Doorbell Stride, bytes */
#define NVME_CAP_CSS_NVM     (1ull << 37)                     /* NVM command set */
#define NVME_CAP_MPSMIN(cap) ((uint32_t)((cap) >> 48 & 0xf))  /* Memory Page Size Minimum, 2^(12 + n) */

/* CC (3.1.5): pages of 4 KiB, NVM command set, round robin, entries of 64 and 16 bytes */
#define NVME_CC_EN     (1u << 0)
#define NVME_CC_IOSQES (6u << 16)
#define NVME_CC_IOCQES (4u << 20)

/* CSTS (3.1.6) */
#define NVME_CSTS_RDY (1u << 0)
#define NVME_CSTS_CFS (1u << 1) /* Controller Fatal Status */

/* Submission queue entry (4.2). */
struct nvme_command {
    uint32_t cdw0; /* opcode 7:0, PSDT 15:14, command identifier 31:16 */
    uint32_t nsid;
    uint32_t cdw2, cdw3;
    uint64_t mptr;
    uint64_t dptr[2]; /* PRP entries 1 and 2, or an SGL descriptor */
    uint32_t cdw10, cdw11, cdw12, cdw13, cdw14, cdw15;
};

#define NVME_PSDT_SGL (1u << 14) /* the data are described by an SGL */

/* Completion queue entry (4.6). */
struct nvme_completion {
    uint32_t dw0; /* command specific */
    uint32_t dw1;
    uint32_t sq;     /* head pointer 15:0, identifier 31:16 */
    uint32_t status; /* command identifier 15:0, phase tag 16, status field 31:17 */
};

#define NVME_PHASE(status)  ((status) >> 16 & 1)
#define NVME_SC(status)     ((status) >> 17 & 0xff) /* Status Code */
#define NVME_SCT(status)    ((status) >> 25 & 0x7)  /* Status Code Type */
#define NVME_DNR(status)    ((status) >> 31)        /* Do Not Retry */
#define NVME_FAILED(status) ((status) >> 17 != 0)

/* Status codes (4.6.1.2): generic ones (type 0), and of media (type 2). */
enum nvme_status {
    NVME_SC_LBA_RANGE = 0x80,
    NVME_SC_WRITE_PROTECTED = 0x20,
    NVME_SCT_GENERIC = 0,
};

/* Admin commands (5) and NVM commands (6). */
enum nvme_opcode {
    NVME_CREATE_SQ = 0x01,
    NVME_CREATE_CQ = 0x05,
    NVME_IDENTIFY = 0x06,
    NVME_SET_FEATURES = 0x09,
    NVME_ASYNC_EVENT = 0x0c,
    NVME_GET_LOG_PAGE = 0x02,

    NVME_FLUSH = 0x00,
    NVME_WRITE = 0x01,
    NVME_READ = 0x02,
    NVME_WRITE_ZEROES = 0x08,
    NVME_DATASET_MANAGEMENT = 0x09,
};

#define NVME_RW_FUA           (1u << 30) /* CDW12 of WRITE and WRITE ZEROES */
#define NVME_DSM_DEALLOCATE   (1u << 2)  /* CDW11 */
#define NVME_QUEUE_CONTIGUOUS (1u << 0)  /* CDW11 of CREATE */
#define NVME_CQ_INTERRUPTS    (1u << 1)

enum nvme_feature {
    NVME_FEATURE_QUEUES = 0x07,
    NVME_FEATURE_EVENTS = 0x0b,
    NVME_EVENT_NAMESPACE = 1u << 8, /* Namespace Attribute Notices */
};

#define NVME_LOG_CHANGED_NAMESPACES 0x04u

/* Identify (5.15): CNS values, and byte offsets in the two structures. */
enum nvme_identify {
    NVME_CNS_NAMESPACE = 0,
    NVME_CNS_CONTROLLER = 1,

    NVME_ID_SERIAL = 4, /* 20 characters */
    NVME_ID_MODEL = 24, /* 40 characters */
    NVME_ID_MDTS = 77,  /* Maximum Data Transfer Size, 2^n pages; 0: none */
    NVME_ID_NN = 516,   /* Number of Namespaces */
    NVME_ID_ONCS = 520, /* Optional NVM Command Support */
    NVME_ID_VWC = 525,  /* Volatile Write Cache */
    NVME_ID_SGLS = 536, /* SGL Support */

    NVME_NS_NSZE = 0,    /* Namespace Size, blocks */
    NVME_NS_FLBAS = 26,  /* Formatted LBA Size */
    NVME_NS_DPS = 29,    /* End-to-end Data Protection Type Settings */
    NVME_NS_NSATTR = 99, /* Namespace Attributes */
    NVME_NS_LBAF0 = 128, /* LBA formats, 4 bytes each: metadata size 15:0, data size 2^n 23:16 */

    NVME_IDENTIFY_SIZE = 4096,
};

#define NVME_ONCS_DSM          (1u << 2)
#define NVME_ONCS_WRITE_ZEROES (1u << 3)
#define NVME_NSATTR_PROTECTED  (1u << 0)

/* SGL descriptors (4.4): address, length, and the kind in the last byte. */
struct nvme_sgl {
    uint64_t address;
    uint32_t length;
    uint8_t reserved[3];
    uint8_t kind;
};

enum nvme_sgl_kind {
    NVME_SGL_DATA = 0x00,
    NVME_SGL_LAST_SEGMENT = 0x30,
};

/* A range of DATASET MANAGEMENT (6.7). */
struct nvme_range {
    uint32_t attributes;
    uint32_t blocks;
    uint64_t first;
};

_Static_assert(sizeof(struct nvme_command) == 64, "NVMe 4.2");
_Static_assert(sizeof(struct nvme_completion) == 16, "NVMe 4.6");
_Static_assert(sizeof(struct nvme_sgl) == 16, "NVMe 4.4");
_Static_assert(sizeof(struct nvme_range) == 16, "NVMe 6.7");

/* How the core reaches its controller. Functions, so that a fake one can be in its place. */
struct nvme_hardware {
    uint32_t (*read)(void *context, uint32_t offset);
    void (*write)(void *context, uint32_t offset, uint32_t value);
    uint64_t (*now_ms)(void *context);
    uint32_t size;                 /* bytes of the registers */
    void (*rested)(void *context); /* the controller is at rest: it may reach memory, again if need be */
    void (*pause)(
        void *context); /* a millisecond, while the controller starts or an admin command is under way */
    void *context;
};

/* Memory that the controller shares. */
struct nvme_memory {
    void *address;
    uint64_t bus;
};

#define NVME_PAGE 4096u

#endif
