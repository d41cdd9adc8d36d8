// SPDX-License-Identifier: BSD-2-Clause
/*
 * OBJ_GET_INFO_BY_FD of programs, maps and BTF objects (links: info_link.c). The caller's struct
 * may be shorter or, filled with zeroes, longer than ours; his counts say how much room his arrays
 * have, ours how much there is.
 */
#include "syscall/info.h"

#include "base/alloc.h"
#include "hook/link.h"
#include "syscall/instance.h"
#include "syscall/user.h"

int info_read(struct call *call, void *ret_info, size_t our_size, u32 *ret_len)
{
	const struct attr_info *attr = &call->attr.info;
	int err = user_check_tail(attr->info, our_size, attr->info_len);

	if (err)
		return err;
	*ret_len = MIN(attr->info_len, (u32)our_size);
	memset(ret_info, 0, our_size);
	return user_read(ret_info, attr->info, *ret_len);
}

int info_write(struct call *call, const void *info, u32 len)
{
	int err = user_write(call->attr.info.info, info, len);

	return err ? err : user_write_u32(CALL_FIELD(call, info, info_len), len);
}

/* Copies as many elements as the caller has room for; *count becomes how many there are. */
static int put_array(u64 addr, u32 *count, const void *data, u32 have, u32 elem_size)
{
	u32 room = *count;

	*count = have;
	return user_write(addr, data, (size_t)MIN(room, have) * elem_size);
}

static int put_map_ids(struct prog *prog, struct info_prog *info)
{
	u32 room = info->nr_map_ids, n = 0;
	int err = 0;

	pthread_mutex_lock(&prog->lock);
	for (u32 i = 0; i < prog->map_count + prog->bound_count; i++, n++) {
		const struct map *map =
			i < prog->map_count ? prog->maps[i] : prog->bound[i - prog->map_count];

		if (n < room && !err)
			err = user_write_u32(info->map_ids + n * sizeof(u32), map->id);
	}
	pthread_mutex_unlock(&prog->lock);
	info->nr_map_ids = n;
	return err;
}

/* As the kernel shows a call of a function: the distance in off, the function's number in imm. */
static void show_call(const struct prog *prog, struct insn *insn, u32 at)
{
	u32 target = at + 1 + (u32)insn->imm, number = 0;

	while (number < prog->subprog_count && prog->subprogs[number].start != target)
		number++;
	insn->off = (s16)insn->imm;
	insn->imm = (s32)number;
}

/*
 * The rewritten program as the kernel would show it: maps by id instead of by index, internal
 * load modes as the plain ones.
 */
static int put_xlated(struct prog *prog, struct info_prog *info)
{
	u32 bytes = prog->insn_count * (u32)sizeof(struct insn), room = info->xlated_prog_len;
	struct insn *insns;
	int err;

	info->xlated_prog_len = bytes;
	if (!room)
		return 0;
	insns = mem_dup(prog->insns, bytes);
	if (!insns)
		return -ENOMEM;
	for (u32 i = 0; i < prog->insn_count; i++) {
		if (insn_is_call_func(&insns[i]))
			show_call(prog, &insns[i], i);
		i += prog_show_insn(prog, &insns[i]) - 1;
	}
	err = user_write(info->xlated_prog_insns, insns, MIN(bytes, room));
	mem_free(insns);
	return err;
}

static int put_jited(struct prog *prog, struct info_prog *info)
{
	const struct image *image = prog->image;
	u32 count = prog->subprog_count > 1 ? prog->subprog_count : 1, len = image->machine_size;
	u64 entry = (u64)(uintptr_t)image->machine_code;
	int err;

	err = put_array(info->jited_prog_insns, &info->jited_prog_len, image->machine_code, len, 1);
	/* the image is one piece: the first function stands for it */
	if (!err)
		err = put_array(info->jited_ksyms, &info->nr_jited_ksyms, &entry, 1, sizeof(entry));
	if (!err)
		err = put_array(
			info->jited_func_lens, &info->nr_jited_func_lens, &len, 1, sizeof(len));
	info->nr_jited_line_info = 0;
	info->nr_prog_tags = MIN(info->nr_prog_tags, count);
	for (u32 i = 0; i < info->nr_prog_tags && !err; i++)
		err = user_write(info->prog_tags + i * 8ull, prog->tag, 8);
	info->nr_prog_tags = count;
	return err;
}

/* Record sizes are ours, or 0 together with the count. */
static int check_record_sizes(struct info_prog *info)
{
	if (((info->nr_func_info || info->func_info_rec_size) && info->func_info_rec_size != 8) ||
		((info->nr_line_info || info->line_info_rec_size) &&
			info->line_info_rec_size != 16) ||
		((info->nr_jited_line_info || info->jited_line_info_rec_size) &&
			info->jited_line_info_rec_size != 8))
		return -EINVAL;
	info->func_info_rec_size = 8;
	info->line_info_rec_size = 16;
	info->jited_line_info_rec_size = 8;
	return 0;
}

