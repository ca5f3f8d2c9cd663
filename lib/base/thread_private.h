/* SPDX-License-Identifier: MIT */
/*
 * What the start-up code and the threads share. Private to lib/base.
 */
#ifndef LIB_BASE_THREAD_PRIVATE_H
#define LIB_BASE_THREAD_PRIVATE_H

#include "lib/base/thread.h"

/* Copies the template of the thread-local variables below the control block, whose memory is zeroed. */
void thread_local_init(struct thread *thread);

#endif
