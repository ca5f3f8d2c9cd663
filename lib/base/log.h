/* SPDX-License-Identifier: MIT */
/*
 * Messages for people, over the component's LOG session, which is opened at the first message. A server puts the label
 * in front, so messages need no prefix. Without a LOG session messages are dropped.
 */
#ifndef LIB_BASE_LOG_H
#define LIB_BASE_LOG_H

#include <stdarg.h>
#include <stddef.h>

/* One line; the newline is added. Longer than 1000 bytes is cut. */
void log_info(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_error(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_vinfo(const char *format, va_list arguments) __attribute__((format(printf, 1, 0)));

/* Text in pieces: goes out at each newline, or when the buffer is full. */
void log_text(const char *text, size_t length);

#endif
