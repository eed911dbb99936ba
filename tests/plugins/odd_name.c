/* SPDX-License-Identifier: Apache-2.0 */
/* A name that would spoil every message in which it stands. */
#include "queue.h"

const gw_policy_ops gw_policy_plugin = {QUEUE_HEAD("odd\n\x1b[31mname"), QUEUE_MEMBERS};
