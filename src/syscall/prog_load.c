// SPDX-License-Identifier: BSD-2-Clause
/*
 * BPF_PROG_LOAD: the caller's attr becomes a struct prog_load_args, in the kernel's order of
 * checks; prog/load.c does the rest. What can only be checked with the log open (BTF, debug
 * records) comes after user_log_init().
 */
#include "base/alloc.h"
#include "syscall/instance.h"
#include "syscall/map.h"
#include "syscall/refusal.h"
#include "syscall/services.h"
#include "syscall/user.h"
#include "syscall/user_log.h"
#include "syscall/world.h"

#define INSNS_MAX	 1000000u
#define INSNS_MAX_UNPRIV 4096u

struct load {
	struct call *call;
	const struct attr_prog_load *attr;
	struct arena arena;
	struct load_world world;
	struct user_log ul;
	struct prog_load_args args;
	const struct custom_type *custom;
	struct btf_object *btf;	       /* of the program; owned */
	struct btf_object *attach_btf; /* owned */
	struct prog *attach_prog;      /* owned */
	u32 attach_type;
	u32 true_size;
	struct verdict verdict;
};

static u32 known_flags(u16 kernel)
{
	u32 flags = BPF_F_STRICT_ALIGNMENT | BPF_F_ANY_ALIGNMENT | BPF_F_TEST_STATE_FREQ |
		BPF_F_SLEEPABLE | BPF_F_TEST_RND_HI32;

	if (kernel >= KERNEL(5, 18))
		flags |= BPF_F_XDP_HAS_FRAGS;
	if (kernel >= KERNEL(6, 3))
		flags |= HACHI_BPF_F_XDP_DEV_BOUND_ONLY;
	if (kernel >= KERNEL(6, 8))
		flags |= HACHI_BPF_F_TEST_REG_INVARIANTS;
	if (kernel >= KERNEL(6, 9))
		flags |= HACHI_BPF_F_TOKEN_FD;
	return flags;
}

/* Who may load this type, and how much of it. */
static int check_caps(const struct load *l)
{
	struct hachi *h = l->call->h;
	const struct progtype_spec *spec = progtype_spec_by_type(l->attr->prog_type);
	bool has_bpf = hachi_has_cap(h, CAP_NEEDED_BPF);
	u32 needs = progtype_caps(l->attr->prog_type), limit;

	limit = has_bpf ? INSNS_MAX : INSNS_MAX_UNPRIV;
	if (l->attr->insn_cnt == 0 || l->attr->insn_cnt > limit)
		return -E2BIG;
	if (!has_bpf && (l->custom || !spec || !(spec->flags & PROGTYPE_UNPRIV)))
		return -EPERM;
	for (u32 cap = 1; cap <= CAP_NEEDED_SYS_ADMIN; cap <<= 1)
		if ((needs & cap) && cap != CAP_NEEDED_BPF && !hachi_has_cap(h, cap))
			return -EPERM;
	return 0;
}

static u32 default_attach_type(const struct attr_prog_load *attr)
{
	if (attr->expected_attach_type)
		return attr->expected_attach_type;
	switch (attr->prog_type) {
	case BPF_PROG_TYPE_CGROUP_SOCK: return BPF_CGROUP_INET_SOCK_CREATE;
	case BPF_PROG_TYPE_SK_REUSEPORT: return BPF_SK_REUSEPORT_SELECT;
	default: return 0;
	}
}

/* What a tracing program attaches to: another program, a kernel BTF, or by default vmlinux. */
static int find_target(struct load *l)
{
	struct hachi *h = l->call->h;
	const struct attr_prog_load *attr = l->attr;
	int fd = (int)attr->attach_fd;

	if (attr->attach_fd && prog_from_fd(h, fd, &l->attach_prog)) {
		l->attach_prog = NULL;
		if (types_from_fd(h, fd, &l->attach_btf)) {
			l->attach_btf = NULL;
			return -EINVAL;
		}
		if (!l->attach_btf->is_kernel)
			return -BTYPE_ENOTSUPP;
	} else if (!attr->attach_fd && attr->attach_btf_id) {
		if (!hachi_vmlinux(h))
			return -EINVAL;
		l->attach_btf = h->vmlinux;
		types_object_ref(l->attach_btf);
	}
	if (!progtype_spec_by_type(attr->prog_type) && !l->custom)
		return 0; /* unknown: said later, as the kernel does */
	if (l->custom)
		return attr->attach_btf_id || attr->attach_fd ? -EINVAL : 0;
	return progtype_check_attach(attr->prog_type, l->attach_type, attr->attach_btf_id,
		l->attach_btf != NULL, l->attach_prog != NULL, h->kernel->version);
}

