/* SPDX-License-Identifier: Apache-2.0 */
/* A member that the scheduler calls is missing. */
#include "queue.h"

const gw_policy_ops gw_policy_plugin = {QUEUE_HEAD("no_pick"), .create = queue_create,
                                        .destroy = queue_destroy, .offer = queue_offer,
                                        .take = queue_take};
