#!/usr/bin/perl
# SPDX-License-Identifier: BSD-2-Clause
#
# sums.pl BUILD-FOLDER NAME...: lines and branches of each floor in NAME.json of gcovr's, and
# the branches that nothing takes of the last one, into BUILD-FOLDER/branches.tsv
use strict;
use warnings;
use JSON::PP qw(decode_json);

my ($build, @names) = @ARGV;
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
                push @missed, join("\t", $file->{file}, $line->{line_number}, $n, scalar @branches) . "\n";
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
