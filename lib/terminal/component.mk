# SPDX-License-Identifier: MIT
# lib/terminal: both halves of a TERMINAL session, and the byte streams between them.
$(call library,terminal,stream.c client.c server.c,base contract contract_dispatch ring)
$(call host_test,terminal_stream_test,test/stream_test.c stream.c /lib/ring/ring.c)
