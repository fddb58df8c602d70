#!/usr/bin/perl
# SPDX-License-Identifier: BSD-2-Clause
#
# api-page.pl: descriptors/README.md as it has to be, the list of names made anew; to stdout
#
# From the table of the symbol test (api-symbols.tsv, api-absent.tsv) and api-notes.tsv:
#
#   SYMBOL  STATE  TEXT
#
# STATE: better (how), refused (why), or overload (TEXT is the documented form, which C needs
# another name for). What has none is as documented.
use strict;
use warnings;

my $page = 'descriptors/README.md';
my $mark = qr/^<!-- names: .*-->$/;

sub rows {
    my ($file) = @_;
    open my $in, '<', $file or die "$file: $!\n";
    chomp(my @lines = <$in>);
    return map { [split /\t/] } @lines;
}

my %note;
$note{ $_->[0] }{ $_->[1] } = $_->[2] for rows('tests/outside/api-notes.tsv');
my @symbols = rows('tests/outside/api-symbols.tsv');
my %known = map { $_->[0] => 1 } @symbols;
for my $symbol (sort keys %note) {
    $known{$symbol} or die "api-notes.tsv: $symbol is no name of api-symbols.tsv\n";
    /^(better|refused|overload)$/ or die "api-notes.tsv: $symbol: $_ is no state\n" for keys %{ $note{$symbol} };
}

my %class = map { /^((?:IO|OS)\w+?)_metaClass$/ ? ($1 => 1) : () } keys %known;
$class{$_} = 1 for 'IORangeAllocator', 'OSMetaClass', 'OSMetaClassBase', 'OSArray';

sub class_of {
    my ($symbol) = @_;
    my ($name) = $symbol =~ /^([A-Za-z]+)_/ or return '';
    return $class{$name} ? $name : '';
}

sub documented {
    my ($symbol, $kind) = @_;
    return $note{$symbol}{overload} if $note{$symbol}{overload};
    return "class $1" if $symbol =~ /^(\w+)_metaClass$/;
    my $class = class_of($symbol) or return $symbol;
    return $class . '::' . substr($symbol, length($class) + 1);
}

sub state {
    my ($row) = @_;
    my ($symbol, $mark) = @$row[0, 4];
    return 'not yet' if defined $mark;
    return "**refused**: $note{$symbol}{refused}" if $note{$symbol}{refused};
    return "*better*: $note{$symbol}{better}" if $note{$symbol}{better};
    return '';
}

sub table {
    my (@rows) = @_;
    my $text = "| documented | in C | |\n|---|---|---|\n";
    for my $row (@rows) {
        $text .= sprintf "| %s | `%s` | %s |\n", map({ s/\|/\\|/gr } documented(@$row)), $row->[0], state($row);
    }
    return $text;
}

my (%of, @constants, @others);
for my $row (@symbols) {
    my ($symbol, $kind) = @$row;
    if ($kind eq 'constant') {
        push @constants, $row;
    } elsif (my $class = class_of($symbol)) {
        push @{ $of{$class} }, $row;
    } else {
        push @others, $row;
    }
}

my $names = '';
for my $class (sort keys %of) {
    my $header = "$class.h";
    $names .= "\n### $class" . (-e "descriptors/$header" ? " ([`$header`]($header))" : '') . "\n\n" . table(@{ $of{$class} });
}
$names .= "\n### Functions, types and macros\n\n" . table(@others);
$names .= "\n### Constants\n\nWith the values that they have in IOKit, which the compiler checks in the symbol test.\n";
my %subject;
push @{ $subject{ defined $_->[4] ? 'not yet' : $_->[2] } }, "`$_->[0]`" for @constants;
$names .= "\n" . ($_ eq 'not yet' ? 'Not yet (DriverKit)' : ucfirst) . ': ' . join(', ', @{ $subject{$_} }) . ".\n"
    for sort { ($a eq 'not yet') <=> ($b eq 'not yet') || $a cmp $b } keys %subject;
$names .= "\n### Names that are none here\n\n| name | why |\n|---|---|\n";
$names .= "| `$_->[0]` | $_->[1] |\n" for rows('tests/outside/api-absent.tsv');

my %count = (all => scalar @symbols);
for my $row (@symbols) {
    my $state = state($row);
    $count{ $state =~ /^\*\*/ ? 'refused' : $state =~ /^\*/ ? 'better' : $state ? 'pending' : 'same' }++;
}
my $sum = sprintf "%d names: %d as documented, %d better, %d refused%s.\n", $count{all}, $count{same} // 0,
    $count{better} // 0, $count{refused} // 0,
    $count{pending} ? ", $count{pending} (DriverKit) not there yet" : '';

open my $in, '<', $page or die "$page: $!\n";
my $inside = 0;
while (my $line = <$in>) {
    chomp $line;
    if ($line =~ $mark) {
        $inside = !$inside;
        print "$line\n", $inside ? "\n$sum$names\n" : '';
    } elsif (!$inside) {
        print "$line\n";
    }
}
