/* SPDX-License-Identifier: MIT */
/*
 * QEMU's device `edu` (1234:11e8, docs/specs/edu): it copies between a buffer of its own and memory, and interrupts when
 * told to. Reached through core's services alone, without a platform driver: it has the address that the scenario says.
 */
#ifndef TEST_DMA_EDU_H
#define TEST_DMA_EDU_H

#include "contract/dma/wire.h"
#include "lib/base/session.h"

#include <stdbool.h>
#include <stdint.h>

#define EDU_ADDRESS 0x20u /* bus 0, device 4, function 0 */
#define EDU_ECAM    0xb0000000ull
#define EDU_UNIT    0xfed90000ull /* registers of QEMU's intel-iommu */
#define EDU_IOAPIC  0xff00u       /* requester id of QEMU's I/O APIC */
#define EDU_GSI     "gsi=20, trigger=level, polarity=low"

struct edu {
    struct connection config_session, bar_session;
    volatile uint8_t *config;
    volatile uint8_t *registers;
};

/* False: there is none. */
bool edu_open(struct edu *edu);

/* What DMA_DEVICE_ATTACH wants to know. */
struct dma_device edu_device(bool iommu);

void edu_bus_master(struct edu *edu, bool on);
bool edu_is_bus_master(const struct edu *edu);

/* Message-signalled from now on; or INTx. */
void edu_message_set(struct edu *edu, uint64_t address, uint32_t data);
void edu_message_off(struct edu *edu);

void edu_raise(struct edu *edu);
/* False: nothing was raised. */
bool edu_quiet(struct edu *edu);

/* Copies between offset 0 of the device's buffer and a bus address, and waits until that is over. */
void edu_read(struct edu *edu, uint64_t bus, uint32_t size);
void edu_write(struct edu *edu, uint64_t bus, uint32_t size);

#endif
