// SPDX-License-Identifier: MIT
//
// What the virtual PC has that a guest cannot find by itself: the serial port, the clock, and how to power off.
// There is no PCI host bridge: a guest then looks for none.
DefinitionBlock ("", "DSDT", 2, "TESSRA", "TESSERA ", 0x00000001)
{
    // Sleep type of S5 for the PM1 control register of vmm/device/acpi_pm.
    Name (\_S5, Package () { 0x05, 0x05, 0x00, 0x00 })

    Scope (\_SB)
    {
        Device (COM1)
        {
            Name (_HID, EisaId ("PNP0501"))
            Name (_UID, 0x01)
            Method (_STA, 0, NotSerialized) { Return (0x0F) }
            Name (_CRS, ResourceTemplate ()
            {
                IO (Decode16, 0x03F8, 0x03F8, 0x00, 0x08)
                IRQNoFlags () { 4 }
            })
        }

        Device (RTC0)
        {
            Name (_HID, EisaId ("PNP0B00"))
            Name (_CRS, ResourceTemplate ()
            {
                IO (Decode16, 0x0070, 0x0070, 0x00, 0x02)
                IRQNoFlags () { 8 }
            })
        }
    }
}
