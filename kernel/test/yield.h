/* SPDX-License-Identifier: MIT */
/*
 * Put before the kernel's sources by the compiler (-include) when virtual CPUs run in turn: each atomic operation is a point
 * where another CPU may go on. The compiler adds one to each basic block (-fsanitize-coverage=trace-pc).
 */
#ifndef KERNEL_TEST_YIELD_H
#define KERNEL_TEST_YIELD_H

void interleave_point(void);

#define __atomic_load_n(...)             (interleave_point(), __atomic_load_n(__VA_ARGS__))
#define __atomic_store_n(...)            (interleave_point(), __atomic_store_n(__VA_ARGS__))
#define __atomic_exchange_n(...)         (interleave_point(), __atomic_exchange_n(__VA_ARGS__))
#define __atomic_fetch_add(...)          (interleave_point(), __atomic_fetch_add(__VA_ARGS__))
#define __atomic_fetch_or(...)           (interleave_point(), __atomic_fetch_or(__VA_ARGS__))
#define __atomic_thread_fence(...)       (interleave_point(), __atomic_thread_fence(__VA_ARGS__))
#define __atomic_compare_exchange_n(...) (interleave_point(), __atomic_compare_exchange_n(__VA_ARGS__))

#endif
