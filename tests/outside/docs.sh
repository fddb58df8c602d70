#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# make docs: every public header is understood, and nothing in one goes undocumented.
# NEEDS: docs
. tests/outside/tap.bash

run docs/docs.sh "$work/all"
check "all public headers are documented" eval 'ended 0 && [ ! -s "$out" ]'
check "there is a page to begin with" [ -s "$work/all/html/index.html" ]

# page HEADER: of the text of its page, tags taken out.
page()
{
    local name=${1//_/__}
    sed 's/<[^>]*>//g; s/&#160;/ /g' "$work/all/html/$(basename "${name%.h}")_8h.html" >"$out"
}

page IODMACommand.h
check "a function has its words" said 'Make bytes \[offset, offset \+ length\) of the descriptor reachable'
check "several functions share what stands before them" \
    [ "$(grep -c 'What the specification says, with its defaults filled in' "$out")" -ge 6 ]
page IOReturn.h
check "what is behind a macro is that macro's" said 'allocation failed'
page harness.h
check "what is behind the macros is not shown" eval 'said "ASSERT_EQ" && ! said "harness_compare"'

# What is wrong is named: nothing of this is there by accident.
cat >"$work/good.h" <<'END'
/* SPDX-License-Identifier: BSD-2-Clause */
/* A manual, with x < y, a@b, #3, 50% and <tag>. */
#ifndef GOOD_H
#define GOOD_H

/* Two of a kind. */
int one(int a);
int two(int a);

/* A structure. */
struct three {
    int a, *b; /* both */
    int c;

    /* Some more. */
    int d;
    int e;
};

#endif
END
run docs/docs.sh "$work/good" "$work/good.h"
check "a header of that kind is documented" eval 'ended 0 && [ ! -s "$out" ]'
for bad in 'int four(int a);' '#define FIVE 5' 'struct six { int a; };' 'typedef int seven;' 'enum eight { NINE };'; do
    sed "s,^#endif,$bad\n\n#endif," "$work/good.h" >"$work/bad.h"
    run docs/docs.sh "$work/bad" "$work/bad.h"
    check "without a comment is named: $bad" eval 'ended 1 && said "bad\.h:[0-9]+: warning: .* is not documented"'
done
