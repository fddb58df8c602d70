#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# What `make mutate` changes: every room that it is about, by every rule, and what its
# tables name is there.
. tests/outside/tap.bash

run tests/runner/mutate.pl -l .
check "the changes are counted" ended 0
cp "$out" "$work/counted"

counts()
{
    run tests/runner/mutate.pl -l -r "$1" .
    awk -v least="$2" -v most="$3" '{ count += $1 } END { exit !(count >= least && count <= most) }' "$out"
}
line=$(grep -n 'if (' descriptors/object/OSObject.c | head -1 | cut -d: -f1)
check "a room may be a file" counts descriptors/object/OSObject.c 20 2000
check "or a line of it" counts "descriptors/object/OSObject.c:$line" 1 15
check "or several of both" counts "descriptors/object/OSObject.c:$line kernel/page/" 200 5000
check "and nothing else" counts nowhere 0 0
line=$(grep -n 'return a < b ? a : b;' descriptors/dma/IODMALimits.c | cut -d: -f1)
check "of two equals either may be chosen" counts "descriptors/dma/IODMALimits.c:$line" 1 1
line=$(grep -n 'if (order > aligned) {' kernel/page/page_buddy.c | cut -d: -f1)
check "or be assigned" counts "kernel/page/page_buddy.c:$line" 2 2

# A room without a change would be one that nobody asks about.
for room in descriptors/*/ kernel/vm/ kernel/page/ kernel/mmu/ drivers/*/; do
    ls "$room"*.c >/dev/null 2>&1 || continue
    check "$room has some" awk -v room="$room" '
        index($2, room) == 1 { count += $1 } END { exit !count }' "$work/counted"
done

# An area's tests: at least one of them exists. (Their wildcards are of another folder.)
set -f
grep -v '^#' tests/runner/areas.tsv | sed 's/\t/|/g' | while IFS='|' read -r folder hosts images benches; do
    [ -d "$folder" ] || echo "$folder: no folder"
    found=
    for host in $hosts; do
        ! compgen -G "tests/host/${host}_test.c" >/dev/null || found=1
    done
    [ -n "$found" ] || echo "$folder: no host test"
    for image in $images; do
        [ -f "tests/target/${image%%@*}.c" ] || echo "$folder: no image $image"
    done
    for bench in $benches; do
        grep -q "^$bench"$'\t' tests/bench/expected.tsv || echo "$folder: no counts of $bench"
    done
done >"$out"
check "the areas have their tests" [ ! -s "$out" ]

# Who tests a driver by its name is asked about it.
while IFS=$'\t' read -r folder hosts _; do
    asked=$(for host in $hosts; do compgen -G "tests/host/${host}_test.c"; done)
    for test in $(compgen -G "tests/host/*/${folder#drivers/}*_test.c"); do
        grep -qxF "$test" <<<"$asked" || echo "$folder: $test is not asked"
    done
done < <(grep '^drivers/' tests/runner/areas.tsv) >"$out"
set +f
check "the drivers have all of theirs" [ ! -s "$out" ]

# An explanation of what is there no more explains nothing.
grep -v '^#' tests/runner/equivalent.tsv | while IFS=$'\t' read -r file rule line why; do
    grep -qF -- "$line" "$file" || echo "$file: no such line: $line"
    grep -q "^$rule"$'\t' tests/runner/mutations.tsv || echo "$file: no such mutation: $rule"
    [ -n "$why" ] || echo "$file: why? $line"
done >"$out"
check "what is equivalent is there, and says why" [ ! -s "$out" ]

# The whole way, in a tree of one function and one test: a script that reads the sources, but in its
# next runs does what the lines of $work/runs say.
tree=$work/tree
mkdir -p "$tree"/{boot,drivers,embed,linker,qemu,kernel/{vm,page,mmu},descriptors/object} \
    "$tree"/tests/{runner,bench,host/object} "$tree"/build/{host/object,gcc-debug,gcc-release/tests/bench}
