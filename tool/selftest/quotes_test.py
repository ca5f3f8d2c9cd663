#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What pages quote is what the files say.

A code block behind a line `<!-- from FILE -->` must stand in FILE word by word. Paths in links of doc/how-to must exist.
"""
import os
import re
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
QUOTE = re.compile(r"<!-- from (\S+) -->\n```\w*\n(.*?)```", re.DOTALL)
LINK = re.compile(r"\]\(([^)#:]+)(?:#[^)]*)?\)")
SKIPPED = {"build", ".git"}


def pages():
    for folder, children, names in os.walk(ROOT):
        children[:] = sorted(child for child in children if child not in SKIPPED)
        for name in sorted(names):
            if name.endswith(".md"):
                yield os.path.join(folder, name)


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


class QuotesTest(unittest.TestCase):
    def test_quotes(self):
        count = 0
        for page in pages():
            for file, text in QUOTE.findall(read(page)):
                count += 1
                self.assertIn(text, read(os.path.join(ROOT, file)), f"{os.path.relpath(page, ROOT)} quotes {file}")
        self.assertGreater(count, 0)

    def test_links(self):
        missing = [f"{os.path.relpath(page, ROOT)}: {link}" for page in pages() for link in LINK.findall(read(page))
                   if not os.path.exists(os.path.join(os.path.dirname(page), link))]
        self.assertEqual(missing, [])


if __name__ == "__main__":
    unittest.main()
