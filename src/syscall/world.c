// SPDX-License-Identifier: BSD-2-Clause
/*
 * What the verifier asks of the instance during one load: maps by descriptor or by index into
 * fd_array, embedders' helpers, BTF. Every object it was told of is kept until the load ends.
 */
#include "syscall/world.h"

#include "base/alloc.h"
#include "syscall/map.h"
#include "syscall/user.h"

static struct load_world *load_of(const struct verify_world *w)
{
	return container_of(w, struct load_world, world);
}

static int describe(struct load_world *lw, struct map *map, struct verify_map **ret_vm)
{
	struct verify_map *vm = arena_zalloc(lw->arena, sizeof(*vm));
	struct verify_map *inner = NULL;
	int err;

	if (!vm)
		return -ENOMEM;
	if (map->inner_template) {
		err = describe(lw, map->inner_template, &inner);
		if (err)
			return err;
	}
	*vm = (struct verify_map){
		.handle = (u64)(uintptr_t)map,
		.id = map->id,
		.name = map->params.name,
		.type = map->params.type,
		.key_size = map->params.key_size,
		.value_size = map->params.value_size,
		.max_entries = map->params.max_entries,
		.flags = map->params.flags,
		.btf = map->btf,
		.btf_key_type_id = map->btf_key_type_id,
		.btf_value_type_id = map->btf_value_type_id,
		.fields = map->fields,
		.inner = inner,
		.is_frozen = __atomic_load_n(&map->is_frozen, __ATOMIC_ACQUIRE),
		.is_rdonly_prog = map->params.flags & BPF_F_RDONLY_PROG,
		.is_wronly_prog = map->params.flags & BPF_F_WRONLY_PROG,
		.has_direct_value = map->ops->direct_value && map->ops->direct_value(map),
	};
	*ret_vm = vm;
	return 0;
}

/* Takes over the reference on map. */
static int remember(struct load_world *lw, struct map *map, const struct verify_map **ret_map)
{
	struct verify_map *vm;
	int err;

	for (u32 i = 0; i < lw->map_count; i++) {
		if (lw->maps[i] != map)
			continue;
		map_unref(map);
		*ret_map = lw->described[i];
		return 0;
	}
	err = lw->map_count < ARRAY_SIZE(lw->maps) ? describe(lw, map, &vm) : -E2BIG;
	if (err) {
		map_unref(map);
		return err;
	}
	lw->maps[lw->map_count] = map;
	lw->described[lw->map_count++] = vm;
	*ret_map = vm;
	return 0;
}

/* The descriptor at an index of fd_array. */
static int fd_at(struct load_world *lw, s32 index, s32 *ret_fd)
{
	if (!lw->fd_array)
		return -EPROTO;
	if (index < 0)
		return -EFAULT;
	return user_read(ret_fd, lw->fd_array + (u64)index * sizeof(s32), sizeof(*ret_fd));
}

static int world_map(
	const struct verify_world *w, s32 number, bool by_index, const struct verify_map **ret_map)
{
	struct load_world *lw = load_of(w);
	struct map *map;
	s32 fd = number;
	int err = by_index ? fd_at(lw, number, &fd) : 0;

	if (!err)
		err = map_from_fd(lw->h, fd, &map);
	return err ? err : remember(lw, map, ret_map);
}

static int world_map_read(const struct verify_world *w, const struct verify_map *vm, u32 off,
	u32 size, u64 *ret_value)
{
	struct map *map = (struct map *)(uintptr_t)vm->handle;
	u64 values = map->ops->direct_value ? map->ops->direct_value(map) : 0;

	if (!values || size > 8 || off > map->params.value_size ||
		size > map->params.value_size - off)
		return -EINVAL;
	*ret_value = 0;
	memcpy(ret_value, (const void *)(uintptr_t)(values + off), size);
	return 0;
}

static const struct helper_spec *world_custom_helper(const struct verify_world *w, u32 id)
{
	const struct custom_helper *helper = custom_helper_by_id(&load_of(w)->h->custom, id);

	return helper ? &helper->spec : NULL;
}

static const struct btf *world_btf(const struct verify_world *w, s32 number)
{
	struct load_world *lw = load_of(w);
	struct btf_object *object;

	if (types_from_fd(lw->h, number, &object))
		return NULL;
	for (u32 i = 0; i < lw->btf_count; i++) {
		if (lw->btfs[i] == object) {
			types_object_unref(object);
			return object->btf;
		}
	}
	if (lw->btf_count == ARRAY_SIZE(lw->btfs)) {
		types_object_unref(object);
		return NULL;
	}
	lw->btfs[lw->btf_count++] = object;
	return object->btf;
}

static const struct btf *world_vmlinux(const struct verify_world *w)
{
	return hachi_vmlinux(load_of(w)->h);
}

static const struct verify_world_ops world_ops = {
	.map = world_map,
	.map_read = world_map_read,
	.custom_helper = world_custom_helper,
	.btf = world_btf,
	.vmlinux = world_vmlinux,
};

void load_world_init(struct load_world *lw, struct hachi *h, struct arena *arena, u64 fd_array)
{
	lw->h = h;
	lw->arena = arena;
	lw->fd_array = fd_array;
	lw->map_count = lw->btf_count = 0;
	lw->world = (struct verify_world){
		.ops = &world_ops,
		.kernel = h->kernel,
		.caps = hachi_caps(h),
	};
}

int load_world_add_fd(struct load_world *lw, s32 fd)
{
	const struct verify_map *unused;
	struct desc_ref ref;
	int err = desc_get(&lw->h->descs, fd, 0, &ref);

	if (err)
		return err;
	if (ref.kind == HACHI_FD_MAP)
		return remember(lw, ref.object, &unused);
	err = ref.kind == HACHI_FD_BTF ? 0 : -EINVAL;
	desc_put(&ref);
	return err;
}

void load_world_release(struct load_world *lw)
{
	for (u32 i = 0; i < lw->map_count; i++)
		map_unref(lw->maps[i]);
	for (u32 i = 0; i < lw->btf_count; i++)
		types_object_unref(lw->btfs[i]);
}
