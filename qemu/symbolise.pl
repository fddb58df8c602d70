#!/usr/bin/perl
# SPDX-License-Identifier: BSD-2-Clause
#
# symbolise.pl IMAGE.elf: copy stdin to stdout as it comes; a line with an
# address in the form [<ffff000040201234>] is followed, before its end, by
# function and file:line. Status 0, or 1 if nothing came.
use strict;
use warnings;
use Cwd qw(getcwd);

my ($image) = @ARGV;
my $addr2line = $ENV{ADDR2LINE} || 'aarch64-linux-gnu-addr2line';
my $here = getcwd();
$| = 1;

# " function at file:line" for an address; empty where that is not known.
my %known;
sub place_of {
    my ($address) = @_;
    return $known{$address} //= do {
        my $text = '';
        if (open my $pipe, '-|', $addr2line, '-f', '-e', $image, $address) {
            chomp(my ($function, $line) = <$pipe>);
            close $pipe;
            $line =~ s{^(?:\Q$here\E/|\./)+}{} if defined $line;
            $text = " $function at $line" if defined $line && $function ne '??';
        }
        $text;
    };
}

my $line = '';    # what came of the current line
my $came = 0;
while (sysread(STDIN, my $bytes, 65536)) {
    $came = 1;
    for my $piece (split /(?<=\n)/, $bytes) {
        my ($text, $end) = $piece =~ /^(.*?)(\r?\n?)$/s;
        $line .= $text;
        print $text;
        if ($end =~ /\n/) {
            print place_of($1) if $line =~ /\[<([0-9a-f]{16})>\]/;
            $line = '';
        }
        print $end;
    }
}
exit($came ? 0 : 1);
