/* SPDX-License-Identifier: MIT */
/*
 * The lock under real threads and ThreadSanitizer. Notifications are condition variables here, with spurious wake-ups on
 * purpose.
 */
#include "lib/base/lock.h"
#include "lib/base/notification.h"
#include "lib/base/thread.h"

#include "test/check.h"

#include <pthread.h>
#include <unistd.h>

#define THREADS 4
#define ROUNDS  20000

static struct {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    bool pending;
} notifications[THREADS];

static struct thread threads[THREADS];
static _Thread_local struct thread *self;

struct thread *thread_self(void)
{
    return self;
}

void notification_signal(uint32_t slot)
{
    pthread_mutex_lock(&notifications[slot].mutex);
    notifications[slot].pending = true;
    pthread_cond_signal(&notifications[slot].changed);
    pthread_mutex_unlock(&notifications[slot].mutex);
}

enum status notification_wait(uint32_t slot, uint64_t deadline, uint64_t *bits)
{
    (void)deadline;
    pthread_mutex_lock(&notifications[slot].mutex);
    while (!notifications[slot].pending)
        pthread_cond_wait(&notifications[slot].changed, &notifications[slot].mutex);
    notifications[slot].pending = false;
    pthread_mutex_unlock(&notifications[slot].mutex);
    *bits = 1;
    return OK;
}

static struct lock lock;
static unsigned long counter; /* protected by the lock alone */
static unsigned long tries;

static void *work(void *argument)
{
    self = argument;
    for (int i = 0; i < ROUNDS; i++) {
        if (i % 7 == 0)
            notification_signal((uint32_t)i % THREADS); /* spurious, for whoever waits */
        if (i % 5 == 0 && lock_try(&lock)) {
            tries++;
        } else {
            lock_take(&lock);
        }
        counter++;
        if (i % 64 == 0)
            usleep(1); /* so that others queue up */
        lock_leave(&lock);
    }
    return NULL;
}

int main(void)
{
    pthread_t handles[THREADS];

    CASE("four threads count under one lock");
    for (unsigned i = 0; i < THREADS; i++) {
        pthread_mutex_init(&notifications[i].mutex, NULL);
        pthread_cond_init(&notifications[i].changed, NULL);
        threads[i].notification = i;
    }
    for (unsigned i = 0; i < THREADS; i++)
        pthread_create(&handles[i], NULL, work, &threads[i]);
    for (unsigned i = 0; i < THREADS; i++)
        pthread_join(handles[i], NULL);
    CHECK_EQ(counter, (unsigned long)THREADS * ROUNDS);
    CHECK_EQ(lock.state, 0);
    CASE("a held lock cannot be tried");
    CHECK(lock_try(&lock));
    CHECK(!lock_try(&lock));
    lock_leave(&lock);
    CHECK(lock_try(&lock));
    return check_finish();
}
