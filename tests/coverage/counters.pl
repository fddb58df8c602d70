#!/usr/bin/perl
# SPDX-License-Identifier: BSD-2-Clause
#
# counters.pl GCOV-TOOL COUNTERS-FOLDER: what images have counted (counters.c), one file of
# the folder for each run, becomes the .gcda files beside their objects, added up
#
# Status: 0; 1 if there is no run, or one is not whole (an image that was ended).
use strict;
use warnings;
use File::Basename qw(dirname);
use File::Copy qw(move);
use File::Find qw(find);
use File::Path qw(make_path remove_tree);

@ARGV == 2 or die "usage: counters.pl GCOV-TOOL COUNTERS-FOLDER\n";
my ($tool, $folder) = @ARGV;
my ($sum, $one, $next) = map { "$folder/$_" } qw(sum one next);
remove_tree($sum, $one, $next);

# split_run FILE INTO: whether it is whole.
sub split_run {
    my ($file, $into) = @_;
    open my $in, '<:raw', $file or die "counters: $file: $!\n";
    my $out;
    while (read $in, my $head, 5) {
        return 0 if length $head < 5;
        my ($kind, $length) = unpack 'a V', $head;
        return 0 if ($length and (read($in, my $bytes, $length) // 0) != $length) or $kind !~ /[ND]/;
        if ($kind eq 'N') {
            make_path(dirname("$into/$bytes"));
            open $out, '>:raw', "$into/$bytes" or die "counters: $into/$bytes: $!\n";
        } else {
            print {$out} $bytes;
        }
    }
    return defined $out;
}

my ($runs, $broken) = (0, 0);
for my $file (sort grep { -f } glob "$folder/*") {
    if (!split_run($file, $runs ? $one : $sum)) {
        print STDERR "counters: $file is not whole\n";
        $broken++;
        remove_tree($runs ? $one : $sum);
        next;
    }
    if ($runs++) {
        system($tool, 'merge', '-o', $next, $sum, $one) == 0 or die "counters: $tool failed with $file\n";
        remove_tree($sum, $one);
        move($next, $sum) or die "counters: $next: $!\n";
    }
}
find({ no_chdir => 1, wanted => sub { move($_, substr($_, length $sum)) if -f } }, $sum) if $runs;
remove_tree($sum);
print "counters: $runs runs of images\n";
exit($broken || !$runs ? 1 : 0);
