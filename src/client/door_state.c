// SPDX-License-Identifier: BSD-2-Clause
/*
 * Which instance the door leads to. Apart from the door itself, so that a test can link what sets
 * it without having its libc replaced.
 */
#include "client/door.h"

#include "base/os.h"

#include <pthread.h>

static struct hachi *instance;
static door_load_fn kernel_load;
static u32 own_pid; /* after vfork() the child sees the parent's tables, but they are not its own */

static void after_fork_in_child(void)
{
	own_pid = os_pid();
}

static void setup(void)
{
	pthread_atfork(NULL, NULL, after_fork_in_child);
}

void door_set(struct hachi *h)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, setup);
	own_pid = os_pid();
	__atomic_store_n(&instance, h, __ATOMIC_RELEASE);
}

struct hachi *door_get(void)
{
	return __atomic_load_n(&instance, __ATOMIC_ACQUIRE);
}

bool door_is_own_process(void)
{
	return os_pid() == own_pid;
}

void door_set_kernel_load(door_load_fn fn)
{
	__atomic_store_n(&kernel_load, fn, __ATOMIC_RELEASE);
}

door_load_fn door_kernel_load(void)
{
	return __atomic_load_n(&kernel_load, __ATOMIC_ACQUIRE);
}
