/* SPDX-License-Identifier: Apache-2.0 */
/* Every world keeps the port's contract (docs/PORT.md); `_i` in a test is the world's row. */
#include <stdlib.h>

#include "tests/contract/suites.h"

int main(void)
{
    SRunner *runner = srunner_create(contract_messages_suite());
    srunner_add_suite(runner, contract_devices_suite());
    srunner_add_suite(runner, contract_exchanges_suite());
    srunner_add_suite(runner, contract_decisions_suite());
    srunner_add_suite(runner, contract_replay_suite());
    srunner_run_all(runner, CK_NORMAL);
    const int failed_count = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed_count == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
