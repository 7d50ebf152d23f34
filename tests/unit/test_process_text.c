/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_process_text: units, containers, scripts and terminals out of text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "process.h"
#include "util.h"

#define HEX64 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

/* ------------------------------------------------------------ unit and
 * container */

static void units(void **state)
{
	static const struct {
		const char *cgroup, *unit;
	} cases[] = {
		{"/system.slice/cron.service", "cron.service"},
		{"/system.slice/system-getty.slice/getty@tty1.service",
		 "getty@tty1.service"},
		{"/init.scope", "init.scope"},
		{"/user.slice/user-1000.slice/session-3.scope",
		 "session-3.scope"},
		{"/user.slice/user-1000.slice/user@1000.service/app.slice/"
		 "app-foot.scope",
		 "user@1000.service/app-foot.scope"},
		{"/user.slice/user-1000.slice/user@1000.service/init.scope",
		 "user@1000.service/init.scope"},
		{"/user.slice/user-1000.slice/user@1000.service",
		 "user@1000.service"},
		/* A user may call a cgroup of his what he likes. */
		{"/user.slice/user-1000.slice/user@1000.service/app.slice/"
		 "a.scope/sshd.service",
		 "user@1000.service/a.scope"},
		{"/system.slice/docker-" HEX64 ".scope/system.slice/"
		 "sshd.service",
		 "docker-" HEX64 ".scope"},
		{"/system.slice/evil/sshd.service", NULL},
		{"/system.slice/_cgroup.service", "cgroup.service"},
		{"/../../system.slice/a.service", "a.service"},
		{"/system.slice/dev-sda2.swap", "dev-sda2.swap"},
		{"/", NULL},
		{"", NULL},
		{"//", NULL},
		{"/.service", NULL},
		{"/system.slice", NULL},
		{"/docker/" HEX64, NULL},
		{"/cron.service.d", NULL},
	};
	char buf[256];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const char *unit =
			process_unit_of(cases[i].cgroup, buf, sizeof(buf));

		if (cases[i].unit)
			assert_string_equal(unit ? unit : "(none)",
					    cases[i].unit);
		else
			assert_null(unit);
	}
	assert_null(process_unit_of("/cron.service", buf, 12));
	assert_string_equal(process_unit_of("/cron.service", buf, 13),
			    "cron.service");
	assert_null(process_unit_of("/user@1.service/a.scope", buf, 16));
	assert_null(process_unit_of("/user@1.service/a.scope", buf, 23 - 1));
	assert_string_equal(process_unit_of("/user@1.service/a.scope", buf, 23),
			    "user@1.service/a.scope");
}

static void containers(void **state)
{
	static const struct {
		const char *cgroup, *id;
	} cases[] = {
		{"/docker/" HEX64, HEX64},
		{"/system.slice/docker-" HEX64 ".scope", HEX64},
		{"/kubepods.slice/kubepods-pod1.slice/cri-containerd-" HEX64
		 ".scope",
		 HEX64},
		{"/kubepods/burstable/pod12-34/" HEX64 "/sub", HEX64},
		{"/kubepods.slice/crio-" HEX64 ".scope", HEX64},
		{"/machine.slice/libpod-" HEX64 ".scope/container", HEX64},
		{"/system.slice/containerd.service/"
		 "kubepods-x:cri-containerd:" HEX64,
		 HEX64},
		{"/lxc.payload.web/system.slice/nginx.service", "web"},
		{"/lxc/web/a", "web"},
		{"/lxc.payload/web", "web"},
		/* The watcher is not inside. */
		{"/machine.slice/libpod-conmon-" HEX64 ".scope", NULL},
		{"/kubepods.slice/crio-conmon-" HEX64 ".scope", NULL},
		{"/lxc.monitor.web", NULL},
		{"/docker/0123456789abcdef", NULL},
		{"/docker/x" HEX64, NULL},
		{"/docker/" HEX64 "0", NULL},
		{"/docker/0123456789ABCDEF0123456789abcdef0123456789abcdef01234"
		 "56789abcdef",
		 NULL},
		{"/system.slice/cron.service", NULL},
		{"/lxc", NULL},
		{"/", NULL},
		{"", NULL},
	};
	char buf[128];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const char *id =
			process_container_of(cases[i].cgroup, buf, sizeof(buf));

		if (cases[i].id)
			assert_string_equal(id ? id : "(none)", cases[i].id);
		else
			assert_null(id);
	}
	assert_null(process_container_of("/docker/" HEX64, buf, 64));
	assert_non_null(process_container_of("/docker/" HEX64, buf, 65));
}

/* ---------------------------------------------------------- script and tty */

