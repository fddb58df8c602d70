#!/usr/bin/env perl
# SPDX-License-Identifier: BSD-2-Clause
#
# cpio.pl FOLDER: what is in it as Linux unpacks its first file system ("newc", described in
# the kernel's documentation of initramfs buffers), on standard output; files and folders only
use strict;
use warnings;
use File::Find;

my ($top) = @ARGV;
die "cpio: FOLDER\n" if !defined $top || !-d $top;
binmode STDOUT;
my $number = 0;

sub padding {
    my ($length) = @_;
    return "\0" x (-$length % 4);
}

sub entry {
    my ($name, $mode, $bytes) = @_;
    my @fields = (++$number, $mode, 0, 0, 1, 0, length $bytes, 0, 0, 0, 0, 1 + length $name, 0);
    my $head = '070701' . join('', map { sprintf '%08x', $_ } @fields) . "$name\0";
    print $head, padding(length $head), $bytes, padding(length $bytes);
}

# A folder comes before what is in it.
find({
    no_chdir => 1,
    preprocess => sub { sort @_ },
    wanted => sub {
        my $name = substr $_, length $top;
        $name =~ s,^/,,;
        return if $name eq '';
        if (-d $_) {
            entry($name, 040755, '');
            return;
        }
        open my $file, '<:raw', $_ or die "cpio: $_: $!\n";
        local $/;
        entry($name, -x $_ ? 0100755 : 0100644, scalar <$file>);
    },
}, $top);
entry('TRAILER!!!', 0, '');
