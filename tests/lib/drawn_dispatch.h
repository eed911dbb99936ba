/* SPDX-License-Identifier: Apache-2.0 */
/* A dispatch policy that draws every answer among those that are allowed: each step for each gang,
 * any forest for each batch.  What holds under it does not depend on dispatch policies.  Policies
 * made by it draw the same numbers, each from the first on. */
#pragma once

#include "controller/dispatch_policy.h"

extern const gw_dispatch_policy_ops drawn_dispatch;