static void scripts(void **state)
{
	static const struct {
		const char *exe, *args;
		size_t len;
		const char *script;
	} cases[] = {
#define CASE(exe, args, script) {exe, args, sizeof(args) - 1, script}
		CASE("/usr/bin/python3.11", "python3\0a.py\0x", "a.py"),
		CASE("/usr/bin/python3", "python3\0-u\0-B\0a.py", "a.py"),
		CASE("/usr/bin/python3", "python3\0-W\0error\0a.py", "a.py"),
		CASE("/usr/bin/python3", "python3\0-Werror\0a.py", "a.py"),
		CASE("/usr/bin/python3", "python3\0-X\0dev\0a.py", "a.py"),
		CASE("/usr/bin/python3", "python3\0-c\0code\0a.py", NULL),
		CASE("/usr/bin/python3", "python3\0-Ic\0code", NULL),
		CASE("/usr/bin/python3", "python3\0-m\0http.server", NULL),
		CASE("/usr/bin/python3", "python3\0-mhttp.server\0x", NULL),
		CASE("/usr/bin/python3", "python3\0-", NULL),
		CASE("/usr/bin/python3", "python3\0--\0-a.py", "-a.py"),
		CASE("/usr/bin/python3", "python3\0--unheard\0x\0a.py", NULL),
		CASE("/usr/bin/python3", "python3", NULL),
		CASE("/usr/bin/python3", "", NULL),
		CASE("/usr/bin/python3", "python3\0", NULL),
		CASE("/usr/bin/python3", "python3\0\0a.py", NULL),
		CASE("/usr/bin/python3", "python3\0--", NULL),
		CASE("python3", "python3\0a.py", "a.py"),
		CASE("/bin/sh", "sh\0/etc/rc", "/etc/rc"),
		CASE("/bin/dash", "sh\0-e\0/etc/rc\0start", "/etc/rc"),
		CASE("/bin/bash", "bash\0-ec\0/etc/rc", NULL),
		CASE("/bin/bash", "bash\0-s\0/etc/rc", NULL),
		CASE("/bin/bash", "bash\0+x\0/etc/rc", "/etc/rc"),
		CASE("/bin/bash", "bash\0-eo\0pipefail\0a.sh", "a.sh"),
		CASE("/bin/bash", "bash\0+O\0extglob\0a.sh", "a.sh"),
		CASE("/bin/bash", "bash\0-oO\0a\0b\0c", NULL),
		CASE("/bin/bash", "bash\0--norc\0a.sh", "a.sh"),
		CASE("/bin/bash", "bash\0--rcfile\0f\0a.sh", "a.sh"),
		CASE("/bin/zsh", "zsh\0-oposix\0a.sh", "a.sh"),
		CASE("/usr/bin/perl5.36", "perl\0-w\0-T\0x.pl", "x.pl"),
		CASE("/usr/bin/perl", "perl\0-I\0lib\0x.pl", "x.pl"),
		CASE("/usr/bin/perl", "perl\0-Ilib\0x.pl", "x.pl"),
		CASE("/usr/bin/perl", "perl\0-ne\0print\0x", NULL),
		CASE("/usr/bin/perl", "perl\0-MData::Dumper\0x.pl", "x.pl"),
		CASE("/usr/bin/ruby3.1", "ruby\0-rjson\0x.rb", "x.rb"),
		CASE("/usr/bin/ruby", "ruby\0-e\0puts", NULL),
		CASE("/usr/bin/node", "node\0--inspect\0app.js", "app.js"),
		CASE("/usr/bin/node", "node\0--max-old-space-size=9\0app.js",
		     "app.js"),
		CASE("/usr/bin/node", "node\0--require\0x\0app.js", "app.js"),
		CASE("/usr/bin/node", "node\0--eval=1\0app.js", NULL),
		CASE("/usr/bin/node", "node\0--eval\0app.js", NULL),
		CASE("/usr/bin/php8.2", "php\0-d\0a=b\0x.php", "x.php"),
		CASE("/usr/bin/php", "php\0-r\0code", NULL),
		CASE("/usr/bin/curl", "curl\0-s\0https://x", NULL),
		CASE("/usr/bin/shred", "shred\0x", NULL),
		CASE("/usr/bin/python-config", "x\0y", NULL),
		CASE("/usr/bin/", "x\0y", NULL),
		CASE("", "x\0y", NULL),
#undef CASE
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const char *script = process_script_of(
			cases[i].exe, cases[i].args, cases[i].len);

		if (cases[i].script)
			assert_string_equal(script ? script : "(none)",
					    cases[i].script);
		else
			assert_null(script);
	}
}

static void ttys(void **state)
{
	static const struct {
		unsigned nr;
		const char *name;
	} cases[] = {
		{34816, "pts/0"},
		{34816 + 3, "pts/3"},
		/* pts/300: the minor's upper bits are at bit 20. */
		{(300 & 0xff) | 136 << 8 | (300 & ~0xffU) << 12, "pts/300"},
		{137 << 8, "pts/256"},
		{4 << 8 | 1, "tty1"},
		{4 << 8 | 63, "tty63"},
		{4 << 8 | 64, "ttyS0"},
		{5 << 8 | 1, "5:1"},
		{UINT32_MAX, "4095:1048575"},
	};
	char buf[32];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_string_equal(
			process_tty_of((int)cases[i].nr, buf, sizeof(buf)),
			cases[i].name);
	assert_null(process_tty_of(0, buf, sizeof(buf)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(units),
		cmocka_unit_test(containers),
		cmocka_unit_test(scripts),
		cmocka_unit_test(ttys),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
