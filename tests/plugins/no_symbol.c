/* SPDX-License-Identifier: Apache-2.0 */
/* A shared object that is no plugin. */
int my_own_business(void);

int my_own_business(void)
{
    return 1;
}
