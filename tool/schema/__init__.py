# SPDX-License-Identifier: MIT
"""Schemas of configurations: tool/check-config, and tool/run before a start.

A component that reads a configuration has a file `config.schema` in its folder:

    <schema component="panel" doc="what the component does with it, one line">
        <element name="config">
            <attribute name="key" type="string" pattern="ctrl-." default="ctrl-t" doc="changes the focus"/>
            <element name="policy" count="any" doc="for sessions with this label">
                <exactly-one of="label label_prefix"/>
                <attribute name="label" type="label"/>
                <attribute name="label_prefix" type="label"/>
                <attribute name="input" type="boolean" default="yes"/>
            </element>
            <use group="colours"/>
        </element>
        <group name="colours" doc="..."> <attribute .../> <element .../> </group>
    </schema>

A folder with several components has a root <schemas> around their <schema> nodes.

<element>: name, count ("one", "optional", "many": at least one, "any"), doc. content="config": what is inside belongs to
the child that the parent node starts (its <binary name>, else its name), and is checked by that component's schema.
content="free": anything. Otherwise nothing but the elements named.

<attribute>: name, type, doc, and either required="yes" or, if there is one, default. Types:
    string    max="bytes", pattern="regular expression for the whole value"
    label     not empty, printable, at most 159 bytes
    number    decimal or 0x...; min, max
    size      a number, with K, M or G; min, max, multiple
    boolean   yes true on, no false off
    enum      values="one two three"

<exactly-one of="a b">, <at-most-one of="a b">: attributes that exclude each other. <group> and <use>: what several
elements share; groups may use themselves.
"""
