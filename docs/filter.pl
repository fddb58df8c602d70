#!/usr/bin/perl
# SPDX-License-Identifier: BSD-2-Clause
#
# filter.pl HEADER: the header as Doxygen reads it, to stdout, line for line
#
# Here a plain comment documents what follows it up to the next empty line: one function, or
# several that belong together. Behind a member, an enumerator or a macro it documents that
# one. The first comment of a file, before its guard, is the manual of all of it. A structure's
# comment is also that of its members that have none; nothing else goes without. What is
# "Behind the macros" is no part of the interface.
use strict;
use warnings;

local $/;
open my $in, '<', $ARGV[0] or die "$ARGV[0]: $!\n";
my $text = <$in>;
$text =~ s~^/\* SPDX[^\n]*~~;
$text =~ s~^#include[^\n]*~~gm;    # each header is shown for itself

my ($open, $close, $same) = ('/**@{*/', '/**@}*/', '/**< See above. */');
my $comment = qr~/\*((?:[^*]|\*(?!/))*)\*/~;
my $braces;    # { ... }, nested
$braces = qr~\{(?:[^{}]|(??{ $braces }))*\}~;

# The words of a comment, with what means something to Doxygen made plain. Indented lines are
# code.
sub words {
    my ($words) = @_;
    my $is_code = 0;
    my @lines;
    for my $line (split /\n/, $words, -1) {
        my $was_code = $is_code;
        $is_code = $line =~ /^ \*(?: {4,}|\t)\S/ || ($was_code && $line =~ /^ \*\s*$/);
        $line =~ s/([\\@#<>%&\$])/\\$1/g if !$is_code;
        $line =~ s/^ \*/ * \@verbatim/ if $is_code && !$was_code;
        $line =~ s/^( \*|)/$1 \@endverbatim / if $was_code && !$is_code;
        push @lines, $line;
    }
    return join "\n", @lines;
}

# Comments behind code, on its line; not those that stand alone.
sub behind_of_one {
    my ($before, $words) = @_;
    return "$before /*$words*/" if $before =~ m{^\s*(?:\*|/\*)};
    return "$before /**<" . words($words) . '*/';
}

sub behind {
    my ($code) = @_;
    $code =~ s~^([^\n]*[^\s/*][^\n]*?)[ \t]*$comment(?=[ \t]*$)~behind_of_one($1, $2)~gme;
    return $code;
}

# Members without words have those of their structure.
sub same {
    my ($lines) = @_;
    $lines =~ s/;([ \t]*)$/; $same$1/gm;
    return $lines;
}

sub members_of_one {
    my ($head, $body) = @_;
    $body = substr $body, 1, -1;
    if ($head =~ /enum/) {
        $body =~ s~^(\s*\w[^\n/(]*?)(,?)[ \t]*$~$1$2 $same~gm;
    } else {
        $body = same($body);
    }
    return "$head\{$body\}";
}

sub members {
    my ($code, $depth) = @_;
    $code =~ s~((?:struct|union|enum)\b[^;{()#]*)($braces)~members_of_one($1, $2)~ge;
    # A structure with empty lines in it: what begins or goes on here.
    $code =~ s~\A([^{}]*)(?=\}|\z)~same($1)~e if $depth > 0;
    $code =~ s~((?:struct|union)\b[^;{()#]*\{)([^{}]*)\z~$1 . same($2)~e;
    return $code;
}

# Braces that are open behind some code, more than before it.
sub depth {
    my ($code) = @_;
    $code =~ s~$comment~~g;
    return ($code =~ tr/{//) - ($code =~ tr/}//);
}

# How many things a paragraph declares.
sub declared {
    my ($code) = @_;
    $code =~ s~$comment~~g;
    $code =~ s~$braces~~g;
    $code =~ s~\{[^{}]*\z~;~;
    my $macros = () = $code =~ /^[ \t]*#[ \t]*define/gm;
    $code =~ s~^[ \t]*#(?:[^\n]*\\\n)*[^\n]*~~gm;
    my $others = () = $code =~ /;/g;
    $others++ if $others == 0 && $code =~ /\S/;
    return $macros + $others;
}

my $is_first = 1;
my $is_open = 0;
my $depth = 0;
my $is_hidden = 0;
my @parts = split /(\n(?:[ \t]*\n)+)/, $text;
for my $i (0 .. $#parts) {
    my $part = $parts[$i];
    if (!$is_hidden && $part =~ s~\A(\s*)/\* Behind the macros~$1/** \@cond */ /* Behind the macros~) {
        $is_hidden = 1;
    } elsif ($is_hidden || $part =~ m~\A\s*/\* --- ~) {
        # as it is: a heading documents nothing
    } elsif ($part !~ /\A\s*\z/ && $part =~ m~\A(\s*)$comment(.*)\z~s) {
        my ($lead, $words, $code) = ($1, $2, $3);
        if ($is_first) {
            print "$lead/** \@file\n", words($words) =~ s/^\n//r, "*/$code";
            $is_first = 0;
            next;
        }
        $is_open = $depth == 0 && declared($code) > 1;
        print $lead, '/**', words($words), '*/', $is_open ? " $open" : '';
        $part = $code;
    } elsif ($is_open && $depth == 0 && $part =~ /\A\s*\z/) {
        $part =~ s/\n[ \t]*\n/\n$close\n/;
        $is_open = 0;
    }
    my $made = members(behind($part), $depth);
    # A comment behind several members is each one's.
    $made =~ s~^([ \t]+)(\w[^;(){}\n]*,[^;(){}\n]*;)[ \t]*/\*\*<([^\n]*?)\*/[ \t]*$~$1/**$3*/ $open $2 $close~gm;
    $made =~ s~(\n?)\z~ /** \@endcond */$1~ if $is_hidden && $i == $#parts;
    print $made;
    $depth += depth($part);
}
