#!/usr/bin/env perl
# SPDX-License-Identifier: BSD-2-Clause
#
# converse.pl SECONDS SCRIPT COMMAND...: talk with a program over its standard input and output
#
# SCRIPT has one step a line: "PATTERN<tab>ANSWER": wait until what the program has said since
# the last answer matches the pattern, then send the answer and a newline. A line without an
# answer only waits. All that is said goes to standard output.
# Status: the program's; 124 when a step did not come in time, which is named.
use strict;
use warnings;
use IPC::Open2;
use IO::Select;

my ($limit, $script, @command) = @ARGV;
die "converse: SECONDS SCRIPT COMMAND...\n" if !@command;
open my $steps, '<', $script or die "converse: $script: $!\n";

$| = 1;
$SIG{PIPE} = 'IGNORE';
my $child = open2(my $from, my $to, @command);
$to->autoflush(1);
$SIG{TERM} = $SIG{INT} = sub { kill 'TERM', $child; exit 143 };
my $end = time + $limit;
my $said = '';

# More of what it says: false at its end.
sub hear {
    my $left = $end - time;
    if ($left <= 0 || !IO::Select->new($from)->can_read($left)) {
        return;
    }
    return if !sysread($from, my $bytes, 65536);
    print $bytes;
    $said .= $bytes;
    return 1;
}

sub give_up {
    my ($step) = @_;
    print "\nconverse: this did not come: $step\n";
    kill 'TERM', $child;
    waitpid $child, 0;
    exit 124;
}

while (my $line = <$steps>) {
    chomp $line;
    my ($pattern, $answer) = split /\t/, $line, 2;
    while ($said !~ /$pattern/m) {
        hear() or give_up($pattern);
    }
    if (defined $answer) {
        $said = '';
        # QEMU 7.2's UART goes deaf when something is typed while its driver sets it up.
        select undef, undef, undef, 0.2;
        # A terminal's reader may lose what comes faster than it is typed.
        for my $character (split(//, $answer), "\n") {
            syswrite $to, $character;
            select undef, undef, undef, 0.002;
        }
    }
}
1 while hear();
if (time >= $end) {
    give_up('its end');
}
waitpid $child, 0;
exit($? & 127 ? 128 + ($? & 127) : $? >> 8);
