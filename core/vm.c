/* SPDX-License-Identifier: MIT */
/*
 * VM: a guest space, filled from dataspaces through a region map, and virtual CPUs. All is on a kernel account of the
 * session's own, which ends as a whole when the session is closed.
 */
#include "contract/vm/dispatch.h"
#include "core/assert.h"
#include "core/core.h"
#include "core/pd.h"
#include "lib/base/session.h"

#define GUEST_END (1ull << 40)

struct vm_session {
    struct session session;
    struct kmem kmem;
    struct space space;
    struct region_map map;
    uint32_t guest_space;
    struct time_share time;
    unsigned vcpu_count;
    struct {
        uint32_t slot, sc_slot;
    } vcpus[VM_VCPUS_MAX];
};

_Static_assert(sizeof(struct vm_session) <= SLAB_NOTE_MAX, "a note");

static enum status make_kernel_objects(struct vm_session *vm)
{
    struct account *account = &vm->session.account;
    enum status status = kmem_begin(&vm->kmem, account);

    if (status == OK)
        status = slot_take(account, &vm->guest_space);
    if (status == OK)
        status = WITH_KMEM(&vm->kmem, kernel_create_guest_space(vm->kmem.pd_slot, vm->guest_space));
    if (status == OK)
        status = account_take_frame(account, &vm->space.scratch);
    return status;
}

/* While a guest runs, memory must be taken out of its space before somebody else gets it; so it ends first. */
static void end_vcpus(struct vm_session *vm)
{
    struct account *account = &vm->session.account;

    while (vm->vcpu_count > 0) {
        vm->vcpu_count--;
        enum status status = kernel_destroy(vm->vcpus[vm->vcpu_count].slot);

        ASSERT(status == OK);
        slot_give(account, vm->vcpus[vm->vcpu_count].slot);
        slot_give(account, vm->vcpus[vm->vcpu_count].sc_slot);
    }
    vm->space.slot = CAP_NONE;
}

static enum status vm_close(struct session *session)
{
    struct vm_session *vm = (struct vm_session *)session;

    end_vcpus(vm);
    if (kmem_end(&vm->kmem) != OK)
        return ERR_AGAIN;
    slot_give(&session->account, vm->guest_space);
    vm->guest_space = CAP_NONE;
    if (region_map_clear(&vm->map) != OK)
        return ERR_AGAIN;
    if (vm->space.scratch)
        account_return_frame(&session->account, vm->space.scratch);
    return OK;
}

static enum status vm_open(struct session *session, const char *args)
{
    struct vm_session *vm = (struct vm_session *)session;
    enum status status = time_share_parse(args, &vm->time);

    if (status != OK)
        return status;
    if (!(core.boot->features & (BOOT_FEATURE_SVM | BOOT_FEATURE_VMX)))
        return ERR_UNSUPPORTED;
    session->kmem_opt = &vm->kmem;
    vm->space.kmem = &vm->kmem;
    region_map_init(&vm->map, &session->account, &vm->space, 0, GUEST_END, 0);
    vm->map.guest = true;
    status = make_kernel_objects(vm);

    vm->space.slot = vm->guest_space;
    if (status != OK)
        while (vm_close(session) != OK)
            ;
    return status;
}

static enum status handle_attach(void *session, const struct vm_attach *in, uint32_t slot)
{
    struct vm_session *vm = session;
    struct dataspace *dataspace;
    uint64_t address;
    enum status status = dataspace_identify(slot, &dataspace);

    if (status != OK)
        return status;
    struct attach attach = {
        .dataspace = dataspace,
        .offset = in->offset,
        .size = in->size,
        .address = in->guest_physical,
        .fixed = true,
        .rights =
            (in->rights & PD_WRITE ? ATTACH_WRITE : 0u) | (in->rights & PD_EXECUTE ? ATTACH_EXECUTE : 0u),
    };
    return region_map_attach(&vm->map, &attach, &address);
}

static enum status handle_detach(void *session, const struct vm_range *in)
{
    return region_map_detach_range(&((struct vm_session *)session)->map, in->guest_physical, in->size);
}

static enum status make_vcpu(struct vm_session *vm, unsigned n, const struct vm_vcpu_create *in)
{
    struct account *account = &vm->session.account;
    uint32_t *slot = &vm->vcpus[n].slot, *sc_slot = &vm->vcpus[n].sc_slot;
    uint32_t cpu;
    enum status status = time_share_cpu(&vm->time, in->cpu, &cpu);

    if (status == OK)
        status = slot_take(account, slot);
    if (status != OK)
        return status;
    status = slot_take(account, sc_slot);
    if (status != OK)
        goto give_slot;
    status = WITH_KMEM(&vm->kmem, kernel_create_vcpu(vm->kmem.pd_slot, *slot, vm->guest_space, cpu));
    if (status != OK)
        goto give_both;
    status = time_share_attach(&vm->time, &vm->kmem, *sc_slot, *slot, in->priority, cpu);
    if (status == OK)
        return OK;
    enum status destroyed = kernel_destroy(*slot);

    ASSERT(destroyed == OK);
give_both:
    slot_give(account, *sc_slot);
give_slot:
    slot_give(account, *slot);
    *slot = *sc_slot = CAP_NONE;
    return status;
}

static enum status handle_vcpu_create(void *session, const struct vm_vcpu_create *in, struct message_cap *out)
{
    struct vm_session *vm = session;

    if (vm->vcpu_count == VM_VCPUS_MAX)
        return ERR_UNSUPPORTED;
    enum status status = make_vcpu(vm, vm->vcpu_count, in);

    if (status != OK)
        return status;
    *out = (struct message_cap){
        .slot = vm->vcpus[vm->vcpu_count].slot,
        .rights = RIGHT_EC_CONTROL | RIGHT_EC_BIND,
    };
    vm->vcpu_count++;
    return OK;
}

static const struct vm_handlers handlers = {
    .attach = handle_attach,
    .detach = handle_detach,
    .vcpu_create = handle_vcpu_create,
};

static enum status vm_session_dispatch(struct session *session, struct dispatch *d)
{
    return vm_dispatch(&handlers, session, d);
}

const struct service vm_service = {
    .name = VM_SERVICE,
    .kind = KIND_VM,
    .size = sizeof(struct vm_session),
    .open = vm_open,
    .close = vm_close,
    .dispatch = vm_session_dispatch,
};
