/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "nft_expr.h"
