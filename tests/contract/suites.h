/* SPDX-License-Identifier: Apache-2.0 */
/* The suites of the contract; each test is looped over the worlds. */
#pragma once

#include <check.h>

Suite *contract_messages_suite(void);
Suite *contract_devices_suite(void);
Suite *contract_exchanges_suite(void);
Suite *contract_decisions_suite(void);
Suite *contract_replay_suite(void);
