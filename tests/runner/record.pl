#!/usr/bin/perl
# SPDX-License-Identifier: BSD-2-Clause
#
# record.pl NAME LOG SECONDS SOURCE PROGRAM...: run one test program for prove
#
# Its TAP goes to stdout and LOG; what it says on stderr follows. LOG.xml becomes its
# part of a JUnit report, LOG.failed a line for each test that failed, by name: also for
# the one in which the program ended, was ended after SECONDS, or crashed. The tests
# behind that one have their entries as well, by the names that SOURCE gives them.
# INT and TERM end the program and all that it started.
# Status: 0 passed or skipped; else the program's, 124 after SECONDS, 128 + signal.
use strict;
use warnings;
use Errno qw(EINTR);
use Time::HiRes qw(time);

my ($name, $log, $limit, $source, @program) = @ARGV;
my $patience = 5;      # seconds to end in
my $shown = 40;        # last lines of the log that are repeated on stderr
my $text_max = 20_000; # characters of one test's text in the report
my $began = time;
$| = 1;

my ($child, $stopped);
sub stop {
    $stopped //= { INT => 2, TERM => 15, HUP => 1, PIPE => 13 }->{ $_[0] };
    kill -15, $child if $child;
}
$SIG{$_} = \&stop for qw(INT TERM HUP PIPE);

open my $copy, '>', $log or die "record: $log: $!\n";
pipe(my $output, my $its_output) or die "record: $!\n";
$child = fork // die "record: $!\n";
if (!$child) {
    setpgrp 0, 0;
    delete $ENV{LOGS};    # of this run, not of one that the program may start
    $SIG{$_} = 'DEFAULT' for qw(INT TERM HUP PIPE);
    open STDIN, '<', '/dev/null';
    open STDOUT, '>&', $its_output;
    open STDERR, '>', "$log.stderr";
    { no warnings 'exec'; exec { $program[0] } @program }
    print STDERR "$program[0]: $!\n";
    require POSIX;
    POSIX::_exit(127);
}
setpgrp $child, $child;
close $its_output;
stop({ reverse(INT => 2, TERM => 15, HUP => 1, PIPE => 13) }->{$stopped}) if defined $stopped;

# The tests: { name, verdict: passed, failed, skipped, none; text, time, reason }.
my (@tests, $plan, $open, $skip_all);
my $since = $began;
my $loose = '';    # said outside of any test

sub verdict {
    my ($passed, $number, $what) = @_;
    my $reason;
    $reason = $1 if $what =~ s/\s*#\s*SKIP\s*(.*)$//i;
    $what =~ s/^\s*-?\s*//;
    my $test = $open // { text => $loose };
    $loose = '';
    $open = undef;
    $test->{name} = $what ne '' ? $what : "test $number";
    $test->{verdict} = !$passed ? 'failed' : defined $reason ? 'skipped' : 'passed';
    $test->{reason} = $reason;
    $test->{time} = time - $since;
    $since = time;
    push @tests, $test;
}

