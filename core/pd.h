/* SPDX-License-Identifier: MIT */
/*
 * Protection domains: a kernel PD with its spaces, a region map, memory, threads.
 *
 * Destruction order: the portal (nobody can call any more), the threads, the kernel's PD with everything that it holds,
 * the frames that the kernel gives back, region maps, dataspaces (scratch pages appear at those who borrowed them), and
 * at last the session's account, which must then be exactly empty.
 */
#ifndef CORE_PD_H
#define CORE_PD_H

#include "contract/pd/wire.h"
#include "core/kernel_objects.h"
#include "core/region_map.h"
#include "core/session.h"
#include "core/time_share.h"

struct pd;
struct managed_map;

struct core_thread {
    struct object object; /* its portal receives the thread's events */
    struct pd *pd;
    struct core_thread *next;
    uint32_t id;
    uint32_t slot, sc_slot;
    struct dataspace *area;
    uint64_t area_address;
    char name[PD_NAME_MAX];

    struct managed_map *waits_for_opt; /* its fault waits for an attachment there, at wait_offset */
    struct core_thread *next_waiting;
    uint64_t wait_offset;
    unsigned wait_access; /* enum pd_rights */
    bool wait_reported;

    unsigned crashes;
    bool fault_unreported;
    struct pd_fault fault;
    uint64_t repeated_address; /* a fault for which there was nothing to do */
    unsigned repeated;
};

/* A region map that a client made. */
struct managed_map {
    struct region_map map;
    uint32_t pager; /* notification, CAP_NONE: faults in holes are crashes */
    struct core_thread *waiting;
};

struct pd {
    struct session session;
    struct kmem kmem;
    uint32_t cap_space, host_space;
    uint32_t port_space; /* CAP_NONE until an I/O port is enabled */
    uint32_t slots;
    struct space space;
    struct region_map map;
    struct dataspace *dataspaces; /* RAM of this PD */
    struct dataspace *unfinished; /* the same, not filled yet: its client asks again */
    struct dataspace *maps;       /* `self` of its managed maps */
    struct core_thread *threads;
    uint32_t last_thread;
    struct time_share time;
    uint32_t fault_notification;
    struct pd_symbols symbols;
};

_Static_assert(sizeof(struct pd) <= SLAB_NOTE_MAX, "a note");

/* The PD session, dataspace or region map behind a received capability. */
[[nodiscard]] enum status pd_identify(uint32_t slot, struct pd **out);
[[nodiscard]] enum status dataspace_identify(uint32_t slot, struct dataspace **out);

/* Its quota of capabilities has risen: so do its slots, if it can pay for them. */
void pd_slots_raise(struct pd *pd);

/* thread.c */
[[nodiscard]] enum status pd_thread_create(struct pd *pd, const struct pd_thread_create *in,
                                           struct core_thread **out);
[[nodiscard]] enum status pd_thread_start(struct core_thread *thread, const struct pd_thread_start *in);
void pd_thread_destroy(struct core_thread *thread);
/* All of them. ERR_AGAIN: a bounded part is done. */
[[nodiscard]] enum status pd_threads_destroy(struct pd *pd);
struct core_thread *pd_thread_find(struct pd *pd, uint32_t id);

/* managed_map.c */
[[nodiscard]] enum status managed_map_create(struct pd *pd, uint64_t size, struct managed_map **out);
/* ERR_AGAIN: not yet all. */
[[nodiscard]] enum status managed_map_destroy(struct managed_map *managed);
void managed_map_wait(struct managed_map *managed, struct core_thread *thread, uint64_t offset,
                      unsigned access);
/* Threads whose fault lies in [start, start + size) go on; all of them: 0, UINT64_MAX. */
void managed_map_wake(struct managed_map *managed, uint64_t start, uint64_t size);
void managed_map_forget(struct core_thread *thread);

/* fault.c: the event of a thread is in the message words. True: the thread goes on, false: it stays parked. */
bool thread_event(struct core_thread *thread, uint32_t event);

/* pd_contract.c */
enum status pd_session_dispatch(struct session *session, struct dispatch *d);

/* Copies out of a domain's memory, wherever it may be mapped. False: not mapped, or not memory. */
bool pd_read(struct pd *pd, uint64_t address, void *buffer, size_t size);

/* io_port.c: the domain is going away. */
void io_port_forget(const struct pd *pd);

/* init.c: this is the domain of init. */
bool init_is(const struct pd *pd);

#endif
