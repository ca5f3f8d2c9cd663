/* SPDX-License-Identifier: MIT */
/* Capabilities of a VIRTIO PCI function: as QEMU has them, and as nobody should. */
#include <stdlib.h>
#include <string.h>

#include "driver/block/virtio/pci.h"
#include "test/check.h"

static uint8_t config[256];
static unsigned reads;

static enum status read_config(void *context, unsigned offset, unsigned width, uint32_t *value)
{
    (void)context;
    reads++;
    REQUIRE(offset + width <= sizeof(config) && offset % width == 0);
    *value = 0;
    memcpy(value, config + offset, width);
    return OK;
}

static enum status fail_config(void *context, unsigned offset, unsigned width, uint32_t *value)
{
    (void)context;
    (void)offset;
    (void)width;
    (void)value;
    return ERR_PEER_GONE;
}

static void capability(unsigned at, unsigned next, unsigned type, unsigned bar, uint32_t offset,
                       uint32_t length)
{
    struct virtio_pci_notify_cap cap = {
        .cap = {.cap_vndr = VIRTIO_PCI_CAP_VENDOR,
                .cap_next = (uint8_t)next,
                .cap_len = type == VIRTIO_PCI_CAP_NOTIFY_CFG ? sizeof(cap) : sizeof(cap.cap),
                .cfg_type = (uint8_t)type,
                .bar = (uint8_t)bar,
                .offset = offset,
                .length = length},
        .notify_off_multiplier = 4,
    };

    memcpy(config + at, &cap, cap.cap.cap_len);
}

/* MSI-X, then the structures in QEMU's order. */
static void good(void)
{
    memset(config, 0, sizeof(config));
    config[6] = 0x10;
    config[0x34] = 0x98;
    config[0x98] = 0x11;
    config[0x99] = 0x84;
    capability(0x84, 0x70, VIRTIO_PCI_CAP_PCI_CFG, 0, 0, 0);
    capability(0x70, 0x60, VIRTIO_PCI_CAP_NOTIFY_CFG, 4, 0x3000, 0x1000);
    capability(0x60, 0x50, VIRTIO_PCI_CAP_DEVICE_CFG, 4, 0x2000, 0x1000);
    capability(0x50, 0x40, VIRTIO_PCI_CAP_ISR_CFG, 4, 0x1000, 0x1000);
    capability(0x40, 0, VIRTIO_PCI_CAP_COMMON_CFG, 4, 0, 0x1000);
}

static struct pci_layout layout;

static enum status walk(void)
{
    reads = 0;
    enum status status = pci_layout_read(read_config, NULL, &layout);
    CHECK(reads < 1000);
    return status;
}

static void test_good(void)
{
    CASE("QEMU's capabilities");
    good();
    CHECK_EQ(walk(), OK);
    CHECK_EQ(layout.windows[VIRTIO_PCI_CAP_NOTIFY_CFG].offset, 0x3000);
    CHECK_EQ(layout.windows[VIRTIO_PCI_CAP_COMMON_CFG].length, 0x1000);
    CHECK_EQ(layout.notify_off_multiplier, 4);
    CHECK_EQ(layout.windows[VIRTIO_PCI_CAP_ISR_CFG].bar, 4);

    CASE("of several the first that can be used");
    good();
    capability(0xb0, 0x98, VIRTIO_PCI_CAP_COMMON_CFG, 7, 0x100, 0x1000);
    capability(0xc0, 0xb0, VIRTIO_PCI_CAP_DEVICE_CFG, 1, 0x200, 64);
    config[0x34] = 0xc0;
    CHECK_EQ(walk(), OK);
    CHECK(layout.windows[VIRTIO_PCI_CAP_DEVICE_CFG].bar == 1);
    CHECK(layout.windows[VIRTIO_PCI_CAP_COMMON_CFG].bar == 4);
}

static void missing(const char *name)
{
    CASE(name);
    CHECK_EQ(walk(), ERR_NOT_FOUND);
    good();
}

static void test_bad(void)
{
    good();
    config[6] = 0;
    missing("no capabilities");
    config[0x41] = 0x98;
    config[0x43] = 99;
    missing("a list that is a loop");
    config[0x34] = 0x3c;
    missing("a list inside the header");
    config[0x42] = 15;
    missing("a capability that is too short");
    config[0x72] = 16;
    missing("a notify capability without its multiplier");
    config[0x44] = 6;
    missing("a base address register that there is not");
    capability(0x40, 0, VIRTIO_PCI_CAP_COMMON_CFG, 4, 0, 55);
    missing("a common configuration that is too short");
    capability(0x40, 0, VIRTIO_PCI_CAP_COMMON_CFG, 4, 2, 64);
    missing("registers that are not aligned");
    capability(0x60, 0x50, VIRTIO_PCI_CAP_DEVICE_CFG, 4, 0, 4);
    missing("no room for the capacity");
    config[0x51] = 0;
    missing("the common configuration is missing");
    config[0x41] = 0xf4;
    config[0x43] = 99;
    config[0xf4] = VIRTIO_PCI_CAP_VENDOR;
    config[0xf5] = 0xfc;
    config[0xfc] = VIRTIO_PCI_CAP_VENDOR;
    missing("capabilities that would leave configuration space");
    CASE("configuration space that cannot be read");
    CHECK_EQ(pci_layout_read(fail_config, NULL, &layout), ERR_PEER_GONE);
    CASE("any bytes");
    for (unsigned i = 0; i < 200000; i++) {
        for (unsigned k = 0; k < 8; k++)
            config[(unsigned)rand() % 256] = (uint8_t)(rand() % 4 ? rand() & 0xfc : rand());
        config[6] |= 0x10;
        (void)walk();
    }
}

int main(void)
{
    srand(3);
    test_good();
    test_bad();
    return check_finish();
}
