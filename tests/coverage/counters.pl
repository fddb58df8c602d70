#!/usr/bin/perl
# SPDX-License-Identifier: BSD-2-Clause
#
# counters.pl COUNTERS-FOLDER: what images have counted (counters.c), one file of the folder
# for each run, becomes the .gcda files beside their objects, added up
#
# In one pass: gcov-tool merges two folders at a time, and there are hundreds of runs.
# Status: 0; 1 if there is no run, or one is not whole (an image that was ended).
use strict;
use warnings;
use File::Basename qw(dirname);
use File::Path qw(make_path);

@ARGV == 1 or die "usage: counters.pl COUNTERS-FOLDER\n";
my ($folder) = @ARGV;

# A .gcda file (GCC's gcov-io.h, of GCC 12 and newer) is a head of four words, then records: tag,
# bytes, contents. A record of counters has this in its tag's upper half, in the lower which
# kind; with a length below zero it stands for as many bytes of zeros.
my $HEAD     = 16;
my $COUNTERS = 0x01a1;

# records_of BYTES: the head, then each record as its tag, its length, its contents; nothing if
# they do not add up.
sub records_of {
    my ($bytes) = @_;
    return if length $bytes < $HEAD or substr($bytes, 0, 4) ne 'adcg';
    my ($at, $end) = ($HEAD, length $bytes);
    my @records = (substr $bytes, 0, $HEAD);
    while ($at + 8 <= $end) {
        my ($tag, $length) = unpack 'V l<', substr $bytes, $at, 8;
        my $here = $length < 0 ? 0 : $length;
        return if $at + 8 + $here > $end;
        push @records, $tag, $length, substr $bytes, $at + 8, $here;
        $at += 8 + $here;
    }
    # A word of zeros is the end.
    return $end - $at <= 4 ? @records : ();
}

# add SUM RECORDS: whether they are of the same object.
sub add {
    my ($sum, $records) = @_;
    return 0 if @$sum != @$records or $sum->[0] ne $records->[0];
    for (my $n = 1; $n < @$sum; $n += 3) {
        my ($tag, $length) = @$records[$n, $n + 1];
        return 0 if $tag != $sum->[$n] or abs $length != abs $sum->[$n + 1];
        if (($tag >> 16) != $COUNTERS) {
            return 0 if $records->[$n + 2] ne $sum->[$n + 2];
        } elsif ($length > 0) {
            @$sum[$n + 1, $n + 2] = ($length, [(0) x ($length / 8)]) if $sum->[$n + 1] < 0;
            $sum->[$n + 2] = [unpack 'Q<*', $sum->[$n + 2]] if !ref $sum->[$n + 2];
            my $n_sum = $sum->[$n + 2];
            my $index = 0;
            $n_sum->[$index++] += $_ for unpack 'Q<*', $records->[$n + 2];
        }
    }
    return 1;
}

sub bytes_of {
    my ($sum) = @_;
    my $bytes = $sum->[0];
    for (my $n = 1; $n < @$sum; $n += 3) {
        my $contents = $sum->[$n + 2];
        $bytes .= pack('V l<', @$sum[$n, $n + 1]) . (ref $contents ? pack('Q<*', @$contents) : $contents);
    }
    return $bytes . pack 'V', 0;
}

# read_run FILE: its .gcda files by name, as records; nothing if it is not whole.
sub read_run {
    my ($file) = @_;
    open my $in, '<:raw', $file or die "counters: $file: $!\n";
    my ($name, %bytes, %records);
    while (read $in, my $head, 5) {
        return if length $head < 5;
        my ($kind, $length) = unpack 'a V', $head;
        my $text = '';
        return if $length and (read($in, $text, $length) // 0) != $length;
        if ($kind eq 'N') {
            $name = $text;
            $bytes{$name} = '';
        } elsif ($kind eq 'D' and defined $name) {
            $bytes{$name} .= $text;
        } else {
            return;
        }
    }
    for my $of (keys %bytes) {
        $records{$of} = [records_of($bytes{$of})] or return;
        return if !@{ $records{$of} };
    }
    return %records;
}

my ($runs, $broken, %sum) = (0, 0);
for my $file (sort grep { -f } glob "$folder/*") {
    my %run = read_run($file);
    if (!%run) {
        print STDERR "counters: $file is not whole\n";
        $broken++;
        next;
    }
    $runs++;
    for my $name (keys %run) {
        if (!$sum{$name}) {
            $sum{$name} = $run{$name};
        } elsif (!add($sum{$name}, $run{$name})) {
            die "counters: $file has $name of another build\n";
        }
    }
}
for my $name (keys %sum) {
    make_path(dirname($name));
    open my $out, '>:raw', $name or die "counters: $name: $!\n";
    print {$out} bytes_of($sum{$name});
    close $out or die "counters: $name: $!\n";
}
print "counters: $runs runs of images\n";
exit($broken || !$runs ? 1 : 0);
