#!/usr/bin/perl
# SPDX-License-Identifier: BSD-2-Clause
#
# mutate.pl [-l] [-H] [-s SEED] [-n COUNT] [-r ROOM] [-j WORKERS] BUILD-FOLDER: does a test notice?
#
# Changes one thing in the code (mutations.tsv says what), builds what the tests of that
# part need (areas.tsv), runs them until one fails, and takes the change back; COUNT times
# (200), at places that SEED picks in descriptors/, kernel/{vm,page,mmu} and drivers/, or
# in ROOM alone (a folder, FILE or FILE:LINE, or several of them), there everywhere unless COUNT
# is given; -l only says how many changes each file has, -H asks host tests alone. BUILD-FOLDER is
# a clean debug build of the tree with its host tests, and with its benchmarks in release; each
# worker has a copy of its objects and of the sources in BUILD-FOLDER/mutate.
#
# What kills soonest is asked first: a test that killed in this file or room before, then host
# tests before images, and within these the nearest first and the slow ones last. Of the clean
# tree only that is run which a change has made fail, once, to see that it was the change.
#
# killed: a test failed, or took much longer than on the clean tree at that time. survived:
# none did; the change is printed. Not counted: what does not compile, what compiles to the same
# code, what equivalent.tsv explains, and what is untold: no test failed but one for which there
# was no time, on the clean tree neither, twice (a busy machine). BUILD-FOLDER/mutate/{killed,
# survived,...} are the lists. Status 0: at least 95 % were killed; 1: fewer; 2: it could not start,
# or a test fails on the clean tree, twice. Ended in the middle (INT, TERM, HUP), it ends what it
# runs and removes its copies.
use strict;
use warnings;
use Cwd qw(abs_path getcwd);
use Digest::MD5;
use Fcntl qw(:flock);
use File::Basename qw(basename dirname);
use File::Path qw(make_path remove_tree);
use Getopt::Std;
use IO::Handle;
use List::Util qw(max);
use Time::HiRes qw(time);
use lib dirname(abs_path($0));
use Mutations qw(changes_of line_of rows sources wanted_in);

use constant GOAL => 0.95;
use constant SOURCES => qw(Makefile boot descriptors drivers embed kernel linker qemu tests);
use constant {
    LIMIT_FACTOR => 4,     # of the clean run's time
    LIMIT_LEAST  => 15,    # seconds
    LIMIT_FIRST  => 60,    # of a test that nobody has measured yet
    LIMIT_CLEAN  => 600,
    BATCH        => 6,     # tests that are linked at once
    SLOW         => 2,     # seconds that a test took once: its turn comes last
    MEMORY       => 6000,  # MiB that a test may hold: one reads more than 4 GiB of one run
};

