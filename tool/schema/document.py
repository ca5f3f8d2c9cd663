# SPDX-License-Identifier: MIT
"""XML with line numbers: what configurations and schemas are read with."""
import re
from xml.parsers import expat

from runner import Failure


class Node:
    """An element: name, attributes, children, character data and the line on which it begins."""

    def __init__(self, name, attributes, line):
        self.name, self.attributes, self.line = name, attributes, line
        self.children, self.text = [], ""

    def get(self, name, fallback=None):
        return self.attributes.get(name, fallback)

    def named(self, name):
        return [child for child in self.children if child.name == name]

    def __str__(self):
        label = self.get("name")
        return f'<{self.name} name="{label}">' if label else f"<{self.name}>"


def read(path, shown):
    """The root node. Failure names line and column, and so does one that lib/xml would not take."""
    stack, roots = [], []
    parser = expat.ParserCreate()

    def start(name, attributes):
        node = Node(name, attributes, parser.CurrentLineNumber)
        (stack[-1].children if stack else roots).append(node)
        stack.append(node)

    def characters(text):
        stack[-1].text += text

    def unsupported(*_):
        raise Failure(f"{shown}:{parser.CurrentLineNumber}: document types, processing instructions and CDATA are not allowed")

    parser.StartElementHandler, parser.EndElementHandler = start, lambda _: stack.pop()
    parser.CharacterDataHandler = characters
    parser.StartDoctypeDeclHandler = parser.ProcessingInstructionHandler = parser.StartCdataSectionHandler = unsupported
    try:
        with open(path, "rb") as file:
            data = file.read()
        parser.Parse(data, True)
    except expat.ExpatError as error:
        raise Failure(f"{shown}:{error.lineno}: column {error.offset + 1}: not XML: "
                      f"{expat.errors.messages[error.code]}") from error
    # The parser decodes these without a word.
    reference = re.search(rb"&#", re.sub(rb"<!--.*?-->", lambda comment: b"\n" * comment[0].count(b"\n"), data, flags=re.DOTALL))
    if reference:
        line = reference.string.count(b"\n", 0, reference.start()) + 1
        raise Failure(f"{shown}:{line}: character references are not allowed")
    return roots[0]
