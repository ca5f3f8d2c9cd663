# SPDX-License-Identifier: MIT
"""Parts of tool/guest-linux."""
