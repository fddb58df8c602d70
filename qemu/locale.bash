# SPDX-License-Identifier: BSD-2-Clause
#
# For scripts that are started in anybody's locale: of bash's regular expressions a range such as
# a-z is ASCII's (in a Turkish one it is without the i), and a number has a point. Letters and
# messages stay as they are wanted.

if [ -n "${LC_ALL-}" ]; then
    export LANG=$LC_ALL
    unset LC_ALL LC_CTYPE LC_MESSAGES
fi
export LC_COLLATE=C LC_NUMERIC=C
