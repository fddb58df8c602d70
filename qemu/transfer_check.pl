#!/usr/bin/perl
# SPDX-License-Identifier: BSD-2-Clause
#
# transfer_check.pl FILE JOURNAL BYTES: did vdma copy and sum what the file has?
#
# JOURNAL is what the machine wrote down: records of 64 bytes, in the form of vdma's log
# (vdma/README.md, "The log"), those of the device itself among them. Events 0x101 (a request:
# address is its tag, length its bytes, value their place in the file) and 0x102 (one of its
# segments) are what the driver put in the ring, read back there; 0x103 is the end.
#
# Each request of the driver's must be in the device's log with the same segments in the same
# order, done, and with all its bytes; the log must have nothing else of that kind, nothing
# refused, and nothing lost; the copies and the sums must each be of bytes 0 to BYTES of the
# file without a gap; and each sum must be what cksum says of these bytes of FILE.
#
# Status 0: so it is; 1: a line says what is not; 2: wrong usage.
use strict;
use warnings;

my ($copy, $checksum) = (0x56440101, 0x56440104);
my %of = ($copy => 'copy', $checksum => 'sum');

sub wrong { print STDERR 'run: vdma: ', @_, "\n"; exit 1 }

@ARGV == 3 or do { print STDERR "usage: $0 FILE JOURNAL BYTES\n"; exit 2 };
my ($file, $journal, $bytes) = @ARGV;

my (@asked, %asked, %logged, %number, $end);
open my $in, '<:raw', $journal or do { print STDERR "$journal: $!\n"; exit 2 };
while (!defined $end && read($in, my $record, 64) == 64) {
    my ($tick, $pc, $address, $length, $value, $request, $type, $segment, $event, $rule, $slot,
        $queue, $code, $lost) = unpack 'Q<5 L<3 S<3 C2 L<', $record;
    if ($event == 0x101) {
        push @asked, $asked{$address} = { tag => $address, type => $type, bytes => $length,
            at => $value, list => [] };
    } elsif ($event == 0x102) {
        push @{ ($asked{$value} // wrong "a segment of request $value, which nobody made")->{list} },
            sprintf '%d:0x%x+%d/%d', $segment, $address, $length, $code;
    } elsif ($event == 0x103) {
        $end = $value;
    } else {
        wrong "its log was too small: $lost records are lost" if $lost != 0;
        if ($event == 1) {
            $number{$request} = $logged{$address} = { type => $type, list => [], count => $segment }
                if $of{$type};
        } elsif ($event == 2) {
            push @{ $number{$request}{list} }, sprintf '%d:0x%x+%d/%d', $segment, $address, $length,
                $code if $number{$request};
        } elsif ($event == 3) {
            @{ $number{$request} }{qw(done moved value)} = ($code, $length, $value)
                if $number{$request};
        } elsif ($event >= 4 && $event <= 8) {
            wrong "its log says: event $event, rule $rule, segment $segment, value $value";
        }
    }
}
defined $end or wrong 'the journal has no end';
@asked == $end or wrong "the journal has " . @asked . " requests, the machine made $end";

my %next = (copy => 0, sum => 0);
my $segments = 0;
for my $request (sort { $a->{at} <=> $b->{at} } @asked) {
    my $log = delete $logged{ $request->{tag} };
    my $what = $of{ $request->{type} } // wrong "a request of type $request->{type}";
    my $name = "$what $request->{tag}";
    $log && $log->{type} == $request->{type} or wrong "$name is not in its log";
    "@{ $request->{list} }" eq "@{ $log->{list} }" && @{ $log->{list} } == $log->{count}
        or wrong "$name: the ring had @{ $request->{list} }, its log has @{ $log->{list} }";
    defined $log->{done} && $log->{done} == 0 && $log->{moved} == $request->{bytes}
        or wrong "$name is not done";
    $request->{at} == $next{$what} or wrong "$name begins at $request->{at}, not at $next{$what}";
    $next{$what} += $request->{bytes};
    $segments += @{ $log->{list} };
    next if $what eq 'copy';
    my $sum = sum($request->{at}, $request->{bytes});
    $sum == $log->{value} or wrong "$name: $log->{value}, but bytes $request->{at} to ",
        $request->{at} + $request->{bytes}, " of the file have $sum";
}
wrong 'its log has requests that nobody made: ', join ' ', sort keys %logged if %logged;
$next{sum} == $bytes or wrong "the sums are of $next{sum} bytes, not of $bytes";
$next{copy} >= $bytes or wrong "$next{copy} bytes were copied, not $bytes";
my $copies = grep { $_->{type} == $copy } @asked;
print "verified: vdma copied $bytes bytes in $copies requests; its log has the ring's $segments ",
    "segments, and its sums are those of the file\n";

# The first number that cksum prints for so many bytes of the file.
sub sum {
    my ($at, $length) = @_;
    open my $from, '<:raw', $file or do { print STDERR "$file: $!\n"; exit 2 };
    seek $from, $at, 0;
    (read($from, my $data, $length) // -1) == $length or wrong "the file has no bytes $at + $length";
    # By way of a file: both ends of cksum at once could wait for each other.
    open my $part, '+>:raw', undef or do { print STDERR "no temporary file: $!\n"; exit 2 };
    print $part $data;
    seek $part, 0, 0;
    open my $saved, '<&', \*STDIN;
    open STDIN, '<&', $part;
    my ($sum) = split ' ', `cksum`;
    open STDIN, '<&', $saved if $saved;
    return $sum;
}
