#!/usr/bin/perl
# SPDX-License-Identifier: BSD-2-Clause
#
# includes.pl FOLDER: judge the includes of every source below FOLDER
#
# Prints "FILE:LINE: what is wrong" for each include that breaks a rule of the house:
# an arrow between the floors that runs up, a private or a room's header included from
# where it is none of the includer's business, a file that is not there.
use strict;
use warnings;
use File::Find;

chdir $ARGV[0] or die "includes: $ARGV[0]: $!\n";

my @floors = ('boot', 'kernel', 'descriptors', 'drivers');
my %level = map { $floors[$_] => $_ } 0 .. $#floors;

# What the descriptors may know of the kernel: its words for numbers and for refusals.
# The rest they ask for through the platform seam.
my %kernel_words = map { $_ => 1 } 'kernel/types.h', 'kernel/kern_return.h', 'kernel/tree.h';

# The parts of the machine below qemu/vdma, and the folders and files each may see.
my %machine = (
    'device'     => ['qemu/vdma/device/', 'qemu/vdma/wire.h'],
    'watch'      => ['qemu/vdma/watch/', 'qemu/vdma/device/', 'qemu/vdma/wire.h'],
    'monitor'    => ['qemu/vdma/', 'boot/'],
    'alone'      => ['qemu/vdma/', 'boot/'],
    'vhost_user' => ['qemu/vdma/vhost_user/', 'qemu/vdma/device/', 'qemu/vdma/wire.h'],
);

sub floor_of { my ($floor) = $_[0] =~ m{^([^/]+)/}; return $floor // '' }
sub room_of { my ($room) = $_[0] =~ m{^(.*)/}; return $room // '' }

# What is wrong with FILE's including HEADER; nothing if it may.
sub complaint {
    my ($file, $header) = @_;
    my ($from, $to) = (floor_of($file), floor_of($header));
    return "there is no $header (paths begin at the top of the tree)" if !-e $header;
    return if $from eq 'tests';    # white-box tests see everything
    if ($file =~ m{^qemu/vdma/(\w+)/}) {
        my $part = $1;
        return if grep { index($header, $_) == 0 } @{ $machine{$part} // ["qemu/vdma/"] };
        return "qemu/vdma/$part does not know $header";
    }
    return "$header is private to its room"
        if $header =~ /_private\.h$/ && room_of($file) ne room_of($header);
    return "nothing of the floors may know tests/" if $to eq 'tests';
    return if $file =~ m{^drivers/vdma/} && $header eq 'qemu/vdma/wire.h';
    return "$header is no part of the image" if !exists $level{$to} || !exists $level{$from};
    return if $file eq 'kernel/startup.c';    # brings everybody up
    return "an arrow that runs up: $from knows $to" if $level{$to} > $level{$from};
    # A room's own headers are for its floor; who is above reads the floor's top.
    # In drivers/ and boot/ a room's headers are what there is.
    return "$header is for rooms of $to only"
        if $from ne $to && $to =~ /^(kernel|descriptors)$/ && $header =~ m{/.*/};
    return "the descriptors reach below through descriptors/platform alone"
        if $from eq 'descriptors' && $to ne $from && !$kernel_words{$header}
        && $file !~ m{^descriptors/platform(/|_(?:lock|trace)\.h$)}    # who embeds them writes these
        && $file !~ m{^descriptors/driverkit/user/};    # no part of a kernel: linked with its formatter
    return "descriptors/platform stands on the kernel, not on $to"
        if $from eq 'descriptors' && $to eq 'boot';
    return;
}

my @files;
find({ no_chdir => 1, wanted => sub { push @files, $File::Find::name if /\.(c|h|S|inc|def)$/ } },
    grep { -d } @floors, 'qemu', 'tests');
for my $file (sort @files) {
    open my $source, '<', $file or die "includes: $file: $!\n";
    while (<$source>) {
        next unless /^\s*#\s*include\s*"([^"]+)"/;
        my $complaint = complaint($file, $1);
        print "$file:$.: $complaint\n" if defined $complaint;
    }
}
