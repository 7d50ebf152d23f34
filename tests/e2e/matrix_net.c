/* SPDX-License-Identifier: GPL-2.0-or-later */
/* matrix_net: what has to be around a cell: addresses, NAT, other namespaces.
 */
#include <stdio.h>
#include <string.h>

#include "harness.h"
#include "matrix.h"
#include "spaces.h"

static void route_to_self(const char *family, const char *net)
{
	if (run_command(NULL, "ip", family, "route", "add", "local", net, "dev",
			"lo", NULL))
		SKIP("no ip command");
}

void matrix_set_up_network(void)
{
	FILE *f = fopen("/proc/sys/net/ipv4/ping_group_range", "we");

	if (f) {
		fprintf(f, "0 0\n");
		fclose(f);
	}
	if (e2e_has_ipv6()) {
		route_to_self("-6", MATRIX_NET6);
		route_to_self("-6", MATRIX_OTHER_END6);
	}
}

static const char *write_file(const char *name, const char *text)
{
	const char *path = test_path(name);
	FILE *f = fopen(path, "we");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
	return path;
}

void matrix_set_up_nat(bool ipv6, const char *const *from,
		       const char *const *to, int n)
{
	const char *ip = ipv6 ? "ip6" : "ip";
	char rules[2048];
	int at;

	at = snprintf(rules, sizeof(rules),
		      "table inet nat {\n"
		      " chain out {\n"
		      "  type nat hook output priority -100;\n");
	for (int i = 0; i < n; i++)
		at += snprintf(rules + at, sizeof(rules) - (size_t)at,
			       "  %s daddr %s dnat %s to %s\n", ip, from[i], ip,
			       to[i]);
	snprintf(rules + at, sizeof(rules) - (size_t)at, " }\n}\n");
	if (run_command(NULL, "nft", "-f", write_file("rules", rules), NULL))
		SKIP("the kernel has no NAT");
}

static bool add_route(const char *family, const char *net, const char *via)
{
	return run_command(NULL, "ip", family, "route", "add", net, "via", via,
			   "dev", "vb", NULL) == 0;
}

void matrix_set_up_spaces(struct space *near, struct space *far)
{
	bool v6 = e2e_has_ipv6();

	*near = (struct space){
		.name = "a", .own4 = "10.1.0.2", .own6 = v6 ? "fd03::2" : NULL};
	*far = (struct space){
		.name = "b", .own4 = "10.2.0.2", .own6 = v6 ? "fd04::2" : NULL};
	if (!space_open(near) || !space_open(far) ||
	    !add_route("-4", MATRIX_FORWARD4, far->own4) ||
	    (v6 && !add_route("-6", MATRIX_NET6, far->own6)))
		SKIP("no veth, or no ip(8)");
	space_enter(far);
	route_to_self("-4", MATRIX_FORWARD4);
	if (v6)
		route_to_self("-6", MATRIX_NET6);
	space_leave();
}