# An image says "# start" before a test; other programs explain after the verdict.
my $starts = 0;
sub hear {
    my ($line) = @_;
    if ($line =~ /^(not )?ok\b\s*(\d*)(.*)$/) { verdict(!$1, $2 || @tests + 1, $3) }
    elsif ($line =~ /^1\.\.(\d+)(?:\s*#\s*SKIP\s*(.*))?/) { ($plan, $skip_all) = ($1, $2) }
    elsif ($line =~ /^# start (\S+)/) { $open = { name => $1, text => '' }; $starts = 1; $since = time }
    elsif ($open) { $open->{text} .= "$line\n" }
    elsif (!$starts && @tests && $tests[-1]{verdict} eq 'failed') { $tests[-1]{text} .= "$line\n" }
    elsif ($line !~ /^TAP version/) { $loose .= "$line\n" }
}

my ($rest, $timed_out, $killed) = ('', 0, 0);
my $end = $began + $limit;
while (1) {
    if (time >= $end || (defined $stopped && !$killed)) {
        # First to be told, then to be ended; a group, for a script has programs of its own.
        kill $killed ? -9 : -15, $child;
        $timed_out = 1 if !defined $stopped;
        $killed = 1;
        $end = time + $patience;
    }
    vec(my $set = '', fileno $output, 1) = 1;
    next if select($set, undef, undef, 0.5) <= 0;
    my $count = sysread($output, my $bytes, 65536);
    next if !defined $count && $! == EINTR;
    last if !$count;
    $bytes =~ tr/\r//d;
    print $bytes;
    print $copy $bytes;
    $rest .= $bytes;
    hear($1) while $rest =~ s/^(.*)\n//;
}
hear($rest) if $rest ne '';
waitpid $child, 0;
my $status = $timed_out ? 124 : $? & 127 ? 128 + ($? & 127) : $? >> 8;
kill -15, $child;    # what it left running

my $errors = '';
if (open my $said, '<', "$log.stderr") {
    local $/;
    $errors = <$said> // '';
}
unlink "$log.stderr";
$errors =~ s/^/# /mg if $errors ne '';
print $errors;
print $copy $errors;
exit 128 + $stopped if defined $stopped;

# What the tests of this program are called, in their order.
sub names_in_source {
    my ($wanted) = $name =~ m{(?:@|^host:)[^/]+/(.+)$};
    open my $text, '<', $source or return;
    my @names;
    while (<$text>) {
        push @names, $1 while /(?:^TEST\(|\bcmocka_unit_test\w*\(\s*)(\w+)/g;
    }
    return grep { !defined $wanted || index($_, $wanted) >= 0 } @names;
}

$status = 0 if $status == 77;    # all skipped, which the TAP says as well
my $end_reason =
      $status == 124 ? "no end after $limit seconds"
    : $status > 128 ? 'ended by signal ' . ($status - 128)
    : $status == 3  ? 'panic'
    :                 "ended with status $status";
if (defined $plan && @tests < $plan) {
    my @names = $source ne '' ? names_in_source() : ();
    @names = () if @names != $plan;
    my $guilty = $open // { text => $loose };
    $guilty->{name} //= $names[@tests] // 'test ' . (@tests + 1);
    @$guilty{qw(verdict reason time)} = ('failed', $end_reason, time - $since);
    $guilty->{text} .= $errors;
    push @tests, $guilty;
    while (@tests < $plan) {
        push @tests, { name => $names[@tests] // 'test ' . (@tests + 1), verdict => 'none',
            reason => "not run: $guilty->{name}: $end_reason", text => '', time => 0 };
    }
    $status ||= 1;
}
elsif (!defined $plan || ($status && !grep { $_->{verdict} eq 'failed' } @tests)) {
    push @tests, { name => 'the program', verdict => 'failed', text => $loose . $errors,
        reason => $status ? $end_reason : 'no plan', time => time - $since };
}

sub xml {
    my ($text) = @_;
    $text =~ s/[^\t\n -~]/?/g;
    $text =~ s/([&<>"])/'&#' . ord($1) . ';'/ge;
    return $text;
}

my %count = map { my $kind = $_; $kind => scalar grep { $_->{verdict} eq $kind } @tests }
    qw(failed skipped none);
my $report = sprintf qq{<testsuite name="%s" tests="%d" failures="%d" errors="0" skipped="%d" time="%.3f">\n},
    xml($name), scalar @tests, $count{failed}, $count{skipped} + $count{none}, time - $began;
my $failed = '';
for my $test (@tests) {
    $report .= sprintf qq{<testcase classname="%s" name="%s" time="%.3f">}, xml($name), xml($test->{name}), $test->{time};
    my $reason = $test->{reason} // '';
    if ($test->{verdict} eq 'failed') {
        my $text = substr $test->{text}, 0, $text_max;
        ($reason) = $test->{text} =~ /^(?:# )?(\S.*)$/m if $reason eq '';
        $reason = $1 if $reason eq 'panic' && $test->{text} =~ /^(panic: .*)$/m;
        $report .= sprintf qq{<failure message="%s">%s</failure>}, xml($reason // ''), xml($text);
        $failed .= "$name: $test->{name}" . (defined $reason && $reason ne '' ? ": $reason" : '') . "\n";
    }
    elsif ($test->{verdict} ne 'passed') {
        $report .= sprintf qq{<skipped message="%s"/>}, xml($reason);
    }
    $report .= "</testcase>\n";
}
$report .= "</testsuite>\n";
for (["$log.xml", $report], ["$log.failed", $failed]) {
    my ($file, $text) = @$_;
    open my $out, '>', $file or die "record: $file: $!\n";
    print $out $text;
    close $out or die "record: $file: $!\n";
}
close $copy or die "record: $log: $!\n";

if ($status) {
    print STDERR "$name: $end_reason; the end of $log:\n";
    open my $said, '<', $log or exit $status;
    my @lines = grep { !/^ok / } <$said>;
    print STDERR "    $_" for @lines > $shown ? @lines[-$shown .. -1] : @lines;
}
exit $status;
