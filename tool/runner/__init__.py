# SPDX-License-Identifier: MIT
"""What tool/run, tool/test and tool/bench share: scenarios, transcripts and the emulator. See tool/README.md."""


class Failure(Exception):
    """Something the user can act on; shown without a stack trace."""
