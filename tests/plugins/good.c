/* SPDX-License-Identifier: Apache-2.0 */
/* Nothing is wrong here. */
#include "queue.h"

const gw_policy_ops gw_policy_plugin = {QUEUE_HEAD("good"), QUEUE_MEMBERS};
