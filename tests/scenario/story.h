/* SPDX-License-Identifier: Apache-2.0 */
/* A scenario run on the simulated cluster and told in lines that read as prose, in order of time:
 *     [      1200 ns] gang 3 (job a, node c3, run 0) starts on devices 0-3
 * At one instant, what ends comes before what is said, and that before what starts. */
#pragma once

#include "world/world.h"

typedef struct {
    char *text;             /* The lines; a run that failed ends with why. */
    bool is_done;           /* The run ended well; else `report` is empty. */
    gw_world_report report; /* Its digests and counts are the story's as well. */
} gw_story;

/* `queue` and `is_paranoid` are the world's settings.  NULL: the scenario is wrong. */
gw_story *gw_story_tell(const char *path, gw_queue_kind queue, bool is_paranoid, GError **error);
void gw_story_free(gw_story *story);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(gw_story, gw_story_free)
