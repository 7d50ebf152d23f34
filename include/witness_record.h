/* SPDX-License-Identifier: GPL-2.0-or-later */
/* witness_record: what the program in the kernel tells; read by both sides. */
#ifndef WITNESS_RECORD_H
#define WITNESS_RECORD_H

/* No header is included: the kernel's side has none to give.  Whoever includes
 * this one has the fixed-width types. */

#define WITNESS_HEAD_MAX    96	 /* bytes kept of the packet */
#define WITNESS_ARGS_MAX    4096 /* bytes kept of argv */
#define WITNESS_PATH_MAX    2048 /* bytes kept of each path */
#define WITNESS_NAME_MAX    256	 /* one component, with its NUL */
#define WITNESS_PARENTS_MAX 8
#define WITNESS_FILTERS_MAX 16

/* Who sent it, as far as the moment of sending tells. */
enum witness_class {
	WITNESS_SENDER = 1, /* the process named in the record */
	WITNESS_KERNEL,	    /* nobody's socket, or one of the kernel's own */
	WITNESS_OTHER,	    /* a user's socket; but who runs is not the sender */
};

enum witness_type {
	WITNESS_PACKET = 1,
	WITNESS_FACTS,
	/* What was done to a socket, and by whom (class SENDER). */
	WITNESS_CREATED,   /* socket(2) */
	WITNESS_CONNECTED, /* connect(2), before it is tried */
	WITNESS_CLOSED,	   /* by its last holder, not said by whom */
};

/* One program image: exec changes it, and so does a pid's next life. */
struct witness_image {
	uint64_t start_ns; /* after boot */
	uint64_t exe_ino;
	uint64_t arg_start, start_stack;
	uint64_t exec_id; /* counts the execs: the rest may repeat */
	uint32_t exe_dev; /* as the kernel has it: major << 20 | minor */
	uint32_t tgid;	  /* in the first pid namespace */
};

/* A socket's addresses: of CONNECTED only the remote one, of CREATED none. */
struct witness_ends {
	uint16_t family;       /* of the addresses */
	uint16_t sport, dport; /* host order; 0: none yet */
	uint8_t proto, pad;
	uint32_t saddr[4], daddr[4]; /* network order; IPv4's is the first */
};

/* One packet, or one thing done to a socket. */
struct witness_record {
	uint32_t type;	/* enum witness_type */
	uint32_t class; /* enum witness_class */
	uint64_t time_ns; /* CLOCK_MONOTONIC */
	uint64_t cookie;  /* 0: the socket has none yet */
	uint64_t inode;	  /* of the socket; 0: it is in no file */
	uint64_t sk;	  /* tells sockets apart that live at one time */
	uint64_t cgroup;
	struct witness_image image;
	uint32_t pid, tid; /* in our pid namespace; 0: not in it */
	uint32_t uid, gid, euid, egid;
	uint32_t sock_uid; /* who opened the socket, as the queue says */
	uint32_t has_sock_uid;
	uint32_t net_ns; /* the network namespace it is in */
	uint32_t again; /* OTHER, and perhaps its sender was seen before */
	uint32_t len;
	uint32_t head_len;
	char comm[16];
	uint32_t has_own; /* NAT has given it another destination, and */
	struct witness_ends own; /* this is what the socket sent */
	union {
		uint8_t head[WITNESS_HEAD_MAX];
		struct witness_ends ends;
	};
};

struct witness_parent {
	uint64_t start_ns; /* after boot */
	uint32_t pid;
	char comm[16];
};

/* One image, told before its first packet.  Behind it the strings: exe and cwd,
 * each its names from the last to the first, then argv. */
struct witness_facts {
	uint32_t type;
	uint32_t nparents;
	struct witness_image image;
	uint32_t loginuid, sessionid;
	uint64_t cap_eff;
	uint32_t ns_mnt, ns_pid, ns_net, ns_user;
	uint32_t nspid; /* pid in its own namespace */
	uint32_t seccomp, no_new_privs;
	uint32_t tty_major, tty_minor;
	uint32_t exe_nlink;
	uint32_t parents_end; /* nobody above the last in our pid namespace */
	uint32_t exe_len, exe_partial;
	uint32_t cwd_len, cwd_partial;
	uint32_t args_len, args_truncated;
	struct witness_parent parents[WITNESS_PARENTS_MAX];
};

/* What to look at: as a target, one network of it. */
struct witness_filter {
	uint8_t ipv6, any_address, any_proto, proto;
	uint16_t port_low, port_high; /* both 0: any */
	uint32_t addr[4], mask[4];    /* network order */
};

/* How often there was no room, and when last. */
struct witness_lost {
	uint64_t packets, facts, last_ns;
};

/* In memory that both sides have. */
#define WITNESS_NO_QUEUE 0xffffffffU
struct witness_shared {
	struct witness_lost lost;
	uint64_t begun; /* records, those among them that are lost */
	uint32_t queue; /* ours; the only one whose packets count */
};

#endif
