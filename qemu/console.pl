#!/usr/bin/perl
# SPDX-License-Identifier: BSD-2-Clause
#
# console.pl IMAGE.elf SECONDS SOURCE LOG CORE REPORT SKIPPED BESIDE QEMU OPTION...: run QEMU for run.sh
#
# Its output is copied as it comes, to LOG as well unless that is empty; a line with an address in the form
# [<ffff000040201234>] is followed, before its end, by function and file:line. After
# SECONDS (0: never) each CPU's place and backtrace are printed in that form, and QEMU
# is ended. INT, TERM, HUP and a reader that went away end it as well. With SOURCE,
# unless that is empty, QEMU gets the devices that its lines name (devices.sh). With CORE,
# QEMU's memory is the file CORE.ram; after a failure, a panic or a hang CORE is made of it (core.pl).
# With REPORT, of what ran, whatever became of it, gdb makes that page, and leaves CORE only if
# it is not called REPORT.core. BESIDE, unless that is empty, is a program and its options, one a
# line: it gets one end of a socket as --fd, QEMU the other as its chardev "vdma", and it ends when
# QEMU does. If it fails before, so does QEMU.
# Status: QEMU's, but SKIPPED for 77; 2 if it could not start; 124 when the time was up; 128 + signal.
use strict;
use warnings;
no warnings 'portable';    # numbers of 64 bits
use Cwd qw(getcwd);
use Errno qw(EINTR);
use Fcntl qw(F_SETFD);
use File::Basename qw(dirname);
use Socket;

my ($image, $limit, $source, $log, $core, $report, $skipped, $beside, @qemu) = @ARGV;
my $addr2line = $ENV{ADDR2LINE} || 'aarch64-linux-gnu-addr2line';
my $here = getcwd();
my $patience = 5;         # seconds for QEMU to end when it is told to
my $direct_map = 0xffff << 48;
my $frames_shown = 24;
$| = 1;

my ($child, $stopped);
my ($process, $door);    # what is beside QEMU, and QEMU's end of their socket
my ($reporting, @reports) = (0);    # lines that a report may still have, and all of them
sub stop {
    my ($signal) = @_;
    $stopped //= { HUP => 1, INT => 2, PIPE => 13, TERM => 15 }->{$signal};
    kill TERM => $child if $child;
}
$SIG{$_} = \&stop for qw(HUP INT PIPE TERM);

sub leave {
    my ($status, $words) = @_;
    print STDERR "run: $words\n" if defined $words;
    end_process() if $process;
    keep_memory($status) if $core ne '';
    exit $status;
}

# An image that has passed or was skipped, and one that never started, leave nothing to look at.
sub keep_memory {
    my ($status) = @_;
    my $failed = $status != 0 && $status != 2 && $status != 77;
    if (-s "$core.ram" && ($failed || $report ne '')) {
        my $is_wanted = system($^X, dirname(__FILE__) . '/core.pl', "$core.ram", $core) == 0;
        make_report($status) if $is_wanted && $report ne '';
        $is_wanted &&= $failed && $core ne "$report.core";
        $is_wanted
            ? print STDERR "run: the memory is in $core; to look at it: debug.sh -c $core $image\n"
            : unlink $core;
    }
    unlink "$core.ram";
}

# The page is there whole, or not at all.
sub make_report {
    my ($status) = @_;
    local $ENV{DMAKIT_REPORT} = join "\n", $report, $image, $status;
    unlink $report;
    # Its warnings, that this core file has no registers, would be the last that a person sees.
    my $log = "$core.log";
    local $ENV{DMAKIT_REPORTS} = "$core.reports";
    open my $said_by_watches, '>', "$core.reports" or return;
    print $said_by_watches join "\0", @reports;
    close $said_by_watches;
    open my $out, '>&', \*STDOUT and open my $err, '>&', \*STDERR or return;
    open STDOUT, '>', $log and open STDERR, '>&', \*STDOUT;
    system(dirname(__FILE__) . '/debug.sh', '-c', $core, $image, '-batch', '-ex', 'report');
    open STDOUT, '>&', $out and open STDERR, '>&', $err or return;
    open my $in, '<', $log or return;
    my $said = do { local $/; <$in> };
    unlink $log, "$core.reports";
    -s $report
        ? print STDERR "run: the report is in $report\n"
        : print STDERR "run: no report could be made: $said", 'run: ', "debug.sh -c $core $image -ex report\n";
}

