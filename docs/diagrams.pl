#!/usr/bin/perl
# SPDX-License-Identifier: BSD-2-Clause
#
# diagrams.pl states|classes <PREPROCESSED: a picture of a table of the code, as SVG on stdout
#
# PREPROCESSED are lines that pictures.sh has the compiler make of the table:
#   states    STATE event STATE
#   classes   CLASS PARENT, or CLASS alone
use strict;
use warnings;

my $what = shift // '';
my @rows = map { [split] } grep { /\S/ } <STDIN>;
@rows or die "diagrams.pl: the table is empty\n";

my @out;
sub text { my ($x, $y, $text, $class) = @_; push @out, sprintf '<text x="%d" y="%d"%s>%s</text>', $x, $y, $class ? " class=\"$class\"" : '', $text }

# A state is a box, in the order in which the table first comes to it; an arrow goes to the right
# above the boxes, and to the left below.
sub states {
    my (%at, @order, %along);
    $at{$_} //= push @order, $_ for map { @$_[0, 2] } @rows;
    my $x = sub { 40 + 220 * ($at{ $_[0] } - 1) };
    push @{ $along{"$_->[0] $_->[2]"} }, $_->[1] for @rows;
    my ($middle, $above, $below) = (200, 0, 0);
    for my $arrow (sort { abs($at{ (split / /, $a)[0] } - $at{ (split / /, $a)[1] }) <=> abs($at{ (split / /, $b)[0] } - $at{ (split / /, $b)[1] }) || $a cmp $b } keys %along) {
        my ($from, $to) = split / /, $arrow;
        my $words = join ', ', @{ $along{$arrow} };
        my ($start, $end) = ($x->($from) + 70, $x->($to) + 70);
        if ($from eq $to) {
            push @out, sprintf '<path d="M %d %d C %d %d %d %d %d %d"/>', $start - 20, $middle - 20, $start - 60, $middle - 90, $start + 60, $middle - 90, $start + 20, $middle - 20;
            text($start - 10, $middle - 80, $words, 'small');
        } elsif ($end > $start) {
            my $y = $middle - 20 - 55 * ++$above;
            push @out, sprintf '<path d="M %d %d Q %d %d %d %d"/>', $start + 10, $middle - 20, ($start + $end) / 2, $y, $end - 15, $middle - 22;
            text(($start + $end) / 2 - 20, ($y + $middle - 20) / 2 - 4, $words, 'small');
        } else {
            my $y = $middle + 20 + 55 * ++$below;
            push @out, sprintf '<path d="M %d %d Q %d %d %d %d"/>', $start - 10, $middle + 20, ($start + $end) / 2, $y, $end + 15, $middle + 22;
            text(($start + $end) / 2 - 20, ($y + $middle + 20) / 2 + 12, $words, 'small');
        }
    }
    for my $state (@order) {
        push @out, sprintf '<rect class="box" x="%d" y="%d" width="140" height="40" rx="6"/>', $x->($state), $middle - 20;
        text($x->($state) + 12, $middle + 5, $state);
    }
    return (40 + 220 * @order, $middle + 60 + 28 * $below, 'states of an IODMACommand');
}

# Each class behind its parent, one a line, in the order of the table.
sub classes {
    my (%children, @roots, $line);
    for (@rows) {
        my ($class, $parent) = @$_;
        defined $parent ? push @{ $children{$parent} }, $class : push @roots, $class;
    }
    my $widest = 0;
    my $draw;
    $draw = sub {
        my ($class, $depth) = @_;
        my $y = 40 + 30 * $line++;
        my $x = 20 + 60 * $depth;
        push @out, sprintf '<rect class="box" x="%d" y="%d" width="%d" height="24" rx="3"/>', $x, $y, 20 + 7.3 * length $class;
        text($x + 8, $y + 16, $class);
        $widest = $x + 20 + 8 * length $class if $x + 20 + 8 * length $class > $widest;
        for my $child (@{ $children{$class} // [] }) {
            push @out, sprintf '<path class="plain" d="M %d %d V %d H %d"/>', $x + 20, $y + 24, 52 + 30 * $line, $x + 60;
            $draw->($child, $depth + 1);
        }
    };
    $line = 0;
    $draw->($_, 0) for @roots;
    $line == @rows or die "diagrams.pl: a class without its parent\n";
    return ($widest + 20, 50 + 30 * $line, 'the classes, each under its parent');
}

my ($width, $height, $title) = $what eq 'states' ? states() : $what eq 'classes' ? classes() : die "diagrams.pl: states or classes?\n";
print qq{<svg xmlns="http://www.w3.org/2000/svg" width="$width" height="$height" viewBox="0 0 $width $height" role="img" aria-labelledby="title">
<title id="title">$title</title>
<style>
svg { font: 12px monospace; color-scheme: light dark } .back { fill: #fff } text { fill: #1b1b1b } .small { font: 11px sans-serif }
rect.box { fill: #e8eef7; stroke: #55677d } path { fill: none; stroke: #55677d; marker-end: url(#tip) } path.plain { marker-end: none } #tip path { fill: #55677d; marker-end: none }
\@media (prefers-color-scheme: dark) { .back { fill: #16181c } text { fill: #e6e6e6 } rect.box { fill: #27364a; stroke: #8fa5c0 } path { stroke: #8fa5c0 } #tip path { fill: #8fa5c0 } }
</style>
<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" orient="auto"><path d="M 0 0 L 8 4 L 0 8 z"/></marker></defs>
<rect class="back" width="$width" height="$height"/>
<text x="10" y="20">$title</text>
}, map("$_\n", @out), "</svg>\n";
