/* SPDX-License-Identifier: GPL-2.0-or-later */
/* wireguard: a tunnel from this namespace to itself, without its tools. */
#include "wireguard.h"

#include <libmnl/libmnl.h>
#include <linux/genetlink.h>
#include <linux/wireguard.h>
#include <string.h>

#include "harness.h"
#include "sender.h"

static struct mnl_socket *nl;
static uint16_t family;

static struct nlmsghdr *begin(char *buf, uint16_t type, uint16_t flags,
			      uint8_t cmd)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct genlmsghdr *g;

	nlh->nlmsg_type = type;
	nlh->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | NLM_F_ACK | flags);
	g = mnl_nlmsg_put_extra_header(nlh, sizeof(*g));
	g->cmd = cmd;
	g->version = 1;
	return nlh;
}

static bool ask(const struct nlmsghdr *nlh, mnl_cb_t cb, void *data)
{
	char buf[16384];
	int r = MNL_CB_OK;

	if (mnl_socket_sendto(nl, nlh, nlh->nlmsg_len) < 0)
		return false;
	while (r > MNL_CB_STOP) {
		ssize_t n = mnl_socket_recvfrom(nl, buf, sizeof(buf));

		if (n < 0)
			return false;
		r = mnl_cb_run(buf, (size_t)n, 0, 0, cb, data);
	}
	return r == MNL_CB_STOP;
}

static int family_attr(const struct nlattr *attr, void *data)
{
	(void)data;
	if (mnl_attr_get_type(attr) == CTRL_ATTR_FAMILY_ID)
		family = mnl_attr_get_u16(attr);
	return MNL_CB_OK;
}

static int family_cb(const struct nlmsghdr *nlh, void *data)
{
	return mnl_attr_parse(nlh, sizeof(struct genlmsghdr), family_attr,
			      data);
}

static bool find_family(void)
{
	char buf[512];
	struct nlmsghdr *nlh = begin(buf, GENL_ID_CTRL, 0, CTRL_CMD_GETFAMILY);

	family = 0;
	mnl_attr_put_strz(nlh, CTRL_ATTR_FAMILY_NAME, WG_GENL_NAME);
	return ask(nlh, family_cb, NULL) && family;
}

static int key_attr(const struct nlattr *attr, void *key)
{
	if (mnl_attr_get_type(attr) == WGDEVICE_A_PUBLIC_KEY)
		memcpy(key, mnl_attr_get_payload(attr), WG_KEY_LEN);
	return MNL_CB_OK;
}

static int key_cb(const struct nlmsghdr *nlh, void *key)
{
	return mnl_attr_parse(nlh, sizeof(struct genlmsghdr), key_attr, key);
}

/* Makes the device with a key and a port; gives the public key. */
static bool make_device(const char *name, uint8_t seed, uint16_t port,
			uint8_t public[WG_KEY_LEN])
{
	uint8_t private[WG_KEY_LEN];
	char buf[1024];
	struct nlmsghdr *nlh;

	if (run_command(NULL, "ip", "link", "add", name, "type", "wireguard",
			NULL) ||
	    (!family && !find_family()))
		return false;
	memset(private, seed, sizeof(private));
	nlh = begin(buf, family, 0, WG_CMD_SET_DEVICE);
	mnl_attr_put_strz(nlh, WGDEVICE_A_IFNAME, name);
	mnl_attr_put(nlh, WGDEVICE_A_PRIVATE_KEY, sizeof(private), private);
	mnl_attr_put_u16(nlh, WGDEVICE_A_LISTEN_PORT, port);
	if (!ask(nlh, NULL, NULL))
		return false;
	nlh = begin(buf, family, NLM_F_DUMP, WG_CMD_GET_DEVICE);
	mnl_attr_put_strz(nlh, WGDEVICE_A_IFNAME, name);
	return ask(nlh, key_cb, public);
}

/* Everything goes to that one peer. */
static bool set_peer(const char *name, const uint8_t key[WG_KEY_LEN],
		     const char *addr, uint16_t port)
{
	struct nlattr *peers, *peer, *ips, *ip;
	struct sockaddr_storage ss;
	socklen_t len = make_address(addr, port, &ss);
	uint32_t any = 0;
	char buf[1024];
	struct nlmsghdr *nlh = begin(buf, family, 0, WG_CMD_SET_DEVICE);

	mnl_attr_put_strz(nlh, WGDEVICE_A_IFNAME, name);
	peers = mnl_attr_nest_start(nlh, WGDEVICE_A_PEERS);
	peer = mnl_attr_nest_start(nlh, 0);
	mnl_attr_put(nlh, WGPEER_A_PUBLIC_KEY, WG_KEY_LEN, key);
	mnl_attr_put(nlh, WGPEER_A_ENDPOINT, len, &ss);
	ips = mnl_attr_nest_start(nlh, WGPEER_A_ALLOWEDIPS);
	ip = mnl_attr_nest_start(nlh, 0);
	mnl_attr_put_u16(nlh, WGALLOWEDIP_A_FAMILY, AF_INET);
	mnl_attr_put(nlh, WGALLOWEDIP_A_IPADDR, sizeof(any), &any);
	mnl_attr_put_u8(nlh, WGALLOWEDIP_A_CIDR_MASK, 0);
	mnl_attr_nest_end(nlh, ip);
	mnl_attr_nest_end(nlh, ips);
	mnl_attr_nest_end(nlh, peer);
	mnl_attr_nest_end(nlh, peers);
	return ask(nlh, NULL, NULL);
}

static bool make_tunnel(uint16_t client_port, uint16_t resolver_port)
{
	uint8_t here[WG_KEY_LEN] = {0}, there[WG_KEY_LEN] = {0};

	return make_device("e2e0", 0x48, client_port, here) &&
	       make_device("e2e1", 0x50, resolver_port, there) &&
	       set_peer("e2e0", there, ADDR_RESOLVER, resolver_port) &&
	       set_peer("e2e1", here, ADDR_CLIENT, client_port) &&
	       !run_command(NULL, "ip", "addr", "add", "10.77.0.1/24", "dev",
			    "e2e0", NULL) &&
	       !run_command(NULL, "ip", "link", "set", "e2e0", "up", NULL) &&
	       !run_command(NULL, "ip", "link", "set", "e2e1", "up", NULL);
}

bool wireguard_open(uint16_t client_port, uint16_t resolver_port)
{
	bool made;

	nl = mnl_socket_open2(NETLINK_GENERIC, SOCK_CLOEXEC);
	assert_non_null(nl);
	assert_int_equal(mnl_socket_bind(nl, 0, MNL_SOCKET_AUTOPID), 0);
	made = make_tunnel(client_port, resolver_port);
	mnl_socket_close(nl);
	return made;
}