# Most images ask for none, and start without what finds them. A source that cannot be read is theirs.
sub asks_for_devices {
    open my $text, '<', $source or return 1;
    return scalar grep { m{^// (?:QEMU|FILE): } } <$text>;
}

if ($source ne '' && asks_for_devices()) {
    require File::Temp;
    my $folder = File::Temp::tempdir(CLEANUP => 1);    # by the process that made it, however it exits
    open my $devices, '-|', dirname(__FILE__) . '/devices.sh', $source, $folder
        or leave(2, "devices.sh: $!");
    local $/ = "\0";
    chomp(my @options = <$devices>);
    close $devices or leave(defined $stopped ? 128 + $stopped : 2);
    push @qemu, @options;
}

my $copy;
if ($log ne '') {
    open $copy, '>', $log or leave(2, "$log: $!");
    $copy->autoflush(1);
}
sub put {
    print $_[0];
    print $copy $_[0] if $copy;
}

# In the child only: what is to stay open there.
sub become {
    my ($inherited, @command) = @_;
    $SIG{$_} = 'DEFAULT' for qw(HUP INT PIPE TERM);
    fcntl($inherited, F_SETFD, 0) if $inherited;
    { no warnings 'exec'; exec { $command[0] } @command }
    print STDERR "run: $command[0]: cannot run: $!\n";
    require POSIX;
    POSIX::_exit(127);
}

# What is beside QEMU. It has seen that QEMU has gone, and ends; or something is wrong with it.
sub end_process {
    my $deadline = time + $patience;
    close $door if $door;
    while (waitpid($process, POSIX::WNOHANG()) == 0) {
        kill(time < $deadline ? 0 : 'KILL', $process);
        select undef, undef, undef, 0.01;
    }
    undef $process;
}

# Why it cannot serve QEMU any more; undef if it does, or has ended because QEMU went.
sub process_failure {
    return if !$process || waitpid($process, POSIX::WNOHANG()) <= 0;
    undef $process;
    my $name = $beside =~ s/\n.*//sr;
    return "$name was ended by signal " . ($? & 127) if $? & 127;
    return $? ? "$name ended with status " . ($? >> 8) : undef;
}

if ($beside ne '') {
    require POSIX;
    socketpair(my $its_door, $door, AF_UNIX, SOCK_STREAM, PF_UNSPEC) or leave(2, "no socket: $!");
    $process = fork // leave(2, "no process: $!");
    become($its_door, split(/\n/, $beside), '--fd', fileno $its_door) if !$process;
    close $its_door;
    push @qemu, '-chardev', 'socket,id=vdma,fd=' . fileno $door;
}

# QEMU's monitor, by which a hang is looked at.
socketpair(my $monitor, my $its_end, AF_UNIX, SOCK_STREAM, PF_UNSPEC) or leave(2, "no socket: $!");
fcntl($its_end, F_SETFD, 0);
push @qemu, '-chardev', 'socket,id=run-monitor,fd=' . fileno($its_end),
    '-mon', 'chardev=run-monitor,mode=readline';

pipe(my $output, my $its_output) or leave(2, "no pipe: $!");
$child = fork // leave(2, "no process: $!");
if (!$child) {
    open STDOUT, '>&', $its_output;
    become($door, @qemu);
}
close $door if $door;
undef $door;
close $its_output;
close $its_end;
kill TERM => $child if defined $stopped;

# " function at file:line" for an address; empty where that is not known.
my %known;
sub place_of {
    my ($address) = @_;
    return '' if $image !~ /\.elf$/;    # somebody else's, which has no names
    return $known{$address} //= do {
        my $text = '';
        # Before the MMU is on, code runs below the address it is linked for.
        for my $linked (hex $address, hex($address) | $direct_map) {
            open my $pipe, '-|', $addr2line, '-f', '-e', $image, sprintf('%x', $linked) or last;
            chomp(my ($function, $line) = <$pipe>);
            close $pipe;
            next if !defined $line || $function eq '??';
            $line =~ s{^(?:\Q$here\E/|\./)+}{};
            $line =~ s{ \(discriminator \d+\)$}{};
            $text = " $function at $line";
            last;
        }
        $text;
    };
}

# What watches say (vdma/README.md, "Watched"), in their own words, for the page: each from its
# first line to its record.
sub note_report {
    my ($text) = @_;
    if ($text =~ /^(?:watch|ledger): [A-Z]\d+: / && @reports < 200) {
        push @reports, '';
        $reporting = 60;
    }
    return if !$reporting;
    $reports[-1] .= "$text\n";
    $reporting = $text =~ /^record: / ? 0 : $reporting - 1;
}

my $line = '';    # what came of the current line
sub show {
    for my $piece (split /(?<=\n)/, $_[0]) {
        my ($text, $end) = $piece =~ /^(.*?)(\r?\n?)$/s;
        $line .= $text;
        put($text);
        if ($end =~ /\n/) {
            my $place = $line =~ /\[<([0-9a-f]{16})>\]/ ? place_of($1) : '';
            put($place);
            note_report($line . $place) if $report ne '';
            $line = '';
        }
        put($end);
    }
}

# Does something come from a file within so many seconds?
sub comes {
    my ($file, $seconds) = @_;
    vec(my $set = '', fileno $file, 1) = 1;
    return select($set, undef, undef, $seconds) > 0;
}

# What the monitor says up to its next prompt; '' if it says nothing any more.
sub answer {
    my $answer = '';
    while ($answer !~ /\n\(qemu\) $/ && comes($monitor, 3)) {
        sysread($monitor, $answer, 65536, length $answer) or last;
    }
    $answer =~ s/\r//g;
    return $answer;
}

# Its answer to a command. Each command has one prompt behind it, so none may be left unread.
sub ask {
    syswrite $monitor, "$_[0]\n";
    return answer();
}

sub show_frame { show(sprintf "  [<%s>]\n", $_[0]) }

# Where each CPU is. All of an image's code keeps frame records (AAPCS64).
sub show_hang {
    answer();    # its greeting, whose prompt would pass for the first command's answer
    ask('stop');
    for my $cpu (split /(?=^CPU#)/m, ask('info registers -a')) {
        my %register = $cpu =~ /\b(CPU#|PC=|X29=|X30=)([0-9a-f]+)/g;
        next if !defined $register{'PC='};
        show("\n") if $line ne '';
        show(sprintf "hang: CPU %s was here:\n", $register{'CPU#'} // '?');
        show_frame($register{'PC='});
        # Of a leaf function, which keeps no record, its caller; else what was called last.
        show(sprintf "  x30 [<%016x>]\n", hex($register{'X30='}) - 4) if hex($register{'X30='} // 0) > 4;
        my $record = $register{'X29='};
        ask("cpu $register{'CPU#'}") if defined $register{'CPU#'};
        for (1 .. $frames_shown) {
            last if !defined $record || $record =~ /^0*$/;
            my ($next, $return) = ask("x /2gx 0x$record") =~ /: 0x([0-9a-f]+) 0x([0-9a-f]+)/ or last;
            last if $return =~ /^0*$/;
            show_frame(sprintf '%016x', hex($return) - 4);
            last if hex $next <= hex $record;
            $record = $next;
        }
    }
}

my $came = 0;
my $timed_out = 0;
my $failure;    # of what is beside QEMU
my $end = $limit ? time + $limit + 1 : undef;    # of whole seconds: not one too few
while (1) {
    if (defined $end && time >= $end) {
        # A QEMU that was told to end, and has not, is past listening.
        kill KILL => $child if $timed_out || defined $stopped || defined $failure;
        if (!$timed_out && !defined $stopped && !defined $failure) {
            show_hang();
            kill TERM => $child;
            $timed_out = 1;
        }
        $end = time + $patience;
    }
    $end = time + $patience if defined $stopped && !$timed_out && (!defined $end || $end > time + $patience);
    if (!defined $failure && defined($failure = process_failure())) {
        kill TERM => $child;
        $end = time + $patience;
    }
    next if !comes($output, 1);
    my $count = sysread($output, my $bytes, 65536);
    next if !defined $count && $! == EINTR;
    last if !$count;
    $came = 1;
    show($bytes);
}
waitpid $child, 0;
my ($status, $signal) = ($? >> 8, $? & 127);
leave(128 + $stopped) if defined $stopped;
leave(2, $failure) if defined($failure //= process_failure());
leave(124, "no end after $limit seconds") if $timed_out;
leave(128 + $signal, "$qemu[0] was ended by signal $signal") if $signal;
leave(2) if $status == 127 && !$came;
# QEMU ends with 1 for a wrong option, and so does an image with a failed test, but
# that has printed something first.
leave(2, "$qemu[0] could not start the image") if $status == 1 && !$came;
leave($skipped, 'every test was skipped') if $status == 77;
leave($status);
