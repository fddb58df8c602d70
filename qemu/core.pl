#!/usr/bin/perl
# SPDX-License-Identifier: BSD-2-Clause
#
# core.pl RAM FILE: make FILE, which gdb takes as a core file, of the machine's memory, the file RAM
#
# An ELF file of one segment: RAM as the image sees it, in the direct map of
# kernel/direct_map.h. Pages that were never written are holes in both files.
use strict;
use warnings;
no warnings 'portable';    # numbers of 64 bits

my ($ram, $file) = @ARGV;
my $base = 1 << 30;        # of RAM, of QEMU's virt
my $direct_map = 0xffff << 48;
my $start = 65536;         # of the segment in FILE
my ($SEEK_DATA, $SEEK_HOLE) = (3, 4);

open my $in, '<:raw', $ram or die "core: $ram: $!\n";
open my $out, '>:raw', $file or die "core: $file: $!\n";
my $size = -s $in;

sub put {
    my ($at, $bytes) = @_;
    sysseek $out, $at, 0;
    while ($bytes ne '') {
        my $count = syswrite $out, $bytes;
        defined $count or die "core: $file: $!\n";
        $bytes = substr $bytes, $count;
    }
}

# System V ABI, ELF-64 header: a core file (4) for AArch64 (183) with one program header, which
# is one to be loaded (1), readable and writable (6).
put(0, pack('a4C3x9 S<S<L<Q<Q<Q<L<S<6', "\x7fELF", 2, 1, 1, 4, 183, 1, 0, 64, 0, 0, 64, 56, 1, 0, 0, 0) .
       pack('L<L<Q<6', 1, 6, $start, $direct_map + $base, $base, $size, $size, 65536));
my $at = 0;
while (defined(my $data = sysseek $in, $at, $SEEK_DATA)) {
    $at = sysseek($in, $data, $SEEK_HOLE) // $size;
    for (my $from = int $data; $from < $at;) {
        sysseek $in, $from, 0;
        my $count = sysread($in, my $bytes, $at - $from < 1 << 20 ? $at - $from : 1 << 20) or last;
        put($start + $from, $bytes) if $bytes =~ /[^\0]/;
        $from += $count;
    }
}
truncate $out, $start + $size;
close $out or die "core: $file: $!\n";