/* kernel: license_is_gpl_compatible() */
static bool is_gpl(const char *license)
{
	static const char *const gpl[] = {"GPL", "GPL v2", "GPL and additional rights",
		"Dual BSD/GPL", "Dual MIT/GPL", "Dual MPL/GPL"};

	for (u32 i = 0; i < ARRAY_SIZE(gpl); i++)
		if (!strcmp(license, gpl[i]))
			return true;
	return false;
}

static int read_program(struct load *l)
{
	const struct attr_prog_load *attr = l->attr;
	u64 bytes = (u64)attr->insn_cnt * sizeof(struct insn);
	struct insn *insns = arena_alloc(&l->arena, bytes);
	struct verify_input *in = &l->args.in;
	char license[128];

	if (!insns)
		return -ENOMEM;
	if (user_read(insns, attr->insns, bytes) ||
		user_read_string(license, attr->license, sizeof(license) - 1) < 0)
		return -EFAULT;
	if (attr->prog_ifindex)
		return -EINVAL; /* no device here takes programs */
	in->insns = insns;
	in->insn_count = attr->insn_cnt;
	in->is_gpl = is_gpl(license);
	in->prog_type = attr->prog_type;
	in->attach_type = l->attach_type;
	in->prog_flags = attr->prog_flags;
	in->name = attr->prog_name;
	if (l->custom) {
		in->custom_ctx = &l->custom->layout;
		in->custom_ret_min = l->custom->ret_min;
		in->custom_ret_max = l->custom->ret_max;
		in->custom_helpers = l->custom->helpers;
		in->custom_helper_count = l->custom->helper_count;
	}
	return 0;
}

/*
 * Debug records of the caller's size, cut to ours: `what` names them in the log. Bytes beyond the
 * fields that we know must be zero.
 */
static int read_records(struct load *l, const char *what, u64 addr, u32 count, u32 size,
	u32 our_size, void **ret_records)
{
	struct log *log = &l->ul.log;
	u8 record[256], *out;

	if (size < our_size || size > 252 || size % sizeof(u32)) {
		log_printf(log, "invalid %s info rec size %u\n", what, size);
		return -EINVAL;
	}
	out = arena_calloc(&l->arena, count, our_size);
	if (!out)
		return -ENOMEM;
	for (u32 i = 0; i < count; i++) {
		if (user_read(record, addr + (u64)i * size, size))
			return -EFAULT;
		for (u32 j = our_size; j < size; j++) {
			if (!record[j])
				continue;
			log_printf(log, "nonzero tailing record in %s_info", what);
			return -E2BIG;
		}
		memcpy(out + (size_t)i * our_size, record, our_size);
	}
	*ret_records = out;
	return 0;
}

static int read_debug_info(struct load *l)
{
	const struct attr_prog_load *attr = l->attr;
	struct verify_input *in = &l->args.in;
	int err;

	if (!attr->func_info_cnt && !attr->line_info_cnt)
		return 0;
	err = types_from_fd(l->call->h, (int)attr->prog_btf_fd, &l->btf);
	if (err)
		return err;
	if (l->btf->is_kernel)
		return -EACCES;
	in->btf = l->btf->btf;
	in->func_info_count = attr->func_info_cnt;
	in->line_info_count = attr->line_info_cnt;
	if (attr->func_info_cnt > INSNS_MAX || attr->line_info_cnt > INSNS_MAX)
		return -EINVAL;
	if (attr->func_info_cnt)
		err = read_records(l, "func", attr->func_info, attr->func_info_cnt,
			attr->func_info_rec_size, sizeof(struct verify_func_info),
			(void **)&in->func_info);
	if (!err && attr->line_info_cnt)
		err = read_records(l, "line", attr->line_info, attr->line_info_cnt,
			attr->line_info_rec_size, sizeof(struct verify_line_info),
			(void **)&in->line_info);
	return err;
}

static int bind_fd_array(struct load *l)
{
	s32 fd;

	if (l->attr->fd_array_cnt > 4096)
		return -E2BIG;
	for (u32 i = 0; i < l->attr->fd_array_cnt; i++) {
		int err = user_read(&fd, l->attr->fd_array + (u64)i * sizeof(fd), sizeof(fd));

		if (!err)
			err = load_world_add_fd(&l->world, fd);
		if (err)
			return err;
	}
	return 0;
}

/* free_hook: the id must not be found any more. */
static void prog_gone(struct prog *prog)
{
	struct hachi *h = prog->owner;

	if (prog->id)
		id_remove(&h->progs, prog->id);
	types_object_unref(types_object_of(h, prog->btf));
	prog_unref(prog->target);
}

static helper_fn find_custom_helper(void *owner, u32 id)
{
	return custom_helper_fn(&((struct hachi *)owner)->custom, id);
}

