/* SPDX-License-Identifier: Apache-2.0 */
/* A table without a name. */
#include "queue.h"

const gw_policy_ops gw_policy_plugin = {QUEUE_HEAD(NULL), QUEUE_MEMBERS};