cp tests/runner/{mutations,equivalent}.tsv tests/runner/Mutations.pm "$tree/tests/runner"
printf 'descriptors\tobject/*\t\tway\n' >"$tree/tests/runner/areas.tsv"
sed 's/\(LIMIT_\w* *=>\) [0-9]\+,/\1 1,/' tests/runner/mutate.pl >"$tree/tests/runner/mutate.pl"
cat >"$tree/descriptors/object/sum.c" <<'END'
int sum(int a, int b)
{
    a += a == 7;
    return a + b;
}
END
cat >"$tree/tests/host/object/sum_test.c" <<END
#!/bin/bash
next=\$(head -n 1 $work/runs)
sed -i 1d $work/runs
case \$next in
slow) exec sleep 100 ;;
fail) exit 1 ;;
esac
grep -q 'a + b' descriptors/object/sum.c
END
install "$tree/tests/host/object/sum_test.c" "$tree/build/host/object/sum_test"
# A benchmark of one row: what it counts is said by the lines of $work/counts.
printf '# of a compiler\nway\tlong\t5\n' >"$tree/tests/bench/expected.tsv"
cat >"$tree/tests/bench/bench.sh" <<END
#!/bin/bash
next=\$(head -n 1 $work/counts)
sed -i 1d $work/counts
[ "\$next" != above ]
END
chmod +x "$tree/tests/bench/bench.sh"
touch "$tree/build/gcc-release/tests/bench/way.elf"
cat >"$tree/Makefile" <<'END'
build/gcc-release/tests/bench/%.elf: FORCE
	@mkdir -p $(@D) && touch $@
.PHONY: FORCE
build/host/object/%_test: tests/host/object/%_test.c
	@install $< $@
build/gcc-debug/%.o: %
	@mkdir -p $(@D) && $${CROSS:-aarch64-linux-gnu-}gcc -O1 -c -o $@ $<
END

# attempt LINE RUN...: of the one change that is named "plus" or "equal" there
attempt()
{
    printf '%s\n' "${@:2}" >"$work/runs"
    run env -C "$tree" DEPS=. perl tests/runner/mutate.pl ${host_alone--H} -j 1 -s 1 -r "descriptors/object/sum.c:$1" build
}
attempt 4
check "what a test notices is killed" eval 'ended 0 && said "^killed +descriptors/object/sum.c:4 plus, host:object/sum"'
attempt 3
check "what none does survives" eval 'ended 1 && said "^survived +descriptors/object/sum.c:3 equal" && said "^-.*a == 7"'
attempt 4 slow slow
check "a slow machine is asked again" eval 'ended 0 && said "1 killed, 0 survived"'
attempt 4 slow slow slow
check "what it has no time for is not counted, and told" \
    eval 'ended 0 && said "^untold .*:4 plus, host:object/sum" && said "0 killed, 0 survived.* 1 untold"'
attempt 4 slow fail
check "nor is what it fails once taken for a fault" eval 'ended 0 && said "1 killed"'
attempt 4 fail fail fail
check "a test that fails without a change ends it" \
    eval 'ended 2 && said "these fail on the unchanged tree: host:object/sum"'

host_alone=
printf '%s\n' equal above above above above >"$work/counts"
attempt 3
check "what only makes a way longer is killed by its count" \
    eval 'ended 0 && said "^killed +descriptors/object/sum.c:3 equal, bench:way"'
printf '%s\n' equal above equal >"$work/counts"
attempt 3
check "but not by a count that the machine disturbed" eval 'ended 1 && said "^survived +.*:3 equal"'
echo above >"$work/counts"
attempt 3
check "nor by one that the clean tree has not: that one is named" \
    eval 'ended 1 && said "clean tree.s counts are not those stored: way" && said "^survived"'
check "and the sources are as they were" grep -q 'a + b' "$tree/descriptors/object/sum.c"
