/* SPDX-License-Identifier: GPL-2.0-or-later */
/* link: names of network interfaces, kept up to date by the kernel's messages.
 */
#include "link.h"

#include <errno.h>
#include <fcntl.h>
#include <libnfnetlink/libnfnetlink.h>
#include <stdlib.h>

struct link_table {
	struct nlif_handle *nlif;
};

int link_open(struct link_table **out)
{
	struct link_table *lt = calloc(1, sizeof(*lt));
	int flags;

	if (lt == NULL)
		return -ENOMEM;
	lt->nlif = nlif_open();
	if (lt->nlif == NULL || nlif_query(lt->nlif) < 0) {
		int err = errno != 0 ? -errno : -EIO;

		link_close(lt);
		return err;
	}
	/* libnfnetlink opens its socket without SOCK_CLOEXEC. */
	flags = fcntl(nlif_fd(lt->nlif), F_GETFD);
	fcntl(nlif_fd(lt->nlif), F_SETFD, flags | FD_CLOEXEC);
	flags = fcntl(nlif_fd(lt->nlif), F_GETFL);
	fcntl(nlif_fd(lt->nlif), F_SETFL, flags | O_NONBLOCK);
	*out = lt;
	return 0;
}

void link_close(struct link_table *lt)
{
	if (lt == NULL)
		return;
	if (lt->nlif != NULL)
		nlif_close(lt->nlif);
	free(lt);
}

int link_fd(const struct link_table *lt)
{
	return nlif_fd(lt->nlif);
}

void link_update(struct link_table *lt)
{
	nlif_catch(lt->nlif);
}

void link_name(struct link_table *lt, uint32_t ifindex, char *name)
{
	name[0] = '\0';
	if (ifindex != 0 && nlif_index2name(lt->nlif, ifindex, name) < 0)
		name[0] = '\0';
}
