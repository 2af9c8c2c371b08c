/* Prints doc/config.md, made from the table of settings: settings_page > doc/config.md */
#include "io/settings.h"

int main(void)
{
    settings_page(stdout);
    return ferror(stdout) != 0 || fflush(stdout) != 0;
}