static void fill_prog(struct hachi *h, struct prog *prog, struct info_prog *info)
{
	struct btf_object *btf = types_object_of(h, prog->btf);

	info->type = prog->type;
	info->id = prog->id;
	info->load_time = prog->loaded_ns;
	info->created_by_uid = prog->uid;
	info->gpl_compatible = prog->is_gpl;
	memcpy(info->tag, prog->tag, sizeof(info->tag));
	memcpy(info->name, prog->name, sizeof(info->name));
	info->run_time_ns = __atomic_load_n(&prog->run_time_ns, __ATOMIC_RELAXED);
	info->run_cnt = __atomic_load_n(&prog->run_count, __ATOMIC_RELAXED);
	info->recursion_misses = __atomic_load_n(&prog->recursion_misses, __ATOMIC_RELAXED);
	info->verified_insns = prog->verified_insns;
	info->btf_id = btf ? btf->id : 0;
}

static void hide_code(struct info_prog *info)
{
	info->jited_prog_len = info->xlated_prog_len = 0;
	info->nr_jited_ksyms = info->nr_jited_func_lens = 0;
	info->nr_func_info = info->nr_line_info = info->nr_jited_line_info = 0;
}

static int prog_info(struct call *call, struct prog *prog)
{
	struct info_prog info;
	u32 len;
	int err = info_read(call, &info, sizeof(info), &len);

	if (err)
		return err;
	fill_prog(call->h, prog, &info);
	err = put_map_ids(prog, &info);
	if (!err)
		err = check_record_sizes(&info);
	if (err)
		return err;
	if (!hachi_has_cap(call->h, CAP_NEEDED_BPF)) {
		hide_code(&info);
		return info_write(call, &info, len);
	}
	err = put_xlated(prog, &info);
	if (!err)
		err = put_jited(prog, &info);
	info.attach_btf_id = prog->attach_btf_id;
	info.attach_btf_obj_id = prog->attach_btf_obj_id;
	if (!err)
		err = put_array(info.func_info, &info.nr_func_info, prog->func_info,
			prog->func_info_count, 8);
	if (!err)
		err = put_array(info.line_info, &info.nr_line_info, prog->line_info,
			prog->line_info_count, 16);
	return err ? err : info_write(call, &info, len);
}

static int map_info(struct call *call, struct map *map)
{
	struct btf_object *btf = types_object_of(call->h, map->btf);
	struct info_map info;
	u32 len;
	int err = info_read(call, &info, sizeof(info), &len);

	if (err)
		return err;
	memset(&info, 0, sizeof(info));
	info.type = map->params.type;
	info.id = map->id;
	info.key_size = map->params.key_size;
	info.value_size = map->params.value_size;
	info.max_entries = map->params.max_entries;
	info.map_flags = map->params.flags;
	info.map_extra = map->params.extra;
	memcpy(info.name, map->params.name, sizeof(info.name));
	if (btf) {
		info.btf_id = btf->id;
		info.btf_key_type_id = map->btf_key_type_id;
		info.btf_value_type_id = map->btf_value_type_id;
	}
	info.btf_vmlinux_value_type_id = map->btf_vmlinux_value_type_id;
	return info_write(call, &info, len);
}

int info_put_string(u64 addr, u32 room, const char *text)
{
	size_t len = strlen(text) + 1;
	u8 zero = 0;
	int err;

	if (!addr || !room)
		return 0;
	if (room >= len)
		return user_write(addr, text, len);
	err = user_write(addr, text, room - 1);
	if (!err)
		err = user_write(addr + room - 1, &zero, 1);
	return err ? err : -ENOSPC;
}

static int btf_info(struct call *call, struct btf_object *object)
{
	const char *name = btype_obj_name(object->btf);
	struct info_btf info;
	u32 len, size;
	const void *data = btype_data(object->btf, &size);
	int err = info_read(call, &info, sizeof(info), &len), name_err;

	if (err)
		return err;
	info.id = object->id;
	err = put_array(info.btf, &info.btf_size, data, size, 1);
	if (err)
		return err;
	info.kernel_btf = object->is_kernel;
	if (!info.name != !info.name_len)
		return -EINVAL;
	name_err = info_put_string(info.name, info.name_len, name);
	info.name_len = (u32)strlen(name);
	if (name_err && name_err != -ENOSPC)
		return name_err;
	err = info_write(call, &info, len);
	return err ? err : name_err;
}

long cmd_info(struct call *call)
{
	struct desc_ref ref;
	int err = desc_get(&call->h->descs, (int)call->attr.info.bpf_fd, 0, &ref);

	if (err)
		return err == -EBADF ? -EBADFD : err; /* as the kernel has it */
	switch (ref.kind) {
	case HACHI_FD_PROG: err = prog_info(call, ref.object); break;
	case HACHI_FD_MAP: err = map_info(call, ref.object); break;
	case HACHI_FD_BTF: err = btf_info(call, ref.object); break;
	case HACHI_FD_LINK: err = info_link(call, ref.object); break;
	default: err = -EINVAL;
	}
	desc_put(&ref);
	return err;
}
