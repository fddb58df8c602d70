#!/usr/bin/perl
# SPDX-License-Identifier: BSD-2-Clause
#
# sums.pl BUILD-FOLDER NAME...: lines and branches of each floor in NAME.json of gcovr's, and
# the branches that nothing takes of the last one, into BUILD-FOLDER/branches.tsv: file, line,
# branch, branches of the line, the line, and the input that would take it (inputs.tsv)
#
# BUILD-FOLDER/inputs.tsv is that table for this run: what is taken by now is left out, and what
# has no input yet is there to have one written behind it. sums.pl -c only looks at the table.
# Status: 0; 1 if the table tells of a branch that is taken, or of a line that is not there.
use strict;
use warnings;
use File::Basename qw(dirname);
use JSON::PP qw(decode_json);

my $check = @ARGV && $ARGV[0] eq '-c';
my ($build, @names) = $check ? () : @ARGV;

# Of which lines is the input known that takes what no test takes? By the line's text, which
# a change elsewhere in the file does not move.
my (%input, %source, %unknown, %open, @head, $wrong);
open my $inputs, '<', dirname($0) . '/inputs.tsv' or die "sums: inputs.tsv: $!\n";
while (<$inputs>) {
    push(@head, $_), next if /^#/;
    chomp;
    my ($file, $text, $what, @more) = split /\t/;
    wrong("line $. is not a file, a line and an input") if @more or ($what // '') eq '';
    wrong("line $. tells of a line that has its input") if defined $input{$file}{$text};
    $input{$file}{$text} = $what;
}
for my $file (sort keys %input) {
    my %there = -r $file ? map { $_ => 1 } map { text_of($file, $_) } 1 .. lines_of($file) : ();
    wrong("$file has no line: $_") for grep { !$there{$_} } sort keys %{ $input{$file} };
}
exit($wrong ? 1 : 0) if $check;

sub wrong {
    print "inputs.tsv: $_[0]\n";
    $wrong = 1;
}

sub lines_of {
    text_of($_[0], 1);
    return scalar @{ $source{ $_[0] } };
}

# The text of a line, without the blanks around it.
sub text_of {
    my ($file, $number) = @_;
    if (!$source{$file}) {
        open my $in, '<', $file or die "sums: $file: $!\n";
        $source{$file} = [<$in>];
    }
    my $text = $source{$file}[$number - 1] // '';
    $text =~ s/^\s+|\s+$//g;
    $text =~ s/\t/ /g;
    return $text;
}

my %column = (host => 'host', 'gcc-debug' => 'target', coverage => 'both');
my (%sum, %floors, @missed);

sub add_line {
    my ($sum, $line) = @_;
    $sum->{lines}++;
    $sum->{reached}++ if $line->{count};
    for my $branch (@{ $line->{branches} }) {
        $sum->{branches}++;
        $sum->{taken}++ if $branch->{count};
    }
}

for my $name (@names) {
    open my $json, '<', "$build/$name.json" or die "sums: $build/$name.json: $!\n";
    my $files = decode_json(do { local $/; <$json> })->{files};
    @missed = ();
    for my $file (sort { $a->{file} cmp $b->{file} } @$files) {
        my ($floor) = $file->{file} =~ m{^(.*?)/};
        $floors{$floor} = 1;
        for my $line (grep { !$_->{'gcovr/noncode'} } @{ $file->{lines} }) {
            add_line($_, $line) for \%{ $sum{$name}{$floor} }, \%{ $sum{$name}{all} };
            my @branches = @{ $line->{branches} };
            for my $n (grep { !$branches[$_]{count} } 0 .. $#branches) {
                my $text = text_of($file->{file}, $line->{line_number});
                my $what = $input{ $file->{file} }{$text} // '';
                if ($name eq $names[-1]) {
                    $unknown{"$floor/"}++ if $what eq '';
                    $open{ $file->{file} }{$text} = $what;
                }
                push @missed, join("\t", $file->{file}, $line->{line_number}, $n, scalar @branches, $text, $what) . "\n";
            }
        }
    }
}

sub part {
    my ($some, $all) = map { $_ // 0 } @_;
    return $all ? sprintf('%5.1f %% of %5d', 100 * $some / $all, $all) : 'none';
}

printf "%-12s %-7s %-18s %-18s\n", '', '', 'lines', 'branches';
for my $floor ((sort keys %floors), 'all') {
    for my $name (@names) {
        my $sum = $sum{$name}{$floor} // {};
        printf "%-12s %-7s %-18s %-18s\n", $floor, $column{$name} // $name, part(@$sum{qw(reached lines)}),
            part(@$sum{qw(taken branches)});
    }
}
open my $list, '>', "$build/branches.tsv" or die "sums: $build/branches.tsv: $!\n";
print {$list} @missed;
close $list or die "sums: $build/branches.tsv: $!\n";
# Of the kernel, what is known is kept; nobody is asked for more.
open my $table, '>', "$build/inputs.tsv" or die "sums: $build/inputs.tsv: $!\n";
print {$table} @head;
for my $file (sort keys %open) {
    for my $text (sort keys %{ $open{$file} }) {
        next if $file =~ m{^kernel/} and $open{$file}{$text} eq '';
        print {$table} "$file\t$text\t$open{$file}{$text}\n";
    }
}
close $table or die "sums: $build/inputs.tsv: $!\n";
for my $file (sort keys %input) {
    wrong("taken: $file: $_") for grep { !exists $open{$file}{$_} } sort keys %{ $input{$file} };
}
printf "without a known input: %s\n", join(', ', map { "$unknown{$_} in $_" } sort keys %unknown) if %unknown;
exit($wrong ? 1 : 0);