my %option = (s => int(rand(1 << 31)), j => 2, r => '');
getopts('lHs:n:r:j:', \%option) && @ARGV == 1 or die "usage: mutate.pl [-l] [-H] [-s SEED] [-n COUNT] [-r ROOM] BUILD\n";
my $build = abs_path($ARGV[0]) // die "mutate: no build folder\n";
my $scratch = "$build/mutate";
my $deps = abs_path($ENV{DEPS} // 'build/deps');
my $top = getcwd();

my %area = map {
    my ($folder, @tests) = @$_;
    $folder => { map { $_ => [split ' ', shift @tests // ''] } qw(host images benches) }
} rows('areas.tsv', 4);
my %equivalent = map { ("$_->[0]\t$_->[1]\t$_->[2]" => $_->[3]) } rows('equivalent.tsv', 4);

# Tests ------------------------------------------------------------------------

my %measures;    # the benchmarks whose counts are as they are stored

sub tests_of {
    my ($file) = @_;
    my $folder = dirname($file);
    $folder = dirname($folder) until exists $area{$folder} || $folder eq '.';
    my $area = $area{$folder} or return;
    my %seen;
    my @images = $option{H} ? () : @{ $area->{images} };
    my @host = map { s{^tests/host/}{}r =~ s{_test\.c$}{}r }
        map { glob("tests/host/${_}_test.c") } @{ $area->{host} };
    return grep { !$seen{$_}++ } (map { "host:$_" } @host),
        (map { "image:$_" } grep { -f "tests/target/" . s/@.*//r . ".c" } @images),
        map { "bench:$_" } grep { $measures{$_} } @{ $area->{benches} };
}

sub target_of {
    my ($test) = @_;
    my ($kind, $name) = split /:/, $test;
    $name =~ s/@.*//;
    return "build/gcc-debug/tests/target/$name.elf" if $kind eq 'image';
    return "build/gcc-release/tests/bench/$name.elf" if $kind eq 'bench';
    my $together = 'host/' . dirname($name) . '/together';
    return -f "$build/$together" ? "build/$together" : "build/host/${name}_test";
}

sub command_of {
    my ($test, $limit) = @_;
    my ($kind, $name) = split /:/, $test;
    my $program = target_of($test);
    return ('tests/runner/test-one.sh', $name =~ /@/ ? $name : "$name\@default") if $kind eq 'image';
    return ('tests/bench/bench.sh', '-n', 1, '-c', "$scratch/counts/$name", $program) if $kind eq 'bench';
    return ('timeout', '-k', 5, $limit, $program, $program =~ m{/together$} ? basename($name) . '_test' : ());
}

# What this process waits for, and the way out: children end theirs, the first one clears up.
my ($running, @workers);
my $worker = 0;
my $first = $$;

sub give_up {
    my ($signal) = @_;
    $SIG{$_} = 'IGNORE' for qw(INT TERM HUP PIPE);
    kill TERM => grep { defined } $running, @workers;
    1 while wait != -1;
    if ($$ == $first) {
        remove_tree($scratch);
        print STDERR "mutate: ended by $signal, nothing is left\n";
    }
    exit 130;
}
$SIG{$_} = \&give_up for qw(INT TERM HUP PIPE);

sub run_quietly {
    my ($log, @command) = @_;
    my $child = $running = fork // die "mutate: fork: $!\n";
    if ($child == 0) {
        $SIG{$_} = 'DEFAULT' for qw(INT TERM HUP PIPE);
        open STDIN, '<', '/dev/null';
        open STDOUT, '>', $log;
        open STDERR, '>&', \*STDOUT;
        exec @command or exit 127;
    }
    waitpid $child, 0;
    $running = undef;
    return $? == 0;
}

sub make {
    my ($log, @targets) = @_;
    local $ENV{MAKELEVEL} = 1;    # no look for tools, no jobs of its own
    local $ENV{MAKEFLAGS} = '';
    my @release = grep { m{^build/gcc-release/} } @targets;
    my @debug = grep { !m{^build/gcc-release/} } @targets;
    my @make = ('make', '-s', "DEPS=$deps", 'WARNINGS=-w', 'O=build', 'LLVM=', 'TRACE=1', 'COVERAGE=');
    return (!@debug || run_quietly($log, @make, 'DEBUG=1', @debug)) && (!@release || run_quietly($log, @make, 'DEBUG=', @release));
}

# Seconds if it passes in the current folder in time, -1 if it fails, 0 if the time was up.
sub seconds_of {
    my ($test, $limit) = @_;
    my ($kind, $name) = split /:/, $test;
    delete @ENV{qw(SEED N ONLY)};    # of mutate; some tests have their own
    local $ENV{ASAN_OPTIONS} = 'hard_rss_limit_mb=' . MEMORY;
    local $ENV{BUILD} = 'build';
    local @ENV{qw(NM SIZE READELF)} = map { ($ENV{CROSS} // 'aarch64-linux-gnu-') . $_ } qw(nm size readelf);
    local $ENV{LOGS} = my $logs = "logs/$worker";
    local $ENV{TIMEOUT} = int($limit + 1);
    local $ENV{OPS} = 60000;    # of the model
    local $ENV{CASES} = $name =~ /property$/ ? 500 : 20;    # of comparisons: whole, they take minutes
    local $ENV{FAULTS} = 100;
    local $ENV{WRITES} = 10000;
    my @command = command_of($test, $limit);
    make_path($logs);
    my $start = time;
    my $passed = run_quietly("$logs/mutate", 'bash', '-c', 'ulimit -f 200000 -c 0; exec "$@"', 'bash', @command);
    my $seconds = time - $start;
    return $passed ? $seconds : $seconds >= $limit ? 0 : -1;
}

# What each test took, and whether it passes on the clean tree, told by one worker to the others.
sub note {
    my ($what, $test, $value) = @_;
    spell("$scratch/$what/" . ($test =~ tr{/}{,}r), $value);
    return $value;
}

sub noted {
    my ($what, $test) = @_;
    open my $file, '<', "$scratch/$what/" . ($test =~ tr{/}{,}r) or return;
    return scalar <$file>;
}

# What it takes on the clean tree, now; 0 if there is no time for it. Where it fails, the whole
# run is worth nothing: once may be the machine, twice is the tree.
sub clean_seconds {
    my ($test) = @_;
    my $folder = getcwd();
    my $seconds;
    chdir "$scratch/clean" or die "mutate: $!\n";
    for (1 .. 2) {
        $seconds = seconds_of($test, LIMIT_CLEAN);
        last if $seconds > 0;
    }
    chdir $folder or die "mutate: $!\n";
    note('red', $test, $test) if $seconds < 0;
    return $seconds > 0 ? note('clean', $test, $seconds) : 0;
}

# Does a test fail in the current folder because of what was changed there? undef: nobody can tell.
sub kills {
    my ($test) = @_;
    my $known = noted('time', $test);
    my $limit = defined $known ? max(LIMIT_LEAST, LIMIT_FACTOR * $known) : LIMIT_FIRST;
    my $seconds = seconds_of($test, $limit);
    # A count that the host disturbs is disturbed seldom.
    $seconds = seconds_of($test, $limit) if $seconds < 0 && $test =~ /^bench:/;
    if ($seconds == 0) {
        # Slow may be the machine, or have been: the clean tree says how it is now, and then again.
        my $clean = clean_seconds($test) or return undef;
        $seconds = seconds_of($test, max(LIMIT_LEAST, LIMIT_FACTOR * $clean));
    } elsif ($seconds < 0) {
        noted('clean', $test) // (clean_seconds($test) or return undef);
    }
    note('time', $test, $seconds) if $seconds > 0;
    return $seconds <= 0 ? 1 : 0;
}

# Workers ----------------------------------------------------------------------

sub copy {
    my ($option, $to, @what) = @_;
    make_path($to);
    system('cp', $option, @what, "$to/") == 0 or die "mutate: cannot copy @what to $to\n";
}

# For a worker to build in: a program is linked again when its turn comes.
sub make_tree {
    my ($folder) = @_;
    remove_tree($folder);
    copy('-a', $folder, SOURCES);
    make_path("$folder/build");
    my $builds = join ' ', 'host', 'gcc-debug', %measures ? 'gcc-release' : ();
    system('bash', '-o', 'pipefail', '-c', "tar -C \"\$1\" --exclude='*_test' --exclude='host/*/together' --exclude='*.elf' --exclude='*.img' -cf - $builds"
            . ' | tar -C "$2" -xf -', 'copy', $build, "$folder/build") == 0
        or die "mutate: cannot copy the clean build in $build\n";
}

# The programs as they are, which nobody builds there.
sub make_clean_tree {
    my ($folder, @tests) = @_;
    remove_tree($folder);
    copy('-a', $folder, SOURCES);
    my %once;
    for my $program (grep { !$once{$_}++ } map { target_of($_) } @tests) {
        (my $from = $program) =~ s{^build}{$build};
        copy('-l', dirname("$folder/$program"), $from);
    }
}

# What compiled files say, but for debugging information; '' if one does not compile.
sub code_of {
    my (@objects) = @_;
    my $stripped = "build/mutate.o";
    my $code = Digest::MD5->new;
    return '' unless make('build/make.log', @objects);
    for my $object (@objects) {
        system("\${CROSS:-aarch64-linux-gnu-}objcopy -g '$object' $stripped 2>/dev/null") == 0 or die "mutate: objcopy\n";
        open my $file, '<:raw', $stripped or die "mutate: $stripped: $!\n";
        $code->addfile($file);
    }
    return $code->hexdigest;
}

sub spell {
    my ($file, $text) = @_;
    open my $handle, '>', $file or die "mutate: $file: $!\n";
    print $handle $text;
    close $handle;
}

my (%clean_code, %killers);

# [outcome, detail] of one change, made and taken back in the current folder.
sub attempt {
    my ($change) = @_;
    my ($file, $rule, $offset, $length, $put) = @$change;
    open my $handle, '<', $file or die "mutate: $file: $!\n";
    my $text = do { local $/; <$handle> };
    my $line = (split /\n/, substr($text, rindex($text, "\n", $offset) + 1), 2)[0] =~ s/^\s+//r;
    my $why = $equivalent{"$file\t$rule\t$line"};
    return ['equivalent', $why] if defined $why;

    my $changed = $text;
    substr($changed, $offset, $length) = $put;
    spell('build/original', $text);
    spell($file, $changed);
    my $diff = `diff -u --label $file --label $rule build/original $file`;
    my $outcome = try_tests($file, sub { is_same_code($file, $text, $changed) });
    spell($file, $text);
    return [@$outcome, $diff];
}

# What is compiled from a file for the target: for the kernel, or for what runs at EL0.
sub objects_of {
    my ($file) = @_;
    return 'build/gcc-debug/' . ($file =~ m{driverkit/user/} ? 'user/' : '') . "$file.o" if $file =~ /\.c$/;
    my $folders = join ' ', map { "build/gcc-debug/$_" } qw(boot kernel descriptors drivers user);
    my @users = `grep -lrF --include='*.d' '$file' $folders`;
    return map { s/\.d\n$/.o/r } @users;
}

sub is_same_code {
    my ($file, $text, $changed) = @_;
    my $now = code_of(objects_of($file));
    if (!defined $clean_code{$file}) {
        spell($file, $text);
        $clean_code{$file} = code_of(objects_of($file));
        spell($file, $changed);
    }
    return $now eq $clean_code{$file};
}

# The change is in the tree; same() tells whether it makes other code, which is worth knowing where
# the cheap tests have passed.
sub try_tests {
    my ($file, $same) = @_;
    my %rank = map { $_ => ($killers{$file}{$_} // 0) + ($killers{ dirname($file) }{$_} // 0) / 100 } my @all = tests_of($file);
    my %slow = map { $_ => (noted('time', $_) // 0) > SLOW ? 1 : 0 } @all;
    my %kind = map { $_ => /^bench:/ ? 2 : /^image:/ ? 1 : 0 } @all;
    my $order = sub { ($kind{$a} == 2) <=> ($kind{$b} == 2) || $rank{$b} <=> $rank{$a} || $slow{$a} <=> $slow{$b} || $kind{$a} <=> $kind{$b} };
    my @tests = sort $order @all;
    my $first = 2;    # the nearest test, or what killed before, is likely to do it again
    my $asked = 0;
    my @untold;
    while (my @batch = splice @tests, 0, $first) {
        $first = BATCH;
        if (!$asked && (grep { $slow{$_} || $kind{$_} } @batch)) {
            $asked = 1;
            return ['same', ''] if $same->();
        }
        my %once;
        return ['unbuilt', ''] unless make('build/make.log', grep { !$once{$_}++ } map { target_of($_) } @batch);
        for my $test (@batch) {
            my $kills = kills($test);
            push @untold, $test unless defined $kills;
            next unless $kills;
            $killers{$_}{$test}++ for $file, dirname($file);
            return ['killed', $test];
        }
    }
    return ['same', ''] if !$asked && $same->();
    return @untold ? ['untold', "@untold"] : ['survived', ''];
}

# The stored counts of one benchmark's rows; whether there are any.
sub spell_counts {
    my ($name) = @_;
    open my $file, '<', 'tests/bench/expected.tsv' or return 0;
    my ($said, @rows) = <$file>;
    @rows = grep { /^\Q$name\E\t/ } @rows;
    spell("$scratch/counts/$name", join '', $said, @rows);
    return @rows;
}

# Which benchmarks can tell: those that are built, and count as stored on the clean tree, which
# must be there. Another compiler or QEMU counts otherwise, which is no fault of a test.
sub find_measures {
    my %once;
    my @names = grep { !$once{$_}++ && -f "$build/gcc-release/tests/bench/$_.elf" } @_;
    my @not;
    chdir "$scratch/clean" or die "mutate: $!\n";
    for my $name (@names) {
        if (spell_counts($name) && seconds_of("bench:$name", LIMIT_CLEAN) > 0) {
            $measures{$name} = note("clean", "bench:$name", 1);
        } else {
            push @not, $name;
        }
    }
    chdir $top or die "mutate: $!\n";
    print "# not asked, as the clean tree's counts are not those stored: @not\n" if @not;
}

# Numbers 0, 1, 2 ... for whichever worker is free.
sub next_number {
    open my $file, '+<', "$scratch/next" or die "mutate: $!\n";
    flock $file, LOCK_EX;
    my $number = <$file>;
    seek $file, 0, 0;
    print $file $number + 1, "\n";
    return $number;
}

sub start_counting {
    spell("$scratch/next", "0\n");
}

# Run work(n) for n = 0 .. count - 1 in each worker's tree; read(n's answer) in this process.
sub share {
    my ($count, $work, $read) = @_;
    start_counting();
    pipe my $from, my $to or die "mutate: pipe: $!\n";
    for my $number (1 .. $option{j}) {
        my $child = fork // die "mutate: fork: $!\n";
        if ($child) {
            push @workers, $child;
            next;
        }
        @workers = ();
        $worker = $number;
        close $from;
        chdir "$scratch/$worker" or die "mutate: $!\n";
        while (getppid == $first && !glob("$scratch/red/*") && (my $n = next_number()) < $count) {
            my $answer = $work->($n);
            syswrite $to, length($answer) . "\n" . $answer if length($answer) < 4000;
            syswrite $to, "4000\n" . substr($answer, 0, 4000) if length($answer) >= 4000;
        }
        exit 0;
    }
    close $to;
    while (defined(my $length = readline $from)) {
        my $answer = '';
        read $from, $answer, $length;
        $read->($answer);
    }
    1 while wait != -1;
    @workers = ();
}

# The run ------------------------------------------------------------------------

if ($option{l}) {
    printf "%d\t%s\n", scalar(my @in = wanted_in($_, $option{r})), $_ for sources($option{r});
    exit 0;
}
my @changes = changes_of($option{r}, $option{s}, $option{n});
$measures{$_} = 1 for $option{H} ? () : map { @{ $_->{benches} } } values %area;    # as far as anybody knows
my %wanted = map { $_ => 1 } map { tests_of($_->[0]) } @changes;
my @wanted = sort keys %wanted;
$| = 1;
my $start = time;
printf "# seed %d, %d changes%s, %d tests\n", $option{s}, scalar @changes,
    $option{r} eq '' ? '' : " in $option{r}", scalar @wanted;

make_path($scratch);
open my $lock, '>', "$scratch/lock" or die "mutate: $scratch/lock: $!\n";
flock $lock, LOCK_EX | LOCK_NB or die "mutate: another one is at work in $scratch\n";
remove_tree("$scratch/$_") for qw(clean red);
make_path("$scratch/$_") for qw(time clean red counts);    # times of an earlier run are worth something
make_clean_tree("$scratch/clean", grep { !/^bench:/ || -f target_of($_) =~ s{^build}{$build}r } @wanted);
%measures = ();
find_measures(map { /^bench:(.*)/ } @wanted);
make_tree("$scratch/$_") for 1 .. $option{j};

my %lists = map { $_ => [] } qw(killed survived unbuilt same equivalent untold);
my (%rooms, $done);
share(
    scalar @changes,
    sub {
        my $change = $changes[$_[0]];
        my ($outcome, $detail, $diff) = @{ attempt($change) };
        return join "\t", $outcome, "$change->[0]:" . line_of($change), $change->[1], $detail // '', $diff // '';
    },
    sub {
        my ($outcome, $place, $rule, $detail, $diff) = split /\t/, $_[0], 5;
        push @{ $lists{$outcome} }, "$place\t$rule\t$detail\n" . ($outcome eq 'survived' ? $diff : '');
        $rooms{ dirname($place) }{$outcome}++;
        printf "%-10s %s %s%s (%d of %d)\n", $outcome, $place, $rule, $detail ne '' ? ", $detail" : '',
            ++$done, scalar @changes;
        print $diff if $outcome eq 'survived';
    });
spell("$scratch/$_", join '', @{ $lists{$_} }) for keys %lists;

my @red = map { s{.*/}{}r =~ tr{,}{/}r } glob("$scratch/red/*");
remove_tree("$scratch/$_") for 1 .. $option{j}, qw(clean red counts);
if (@red) {
    print STDERR "mutate: these fail on the unchanged tree: @red\n";
    exit 2;
}
die "mutate: a worker ended early: ", scalar @changes - $done, " changes were not tried\n" if $done != @changes;

sub share_of {
    my ($killed, $survived) = map { $_ // 0 } @_;
    return sprintf '%d killed, %d survived: %s', $killed, $survived,
        $killed + $survived ? sprintf('%.1f %%', 100 * $killed / ($killed + $survived)) : 'nothing to judge';
}
printf "# %s: %s\n", $_, share_of(@{ $rooms{$_} }{qw(killed survived)}) for sort keys %rooms;
my ($killed, $survived) = map { scalar @{ $lists{$_} } } qw(killed survived);
printf "# seed %d: %s; besides %d that do not compile, %d of the same code, %d equivalent, %d untold; %d seconds\n",
    $option{s}, share_of($killed, $survived), (map { scalar @{ $lists{$_} } } qw(unbuilt same equivalent untold)), time - $start;
exit($killed >= GOAL * ($killed + $survived) ? 0 : 1);
