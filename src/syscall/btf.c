// SPDX-License-Identifier: BSD-2-Clause
/*
 * BPF_BTF_LOAD, and the objects that give a BTF its id. Whoever keeps a BTF (map, program,
 * descriptor) keeps its object too, found by the BTF's address. Id 1 is the kernel's own, which is
 * read when somebody first asks for it.
 */
#include "base/alloc.h"
#include "base/os.h"
#include "syscall/instance.h"
#include "syscall/user.h"
#include "syscall/user_log.h"

#define BTF_BYTES_MAX (16u << 20)
#define VMLINUX_ID    1u

static u64 data_key(const struct btf *btf)
{
	return (u64)(uintptr_t)btf;
}

void types_object_ref(struct btf_object *object)
{
	__atomic_add_fetch(&object->refs, 1, __ATOMIC_RELAXED);
}

void types_object_unref(struct btf_object *object)
{
	struct hachi *h;

	if (!object || __atomic_sub_fetch(&object->refs, 1, __ATOMIC_ACQ_REL))
		return;
	h = object->h;
	id_remove(&h->btfs, object->id);
	pthread_mutex_lock(&h->btf_lock);
	idmap_remove(&h->btf_by_data, data_key(object->btf));
	pthread_mutex_unlock(&h->btf_lock);
	btype_unref(object->btf);
	mem_free(object);
}

struct btf_object *types_object_of(struct hachi *h, const struct btf *btf)
{
	struct btf_object *object;

	if (!btf)
		return NULL;
	pthread_mutex_lock(&h->btf_lock);
	object = idmap_get(&h->btf_by_data, data_key(btf));
	pthread_mutex_unlock(&h->btf_lock);
	return object;
}

/* Owns btf on success. Called with btf_lock held. id 0 = a new one. */
static int object_new(
	struct hachi *h, struct btf *btf, u32 id, bool is_kernel, struct btf_object **ret_object)
{
	struct btf_object *object = mem_zalloc(sizeof(*object));
	int err;

	if (!object)
		return -ENOMEM;
	*object = (struct btf_object){.btf = btf, .refs = 1, .is_kernel = is_kernel, .h = h};
	err = idmap_put(&h->btf_by_data, data_key(btf), object);
	if (!err) {
		if (id) {
			object->id = id;
			pthread_mutex_lock(&h->btfs.lock);
			err = idmap_put(&h->btfs.by_id, id, object);
			pthread_mutex_unlock(&h->btfs.lock);
		} else {
			err = id_alloc(&h->btfs, object, &object->id);
		}
		if (err)
			idmap_remove(&h->btf_by_data, data_key(btf));
	}
	if (err) {
		mem_free(object);
		return err;
	}
	*ret_object = object;
	return 0;
}

/* Called with btf_lock held. */
static int vmlinux_read(struct hachi *h)
{
	struct btype_options opts = {.is_trusted = true, .is_kernel = true, .name = "vmlinux"};
	struct btf *btf;
	void *data;
	size_t size;
	int err;

	if (!*h->btf_path)
		return -ENOENT;
	err = os_read_file(h->btf_path, 256u << 20, &data, &size);
	if (err)
		return err;
	err = btype_parse(data, (u32)size, NULL, &opts, NULL, &btf);
	mem_free(data);
	if (err)
		return err;
	err = object_new(h, btf, VMLINUX_ID, true, &h->vmlinux);
	if (err)
		btype_unref(btf);
	return err;
}

const struct btf *hachi_vmlinux(struct hachi *h)
{
	struct btf_object *object;
	int err = 0;

	pthread_mutex_lock(&h->btf_lock);
	if (!h->vmlinux && !h->vmlinux_failed)
		err = vmlinux_read(h);
	if (err && err != -ENOMEM)
		h->vmlinux_failed = true;
	object = h->vmlinux;
	pthread_mutex_unlock(&h->btf_lock);
	return object ? object->btf : NULL;
}

/* Of the id, with a reference; the kernel's own comes into being when it is asked for. */
static struct btf_object *object_by_id(struct hachi *h, u32 id)
{
	if (id == VMLINUX_ID)
		hachi_vmlinux(h);
	return id_get(&h->btfs, id);
}

static long parse_and_install(struct call *call, const void *data, struct log *log)
{
	struct hachi *h = call->h;
	struct btf_object *object;
	struct btf *btf;
	int err = btype_parse(data, call->attr.btf_load.btf_size, NULL, NULL, log, &btf);

	if (err)
		return err;
	pthread_mutex_lock(&h->btf_lock);
	err = object_new(h, btf, 0, false, &object);
	pthread_mutex_unlock(&h->btf_lock);
	if (err) {
		btype_unref(btf);
		return err;
	}
	err = desc_new(&h->descs, HACHI_FD_BTF, object, -1, DESC_RDWR);
	types_object_unref(object);
	return err;
}

long cmd_btf_load(struct call *call)
{
	struct attr_btf_load *attr = &call->attr.btf_load;
	struct user_log ul;
	u32 true_size = 0;
	void *data;
	long ret;
	int err;

	if (attr->btf_flags & ~(u32)HACHI_BPF_F_TOKEN_FD)
		return -EINVAL;
	if (attr->btf_flags)
		return token_refused(attr->btf_token_fd);
	if (!hachi_has_cap(call->h, CAP_NEEDED_BPF))
		return -EPERM;
	if (attr->btf_size > BTF_BYTES_MAX)
		return -E2BIG;
	err = user_log_init(&ul, call->h->kernel->version, attr->btf_log_level, attr->btf_log_buf,
		attr->btf_log_size);
	if (err)
		return err;
	ret = user_dup(attr->btf, attr->btf_size, &data);
	if (!ret) {
		ret = parse_and_install(call, data, &ul.log);
		mem_free(data);
	}
	err = user_log_finish(&ul, &true_size);
	if (call->size >= offsetof(struct attr_btf_load, btf_log_true_size) + sizeof(u32) &&
		call->h->kernel->version >= KERNEL(6, 4) &&
		user_write_u32(CALL_FIELD(call, btf_load, btf_log_true_size), true_size))
		err = -EFAULT;
	user_log_release(&ul);
	if (err && ret >= 0)
		desc_close(&call->h->descs, (int)ret);
	return err ? err : ret;
}

long cmd_btf_fd_by_id(struct call *call)
{
	struct btf_object *object;
	long fd;

	if (!hachi_has_cap(call->h, CAP_NEEDED_SYS_ADMIN))
		return -EPERM;
	object = object_by_id(call->h, call->attr.id.id);
	if (!object)
		return -ENOENT;
	fd = desc_new(&call->h->descs, HACHI_FD_BTF, object, -1, DESC_RDWR);
	types_object_unref(object);
	return fd;
}
