#!/usr/bin/perl
# SPDX-License-Identifier: BSD-2-Clause
#
# browser.pl PAGE COMMANDS: look at a page in headless Chromium, as the lines of a file say
#
#   eval EXPRESSION   the value of this JavaScript, as text
#   key NAME          press and let go of a key: Tab, Enter, ArrowRight, +
#   click SELECTOR    with the mouse, in the middle of the element
#   hover SELECTOR    the mouse goes there
#   focus             role and name, in the accessibility tree, of what has the focus
#   tree              roles and names of the whole tree, one a line
#   dark | light      what the person prefers from now on
#   cpu               seconds that the page's thread has worked so far, whatever else the host does
#   errors            what the page has complained of so far, one a line
#
# Each prints one answer, on a line of its own, or several. Status 2: no browser, or no answer.
use strict;
use warnings;
use Fcntl qw(F_SETFD);
use File::Temp qw(tempdir);
use IO::Handle;
use JSON::PP;

my ($page, $commands) = @ARGV;
open my $script, '<:utf8', $commands or die "$commands: $!\n";
my $folder = tempdir(CLEANUP => 1);
$SIG{ALRM} = sub { die "browser.pl: no answer in time\n" };
alarm 100;

# Its devtools, by a pair of pipes: messages end with a zero byte.
pipe(my $its_in, my $to) && pipe(my $from, my $its_out) or die "no pipe: $!\n";
my $child = fork // die "no process: $!\n";
if (!$child) {
    require POSIX;
    # Above 4 first: one of them may be 3 or 4 already.
    my ($in, $out) = map { POSIX::dup2(fileno $_->[0], $_->[1]); $_->[1] } [$its_in, 100], [$its_out, 101];
    POSIX::dup2($in, 3);
    POSIX::dup2($out, 4);
    open STDERR, '>', "$folder/log";
    no warnings 'exec';
    exec 'chromium', '--headless', '--no-sandbox', '--disable-gpu', '--remote-debugging-pipe', '--no-first-run',
        '--window-size=1200,1600', "--user-data-dir=$folder/profile", 'about:blank';
    POSIX::_exit(127);
}
close $its_in;
close $its_out;
$to->autoflush(1);
END { my $status = $?; kill KILL => $child and waitpid $child, 0 if $child; $? = $status }

my ($number, $session, @complaints, @seen) = (0);
sub message {
    local $/ = "\0";
    my $text = <$from> // die "browser.pl: chromium has ended\n";
    chomp $text;
    my $message = decode_json($text);
    my ($method, $params) = @$message{qw(method params)};
    push @seen, $method if $method;
    push @complaints, $params->{exceptionDetails}{exception}{description} // $params->{exceptionDetails}{text}
        if ($method // '') eq 'Runtime.exceptionThrown';
    push @complaints, "loads $params->{request}{url}"
        if ($method // '') eq 'Network.requestWillBeSent' && $params->{request}{url} !~ /^(file|data):/;
    return $message;
}

sub ask {
    my ($method, %params) = @_;
    print $to encode_json({ id => ++$number, method => $method, params => \%params,
        $session ? (sessionId => $session) : () }), "\0";
    while (1) {
        my $message = message();
        next if ($message->{id} // 0) != $number;
        die "browser.pl: $method: $message->{error}{message}\n" if $message->{error};
        return $message->{result};
    }
}

sub value {
    my $result = ask('Runtime.evaluate', expression => $_[0], returnByValue => JSON::PP::true);
    return 'error: ' . ($result->{exceptionDetails}{exception}{description} // 'unknown') if $result->{exceptionDetails};
    my $found = $result->{result}{value};
    return ref $found ? JSON::PP->new->canonical->allow_nonref->encode($found) : $found // 'undefined';
}

sub node_text {
    my ($node) = @_;
    my %is = map { $_->{name} => $_->{value}{value} } @{ $node->{properties} // [] };
    return join ' ', $node->{role}{value} // '', "'" . ($node->{name}{value} // '') . "'",
        map { $is{$_} ? ($_) : () } qw(focusable focused selected);
}

sub tree { grep { !$_->{ignored} } @{ ask('Accessibility.getFullAXTree')->{nodes} } }

my %code = (Tab => 9, Enter => 13, PageUp => 33, PageDown => 34, End => 35, Home => 36, ArrowLeft => 37, ArrowUp => 38,
    ArrowRight => 39, ArrowDown => 40);
sub mouse {
    my ($selector, @types) = @_;
    my $at = value("(() => { const e = document.querySelector(" . encode_json([$selector]) . "[0]);"
        . " if (!e) return 'nothing'; e.scrollIntoView({block: 'center'}); const r = e.getBoundingClientRect();"
        . " return (r.left + r.width / 2) + ' ' + (r.top + r.height / 2) })()");
    my ($x, $y) = $at =~ /^([\d.]+) ([\d.]+)$/ or return "there is no $selector: $at";
    ask('Input.dispatchMouseEvent', type => $_, x => 0 + $x, y => 0 + $y, button => /Moved/ ? 'none' : 'left',
        clickCount => /Moved/ ? 0 : 1) for @types;
    return 'done';
}

my %command = (
    eval  => sub { value($_[0]) },
    click => sub { mouse($_[0], qw(mouseMoved mousePressed mouseReleased)) },
    hover => sub { mouse($_[0], 'mouseMoved') },
    key   => sub {
        my $key = $code{ $_[0] } // ord uc $_[0];
        ask('Input.dispatchKeyEvent', type => $_, key => $_[0], windowsVirtualKeyCode => $key,
            $_ eq 'keyDown' && length $_[0] == 1 ? (text => $_[0]) : ()) for qw(keyDown keyUp);
        'done';
    },
    focus => sub { join "\n", map { node_text($_) } grep { node_text($_) =~ / focused/ && $_->{role}{value} ne 'RootWebArea' } tree() },
    tree  => sub { join "\n", map { node_text($_) } tree() },
    dark  => sub { ask('Emulation.setEmulatedMedia', features => [{ name => 'prefers-color-scheme', value => 'dark' }]); 'done' },
    light => sub { ask('Emulation.setEmulatedMedia', features => [{ name => 'prefers-color-scheme', value => 'light' }]); 'done' },
    cpu => sub {
        my ($spent) = grep { $_->{name} eq 'TaskDuration' } @{ ask('Performance.getMetrics')->{metrics} };
        $spent->{value};
    },
    errors => sub { join "\n", @complaints },
);

binmode STDOUT, ':utf8';
my ($target) = grep { $_->{type} eq 'page' } @{ ask('Target.getTargets')->{targetInfos} };
$session = ask('Target.attachToTarget', targetId => $target->{targetId}, flatten => JSON::PP::true)->{sessionId};
ask('Performance.enable', timeDomain => 'threadTicks');
ask("$_.enable") for qw(Page Runtime Network Accessibility);
ask('Page.navigate', url => "file://$page");
message() until grep { $_ eq 'Page.loadEventFired' } @seen;
# A window of its own that has the focus, as a person's has.
ask('Page.bringToFront');
ask('Emulation.setFocusEmulationEnabled', enabled => JSON::PP::true);
while (defined(my $line = <$script>)) {
    chomp $line;
    my ($name, $rest) = split / /, $line, 2;
    my $run = $command{$name} or die "browser.pl: what is $name?\n";
    my $answer = $run->($rest);
    utf8::decode($answer) if !utf8::is_utf8($answer);
    print "$answer\n";
}
