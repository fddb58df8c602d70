# SPDX-License-Identifier: BSD-2-Clause
#
# compilations.awk: what `make -nB` would run, as compile_commands.json
#
# One entry for each C file and each time it is compiled, with its own flags.
# Usage: make -nB all host | awk -v folder="$PWD" -f compilations.awk
/ -c -o [^ ]+ [^ ]+\.c$/ {
    source = $NF
    gsub(/["\\]/, "\\\\&")
    printf "%s{\"directory\": \"%s\", \"file\": \"%s\", \"command\": \"%s\"}", separator, folder, source, $0
    separator = ",\n"
}
BEGIN { gsub(/["\\]/, "\\\\&", folder); print "[" }
END { print "\n]" }
