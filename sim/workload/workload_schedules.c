/* SPDX-License-Identifier: Apache-2.0 */
/* The list of pipeline schedules: a new one is a file and a line here. */
#include "workload/workload_schedule.h"

const gw_schedule_ops *const gw_workload_schedules[] = {
    &gw_schedule_1f1b,    &gw_schedule_file,
    &gw_schedule_gpipe,   &gw_schedule_interleaved,
    &gw_schedule_zb_1p,   &gw_schedule_zb_2p,
    &gw_schedule_zb_auto, &gw_schedule_zb_h1,
    &gw_schedule_zb_h2,   NULL,
};
