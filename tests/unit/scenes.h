/* SPDX-License-Identifier: GPL-2.0-or-later */
/* scenes: how a world can be when the packet comes. */
#ifndef SCENES_H
#define SCENES_H

#include <stddef.h>

/* Each begins the world anew: SENDER and OTHER are there, and a packet. */
void datagram(void); /* of the sender's, who runs on */
void connected_datagram(void);
void mapped_datagram(void);	 /* an IPv6 socket's, to an IPv4 address */
void other_users_datagram(void); /* the packet's uid is not the socket's */
void kernels_datagram(void);	 /* it has none */
void tunnels_datagram(void);	 /* charged to another socket than that port's */
void hidden_datagram(void);	 /* the sender is closed to us */
void unprivileged(void);	 /* a datagram; and we have no CAP_SYS_PTRACE, */
void in_namespace(void);	 /* or only over a user namespace */
void by_iterator(void);		 /* a datagram; and there is an iterator */
void by_iterator_only(void);	 /* the same, without CAP_SYS_PTRACE */
void connecting(void);		 /* the SYN of a connect(2) that does not wait */
void waiting(void);		 /* and of one that does */
void waiting_unseen(void);	 /* and too many born since to guess who */
void waiting_parent(void);	 /* whose child has it, and may have sent */
void waiting_child(void);	 /* whose parent has the socket, too */
void listened(void);		 /* SENDER is gone, OTHER listens at the port */
void data(void);		 /* a connection's, with data */
void acknowledging(void);	 /* and one without */
void device_data(void);		 /* its socket is bound to a device */
void raw(void);			 /* a raw socket's, protocol 253 */
void raw_without_diag(void);
void seen(void);		 /* a datagram, and the witness's record of it */
void seen_kernels(void);	 /* as the kernel's own; but it has a uid */
void seen_from_afar(void);	 /* by a process of another pid namespace, */
void seen_forged_from_afar(void);	 /* with a socket of its own */
void seen_connecting(void);	 /* a SYN, and the record of its connect(2) */
void seen_connected(void);	 /* the same, and the peer connects as well */
void seen_closing(void);	 /* a SYN; the socket is closed, and who opened */
void seen_anothers(void);	 /* the one with its addresses is known; or is
				  * another user's */
void seen_opening(void);	 /* a datagram, and the record of its socket(2) */
void seen_opened(void);		 /* the same, and the socket is closed */

struct scene_begin {
	const char *name;
	void (*begins)(void);
};

extern const struct scene_begin scene_begins[];
extern const size_t scene_nbegins;

#endif
