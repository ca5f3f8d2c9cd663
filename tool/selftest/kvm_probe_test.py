#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The image that decides about KVM, where the answer is known: in the emulator with and without AMD-V."""
import os
import sys
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from runner import emulator  # noqa: E402


class KvmProbe(unittest.TestCase):
    def test_with_amd_v(self):
        self.assertTrue(emulator.virtualizes("tcg", "EPYC,+svm"))

    def test_without(self):
        self.assertFalse(emulator.virtualizes("tcg", "EPYC,-svm"))

    def test_no_such_accelerator(self):
        self.assertFalse(emulator.virtualizes("none-such", "EPYC"))


if __name__ == "__main__":
    unittest.main()