/* With the log open: everything up to a program object. */
static int verify_and_build(struct load *l, struct prog **ret_prog)
{
	struct hachi *h = l->call->h;
	struct log *log = &l->ul.log;
	struct prog *prog;
	int err = bind_fd_array(l);

	if (!err)
		err = read_debug_info(l);
	if (!err && l->attr->core_relo_cnt) {
		log_printf(log, "relocation in the kernel is not available in user space\n");
		err = -EOPNOTSUPP;
	}
	if (err) {
		log_printf(log,
			"processed 0 insns (limit %u) max_states_per_insn 0 total_states 0 "
			"peak_states 0 mark_read 0\n",
			INSNS_MAX);
		return err;
	}
	l->args.in.attach_btf = l->attach_btf ? l->attach_btf->btf
		: l->attach_prog	      ? l->attach_prog->btf
					      : NULL;
	l->args.in.attach_btf_id = l->attr->attach_btf_id;
	l->args.world = &l->world.world;
	l->args.engine = h->engine;
	l->args.may_interpret = h->may_interpret;
	l->args.guard = h->guard;
	l->args.fuel = h->fuel;
	l->args.time_limit_ns = h->time_limit_ns;
	l->args.masks_indices = !hachi_has_cap(h, CAP_NEEDED_PERFMON);
	l->args.harden = h->harden == HACHI_HARDEN_ALL ||
		(h->harden == HACHI_HARDEN_UNPRIVILEGED && !hachi_has_cap(h, CAP_NEEDED_BPF));
	l->args.owner = h;
	l->args.services = &hachi_services;
	l->args.custom_helper = find_custom_helper;
	l->args.stats_on = &h->stats_on;
	err = prog_load(&l->args, &l->arena, log, &l->verdict, &prog);
	if (err)
		return err;
	if (prog->btf)
		types_object_ref(l->btf);
	prog->free_hook = prog_gone;
	prog->target = l->attach_prog;
	if (prog->target)
		prog_ref(prog->target);
	if (l->attach_btf)
		prog->attach_btf_obj_id = l->attach_btf->id;
	for (u32 i = 0; i < l->attr->fd_array_cnt && i < l->world.map_count && !err; i++)
		err = prog_bind_map(prog, l->world.maps[i]);
	if (err) {
		prog_unref(prog);
		return err;
	}
	*ret_prog = prog;
	return 0;
}

static int finish_log(struct load *l)
{
	struct call *call = l->call;
	int err = user_log_finish(&l->ul, &l->true_size);

	if (call->h->kernel->version >= KERNEL(6, 4) &&
		call->size >= offsetof(struct attr_prog_load, log_true_size) + sizeof(u32) &&
		user_write_u32(CALL_FIELD(call, prog_load, log_true_size), l->true_size))
		err = -EFAULT;
	user_log_release(&l->ul);
	return err;
}

static long load_with_log(struct load *l)
{
	struct hachi *h = l->call->h;
	struct prog *prog = NULL;
	long ret;
	int err;

	ret = user_log_init(&l->ul, h->kernel->version, l->attr->log_level, l->attr->log_buf,
		l->attr->log_size);
	if (ret)
		return ret;
	ret = verify_and_build(l, &prog);
	refusal_set(h, &l->verdict, &l->args.in, (int)ret);
	err = finish_log(l);
	ret = err ? err : ret;
	if (!ret)
		ret = id_alloc(&h->progs, prog, &prog->id);
	if (!ret)
		ret = desc_new(&h->descs, HACHI_FD_PROG, prog, -1, DESC_RDWR);
	prog_unref(prog);
	return ret;
}

static int check_attr(struct load *l)
{
	struct hachi *h = l->call->h;
	const struct attr_prog_load *attr = l->attr;
	const struct progtype_spec *spec = progtype_spec_by_type(attr->prog_type);
	int err;

	if (attr->prog_flags & ~known_flags(h->kernel->version))
		return -EINVAL;
	if (attr->prog_flags & HACHI_BPF_F_TOKEN_FD)
		return token_refused(attr->prog_token_fd);
	l->custom = custom_type_by_number(&h->custom, attr->prog_type);
	l->attach_type = default_attach_type(attr);
	err = check_caps(l);
	if (!err)
		err = find_target(l);
	if (!err)
		err = read_program(l);
	if (!err && !l->custom && (!spec || spec->since > h->kernel->version))
		err = -EINVAL;
	return err ? err : name_check(attr->prog_name, sizeof(attr->prog_name));
}

long cmd_prog_load(struct call *call)
{
	struct load l = {.call = call, .attr = &call->attr.prog_load};
	long ret;

	arena_init(&l.arena);
	load_world_init(&l.world, call->h, &l.arena, l.attr->fd_array);
	refusal_clear(call->h);
	ret = check_attr(&l);
	if (!ret)
		ret = load_with_log(&l);
	load_world_release(&l.world);
	types_object_unref(l.btf);
	types_object_unref(l.attach_btf);
	prog_unref(l.attach_prog);
	arena_release(&l.arena);
	return ret;
}
