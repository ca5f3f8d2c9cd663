/* SPDX-License-Identifier: MIT */
/*
 * What a client lends for a TERMINAL session: the server's object, its share of page tables for the client's memory, the
 * session portal, a notification, and the slots of what the client sends. A server refuses a session that lends less.
 */
#ifndef LIB_TERMINAL_QUOTA_H
#define LIB_TERMINAL_QUOTA_H

#define TERMINAL_SESSION_RAM  (32u << 10)
#define TERMINAL_SESSION_CAPS 8u

#endif
