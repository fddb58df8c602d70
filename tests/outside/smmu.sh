#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# An independent witness of the SMMU's translations: where QEMU says that the accesses of a device
# ended, in its own trace events, against the table that the main job prints of I/O addresses and
# physical ones.
# NEEDS: run gcc-release/tests/images/transfer.elf
. tests/outside/tap.bash

unset MAKEFLAGS MAKELEVEL MFLAGS FILE OUT DEVICE WAY T IMAGE LLVM DEBUG V

image=$BUILD/gcc-release/tests/images/transfer.elf

# A QEMU without these events says nothing of them in its help.
if ! "$TESTED_QEMU" -trace help 2>/dev/null | grep -qx smmuv3_translate_success; then
    echo "ok 1 - # SKIP this QEMU has no trace events"
    tap_number=1
    exit
fi

seq 30000 >"$work/file"
printf '%s\n' smmuv3_translate_success smmuv3_record_event >"$work/events"

# Each page of each row of the table was translated, and to where the table says.
cat >"$work/agrees.pl" <<'END'
use strict;
use warnings;
my ($printed, $traced) = @ARGV;
my (%pages, $looked, $wrong);
open my $trace, '<', $traced or die "$traced: $!\n";
while (<$trace>) {
    $wrong++, print "a fault: $_" if /smmuv3_record_event/;
    next unless /translate_success .* iova=0x([0-9a-f]+) translated=0x([0-9a-f]+) /;
    my ($from, $to) = (hex $1, hex $2);
    $wrong++, print "an offset changed: $_" if ($from ^ $to) & 4095;
    $pages{ $from >> 12 }{ $to >> 12 } = 1;
}
open my $table, '<', $printed or die "$printed: $!\n";
while (<$table>) {
    my ($from, $length, $to);
    if (/-> .*?0x([0-9a-f]+) +(\d+)\b.* physical 0x([0-9a-f]+)/) {
        ($from, $length, $to) = (hex $1, $2, hex $3);
    } elsif (/^ +\d+ +0x([0-9a-f]+) +0x([0-9a-f]+) +(\d+)  (?:->|<-) 0x[0-9a-f]+$/) {
        ($from, $length, $to) = (hex $2, $3, hex $1); # edu's, whose own memory is on the right
    } else {
        next;
    }
    for (my $page = $from >> 12; $page <= $from + $length - 1 >> 12; $page++) {
        my $expected = $page - ($from >> 12) + ($to >> 12);
        $looked++;
        next if $pages{$page}{$expected};
        $wrong++;
        printf "I/O page %#x: the table says %#x, QEMU %s\n", $page, $expected,
            join ' ', map { sprintf '%#x', $_ } keys %{ $pages{$page} // {} };
    }
}
$looked //= 0;
print "$looked pages of the table\n";
exit($wrong || $looked < 5 ? 1 : 0);
END

agrees()
{
    perl "$work/agrees.pl" "$1" "$2" >"$work/verdict" || { sed 's/^/# /' "$work/verdict" && return 1; }
}

while read -r machine device; do
    rm -f "$work/trace"
    QEMU_EXTRA="-trace events=$work/events,file=$work/trace" \
        run qemu/transfer.sh -m "$machine" -d "$device" -i "$work/file" "$image"
    check "$device on $machine: QEMU's translations are the table's" eval \
        'ended 0 && agrees "$out" "$work/trace"'
done <<'END'
smmu nvme
smmu nvme,list=prp
smmu ahci
smmu sdhci
smmu sdhci,list=sdma
smmu edu
pcismmu virtio-blk
END

# The last one again, with one physical address another by a page: that would be noticed.
perl -pe '$done ||= s/(physical 0x[0-9a-f]*)([0-9a-f])([0-9a-f]{3})$/$1 . sprintf("%x", hex($2) ^ 1) . $3/e' \
    "$out" >"$work/changed"
check "a page that is somewhere else is noticed" eval '! agrees "$work/changed" "$work/trace" >"$work/words" &&
    grep -q "the table says" "$work/words"'
