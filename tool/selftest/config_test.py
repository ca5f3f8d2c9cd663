#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Schemas (tool/schema, tool/check-config): each kind of mistake in a configuration, schemas against code and README."""
import os
import subprocess
import sys
import tempfile
import unittest

TOOL = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, TOOL)
from runner import Failure  # noqa: E402
from schema import document, model, tree  # noqa: E402

SCHEMAS = """<schemas>
    <schema component="init">
        <element name="config">
            <element name="start" count="many">
                <attribute name="name" type="string" required="yes"/>
                <element name="binary" count="optional"> <attribute name="name" type="string" required="yes"/> </element>
                <element name="config" count="optional" content="config"/>
            </element>
        </element>
    </schema>
    <schema component="panel" doc="a test">
        <element name="config">
            <attribute name="size" type="size" min="4K" max="1M" multiple="4K" default="64K" doc="how | much"/>
            <attribute name="count" type="number" max="9"/>
            <attribute name="on" type="boolean" default="no"/>
            <attribute name="colour" type="enum" values="red green"/>
            <attribute name="key" type="string" pattern="ctrl-." max="6"/>
            <use group="rules"/>
            <element name="note" count="optional" content="free"/>
        </element>
        <group name="rules">
            <element name="policy" count="any">
                <exactly-one of="label prefix"/>
                <attribute name="label" type="label"/> <attribute name="prefix" type="label"/>
                <use group="rules"/>
            </element>
        </group>
    </schema>
</schemas>"""
CODE = """static const char *const names[] = {"size", "count", NULL};
xml_attribute_bool(node, "on", &on); xml_attribute(node, wide ? "label" : "prefix", &text); xml_name_is(node, "policy");
static const struct element elements[] = {{"note", "colour key", true, read_note}};
"""


def scratch(**files):
    folder = tempfile.TemporaryDirectory()
    for name, text in files.items():
        path = os.path.join(folder.name, name.replace("__", "/").replace("_dot_", "."))
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
    return folder


