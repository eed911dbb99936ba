/* SPDX-License-Identifier: Apache-2.0 */
/* What the files params*.c share.  Nobody else includes this. */
#pragma once

#include <glib.h>
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/params.h"

#define GW_PARAMS_LOAD_FLAGS JSON_REJECT_DUPLICATES

/* One `--set`: where it put its value. */
typedef struct {
    char *path;       /* "/jobs/0/steps" */
    char *assignment; /* "jobs.steps=3", shortened */
} gw_params_assigned;

/* One member of an object that was asked for, whether it is there or not. */
typedef struct gw_params_member gw_params_member;

struct gw_params {
    gw_params *root;
    json_t *json; /* The root holds the one reference. */
    char *path;
    GHashTable *children;  /* Key to gw_params; of objects, made at the first need. */
    gw_params **elements;  /* Of arrays, likewise. */
    GHashTable *asked;     /* A set of keys; owns them. */
    GPtrArray *asked_keys; /* The same keys in the order of asking. */
    const char **keys;     /* Of objects: in the order of the file, comments left out. */
    uint32_t key_count;
    /* Of the root only. */
    char *source, *text;
    size_t text_bytes;
    GPtrArray *nodes;    /* Everything handed out. */
    GPtrArray *assigned; /* Of gw_params_assigned. */
};

/* The line, counted from 1, of the member or element at `path` in the valid JSON `text`; for a
 * member that of its key.  0 when there is none. */
uint32_t gw_params_locate_line(const char *text, size_t text_bytes, const char *path);

/* `path` + "/" + the escaped key, as JSON pointers are written.  The caller frees. */
char *gw_params_join(const char *path, const char *key);

/* Jansson's words, but where they name its own flags.  The caller frees. */
char *gw_params_syntax_words(const json_error_t *found);

/* "3", "\"fifo\"", "an array": for messages.  The caller frees. */
char *gw_params_describe(const json_t *json);
