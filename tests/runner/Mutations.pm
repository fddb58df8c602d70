# SPDX-License-Identifier: BSD-2-Clause
#
# Where code can be changed, and into what (mutations.tsv), for mutate.pl: which changes there are
# in a file, and which of them a seed chooses. A change is [file, rule, offset, length, replacement].
package Mutations;
use strict;
use warnings;
use Cwd qw(abs_path);
use Exporter qw(import);
use File::Basename qw(dirname);

our @EXPORT_OK = qw(changes_of line_of rows sources wanted_in);

my $here = dirname(abs_path(__FILE__));

# Text for people, and what only ends a run that is lost already.
my $noise = qr/\b(?:k?v?printf|platform_log|platform_fatal|panic|\w*ASSERT|\w*CHECK|_Static_assert|trace_\w+)\b/;

# The rows of a table beside this, of so many columns.
sub rows {
    my ($name, $columns) = @_;
    open my $file, '<', "$here/$name" or die "mutate: $name: $!\n";
    return map { chomp; [split /\t/, $_, $columns] } grep { !/^#/ && /\S/ } <$file>;
}

my @rules = map { { name => $_->[0], unit => $_->[1], find => qr/$_->[2]/, put => $_->[3] // '' } }
    rows('mutations.tsv', 4);

# A repeatable sequence, the same with every perl (an LCG of 48 bits, like drand48).
my $state;

sub below {
    my ($limit) = @_;
    use integer;
    $state = ($state * 25214903917 + 11) & ((1 << 48) - 1);
    return ($state >> 16) % $limit;
}

# The file's text with comments, strings and preprocessor lines blanked, of the same length.
sub code_only {
    my ($text) = @_;
    my $blank = sub { my $gone = shift; $gone =~ s/[^\n]/ /g; $gone };
    $text =~ s{(/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])+')}{$blank->($1)}gse;
    $text =~ s{^(\s*#(?:[^\n]*\\\n)*[^\n]*)}{$blank->($1)}gme;
    return $text;
}

# `a < b ? a : b`: of two that are equal either will do, so that <= chooses the same.
sub is_choice_of_equals {
    my ($text, $at) = @_;
    my $term = qr/[\w.>\[\]-]+(?:\([\w.>, -]*\))?/;
    my ($before) = substr($text, 0, $at) =~ /($term)$/ or return 0;
    my ($after, $first, $second) = substr($text, $at) =~ /^ [<>]=? ($term) \? ($term) : ($term)/ or return 0;
    return "$before $after" eq "$first $second" || "$before $after" eq "$second $first";
}

# `if (a > b) {` and then `b = a;`: what is equal may be assigned as well, or left.
sub is_maximum_of_equals {
    my ($text, $at, $next, $end) = @_;
    my ($to, $from) = $next =~ /^\s*(\S+) = ([^=].*);\s*$/ or return 0;
    return 0 unless $end =~ /^\s*\}\s*$/ && $text =~ /\) \{\s*$/;
    for ([$to, $from], [$from, $to]) {
        my ($left, $right) = @$_;
        return 1 if substr($text, 0, $at) =~ /(?:\(|&& )\Q$left\E$/ && substr($text, $at) =~ /^ [<>]=? \Q$right\E(?:\)| &&)/;
    }
    return 0;
}

# Every change that a rule makes in one file: [file, rule, offset, length, replacement].
sub changes_in {
    my ($file) = @_;
    open my $handle, '<', $file or die "mutate: $file: $!\n";
    my $text = do { local $/; <$handle> };
    my $code = code_only($text);
    my ($offset, $inside, @found) = (0, 0);
    my @lines = split /(?<=\n)/, $code;
    for my $i (0 .. $#lines) {
        my $line = $lines[$i];
        chomp(my $bare = $line);
        $inside = 1 if $bare =~ /^\{$/;
        $inside = 0 if $bare =~ /^\}/;
        if ($inside && $bare !~ $noise && $bare =~ /\S/) {
            my $statement = $bare;
            for (my $k = $i + 1; $statement !~ /[;{}]\s*$/ && $k <= $#lines; $k++) {
                $statement .= "\n" . $lines[$k] =~ s/\n$//r;
            }
            my $starts = $i == 0 || $lines[$i - 1] =~ /(?:[;{}:]|^)\s*$/;
            for my $rule (@rules) {
                my $of = $rule->{unit} eq 'statement' ? $starts ? $statement : '' : $bare;
                next if $of =~ $noise;
                (my $flat = $of) =~ tr/\n/ /;
                while ($flat =~ /$rule->{find}/g) {
                    my ($at, $length) = ($-[0], $+[0] - $-[0]);
                    last if $length == 0;
                    next if is_choice_of_equals($flat, $at);
                    next if is_maximum_of_equals($flat, $at, @lines[$i + 1, $i + 2]);
                    my @group = map { defined $-[$_] ? substr($text, $offset + $-[$_], $+[$_] - $-[$_]) : '' } 1 .. $#+;
                    my $put = $rule->{put} =~ s/\$(\d)/$group[$1 - 1]/gr;
                    $put .= "\n" x (substr($of, $at, $length) =~ tr/\n//);
                    push @found, [$file, $rule->{name}, $offset + $at, $length, $put];
                }
            }
        }
        $offset += length $line;
    }
    return @found;
}

# Of the file as it is.
sub line_of {
    my ($change) = @_;
    open my $handle, '<', $change->[0] or die "mutate: $change->[0]: $!\n";
    return 1 + (substr(do { local $/; <$handle> }, 0, $change->[2]) =~ tr/\n//);
}

# Files that have changes: of these rooms, or all.
sub sources {
    my ($asked) = @_;
    my @files = sort grep { !/platform_defaults/ } split /\n/,
        `find descriptors kernel/vm kernel/page kernel/mmu drivers -type f -name '*.[ch]'`;
    my @rooms = map { s{/+$|:\d+$}{}r } split ' ', $asked;
    return @files unless @rooms;
    return grep { my $file = "/$_/"; grep { $file =~ m{/\Q$_\E/} } @rooms } @files;
}

# Those of its changes that are asked for.
sub wanted_in {
    my ($file, $asked) = @_;
    my ($all, %line) = $asked eq '';
    for my $room (split ' ', $asked) {
        my ($name, $line) = $room =~ m{^(.*?)/*(?::(\d+))?$};
        next unless "/$file/" =~ m{/\Q$name\E/};
        $line{$line // ''} = 1;
    }
    return grep { $all || $line{''} || $line{ line_of($_) } } changes_in($file);
}

# COUNT of them, everywhere that is asked for or, without COUNT, all; 200 where nothing is.
sub changes_of {
    my ($asked, $seed, $count) = @_;
    my @all = map { wanted_in($_, $asked) } sources($asked);
    die "mutate: nothing to change in '$asked'\n" unless @all;
    $count //= $asked eq '' ? 200 : @all;
    $state = $seed * 65536 + 0x330e;
    for (my $i = $#all; $i > 0; $i--) {
        my $other = below($i + 1);
        @all[$i, $other] = @all[$other, $i];
    }
    return @all[0 .. (@all < $count ? $#all : $count - 1)];
}

1;