class ConfigTest(unittest.TestCase):
    def problems(self, text):
        """What is said about a panel's <config> inside an init's configuration; the file is called x.xml."""
        with scratch(schema=SCHEMAS, config=f'<config>\n<start name="p"><binary name="panel"/>\n{text}</start></config>') as folder:
            schemas = {one.component: one for one in model.load_file(os.path.join(folder, "schema"), "s")}
            checker = model.Checker(schemas, "x.xml", lambda binary: binary)
            checker.config(document.read(os.path.join(folder, "config"), "x.xml"), "init")
            return checker.problems

    def good(self, text):
        self.assertEqual(self.problems(text), [])

    def bad(self, text, *words, count=1):
        found = self.problems(text)
        self.assertEqual(len(found), count, found)
        for word in ("x.xml:3: ", *words):
            self.assertIn(word, found[0])

    def test_values(self):
        for size in ("4K", "0x1000", "1M", "8192"):
            self.good(f'<config size="{size}"/>')
        for size in ("4097", "2M", "0", "4k", "", "K", "-4K", "99999999999999999999G"):
            self.bad(f'<config size="{size}"/>', f'size="{size}"', "a size (like 64K or 512M) from 4K to 1M, a multiple of 4K")
        self.good('<config count="9"/>')
        self.bad('<config count="1K"/>', "a number from 0 to 9")
        self.good('<config on="true"/>')
        self.bad('<config on="Yes"/>', "yes or no")
        self.good('<config colour="red"/>')
        self.bad('<config colour="blue"/>', "one of: red green")
        self.good('<config key="ctrl-t"/>')
        self.bad('<config key="ctrl-tt"/>', "a text like ctrl-. of at most 6 bytes")
        self.bad('<config><policy label=""/></config>', "a label")

    def test_structure(self):
        self.good('<config><policy label="a"><policy prefix="b"/></policy><note>any <thing x="1"/></note></config>')
        self.bad('<config colr="red"/>', "unknown attribute 'colr', expected one of: size count on colour key (s)")
        self.bad("<config><polcy/></config>", "<polcy>: unknown node in <config>, expected one of: note policy")
        self.bad("<config><note/><note/></config>", "more often than once")
        self.bad("<config>text</config>", 'text "text"')
        self.bad('<config><policy label="a" prefix="b"/></config>', "exactly one of these attributes", "label prefix")
        self.bad("<config><policy/></config>", "exactly one of")
        self.bad('<config><policy label="a"><policy prefix="b" x="1"/></policy></config>', "unknown attribute 'x'")

    def test_children(self):
        nested = '<binary name="init"/><config><start name="q"><binary name="panel"/>{}</start></config>'
        with scratch(schema=SCHEMAS) as folder:
            schemas = {one.component: one for one in model.load_file(os.path.join(folder, "schema"), "s")}
        for inner, wanted in (('<config on="no"/>', 0), ('<config on="not"/>', 1), ("<config><config/></config>", 1)):
            with scratch(config=f'<config><start name="p">{nested.format(inner)}</start></config>') as folder:
                checker = model.Checker(schemas, "x.xml", lambda binary: binary)
                checker.config(document.read(os.path.join(folder, "config"), "x.xml"), "init")
                self.assertEqual(len(checker.problems), wanted, checker.problems)
        checker = model.Checker({}, "x.xml", lambda binary: binary)
        checker.config(document.Node("config", {}, 1), "timer")
        self.assertEqual(checker.problems, [])
        checker.config(document.Node("config", {"a": "b"}, 1), "timer")
        self.assertIn("takes no configuration", checker.problems[0])

    def test_wrong_schemas(self):
        for wrong, word in (('<attribute name="a" type="text"/>', "type must be one of"),
                            ('<attribute name="a" type="number" pattern="x"/>', "number knows no pattern"),
                            ('<attribute name="a" type="number" default="x"/>', "must be a number"),
                            ('<attribute name="a" type="number" required="yes" default="1"/>', "needs no default"),
                            ('<element count="one"/>', "needs a name"), ('<element name="a" count="two"/>', "count must be"),
                            ('<colour name="a"/>', "unknown node")):
            with scratch(schema=f'<schema component="a"><element name="config">\n{wrong}</element></schema>') as folder:
                with self.assertRaises(Failure) as caught:
                    model.load_file(os.path.join(folder, "schema"), "s")
            self.assertIn(word, str(caught.exception))
            self.assertIn("s:2: ", str(caught.exception))
        with scratch(schema="<schema>") as folder, self.assertRaises(Failure) as caught:
            model.load_file(os.path.join(folder, "schema"), "s")
        self.assertIn("not XML", str(caught.exception))

    def test_subset(self):
        """What lib/xml refuses by name, though it is XML."""
        for text, word in (("<!DOCTYPE config><config/>", "x:1: document types"), ("<config>\n<![CDATA[x]]></config>", "x:2: document types"),
                           ("<config>\n<?go?></config>", "x:2: "), ("<!-- &#1;\n --><config a='&#65;'/>", "x:2: character references")):
            with scratch(config=text) as folder, self.assertRaises(Failure) as caught:
                document.read(os.path.join(folder, "config"), "x")
            self.assertIn(word, str(caught.exception))

    def test_code(self):
        rules = "$(call component,init,main.c)\n$(call component,panel,$(addprefix sub/,panel.c) /lib/more.c,base)\n"
        loads = "config_load(&config);"
        for code, more, wanted in (
                (CODE, "", []), (CODE, 'config_number(node, "depth", 1, 2, 3, &x);', ["reads 'depth'"]),
                (CODE.replace('"count", ', ""), "", ["'count' is in the schema, but not in the code"])):
            with scratch(a__component_dot_mk=rules, a__config_dot_schema=SCHEMAS, a__sub__panel_dot_c=code, lib__more_dot_c=more,
                         a__main_dot_c='xml_name_is(node, "start"); read_text(reader, node, "name", x); s = "binary config";') as root:
                found = tree.check_code(root, tree.load(root))
            self.assertEqual(len(found), len(wanted), found)
            for problem, words in zip(found, wanted):
                self.assertIn(words, problem)
        with scratch(a__component_dot_mk="$(call component,other,o.c)", a__o_dot_c=loads) as root:
            self.assertIn("has no config.schema", tree.check_code(root, {})[0])

    def test_readme(self):
        schema = SCHEMAS[SCHEMAS.index('<schema component="panel"'):SCHEMAS.index("</schemas>")]
        with scratch(a__config_dot_schema=schema, a__README_dot_md=f"# a\n\n{tree.BEGIN}\nold\n{tree.END}\nrest\n") as root:
            schemas = tree.load(root)
            self.assertIn("--readme", tree.check_readmes(root, schemas, False)[0])
            self.assertEqual(tree.check_readmes(root, schemas, True), [])
            self.assertEqual(tree.check_readmes(root, schemas, False), [])
            with open(os.path.join(root, "a/README.md"), encoding="utf-8") as file:
                text = file.read()
        self.assertTrue(text.startswith("# a\n") and text.endswith("rest\n"))
        self.assertIn("| `size` | size, 4K to 1M, a multiple of 4K | `64K` | how \\| much |", text)
        with scratch(a__config_dot_schema=schema, a__README_dot_md="# a\n") as root:
            self.assertIn("has no lines", tree.check_readmes(root, tree.load(root), False)[0])

    def test_the_tree(self):
        done = subprocess.run([sys.executable, os.path.join(TOOL, "check-config"), "--scenario", "hello"],
                              capture_output=True, text=True, check=False)
        self.assertEqual((done.returncode, done.stdout), (0, "hello: the configuration is good\n"), done.stderr)


if __name__ == "__main__":
    unittest.main()
