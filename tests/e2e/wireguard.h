/* SPDX-License-Identifier: GPL-2.0-or-later */
/* wireguard: a tunnel from this namespace to itself, without its tools. */
#ifndef E2E_WIREGUARD_H
#define E2E_WIREGUARD_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Two devices, e2e0 and e2e1, that are each other's peers: at ADDR_CLIENT's and
 * ADDR_RESOLVER's port.  What goes to 10.77.0.2 is sent through e2e0 from
 * 10.77.0.1.  False: the kernel has no wireguard.
 */
bool wireguard_open(uint16_t client_port, uint16_t resolver_port);

#endif
