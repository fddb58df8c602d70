#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# The examples for two CI systems are what these systems read: YAML with jobs and steps,
# of the version that this is, and each of their shell lines is one.
# NEEDS: yaml
. tests/outside/tap.bash

cat >"$work/read.py" <<'END'
import sys, yaml
system, name = sys.argv[1:]
with open(name) as file:
    tree = yaml.safe_load(file)
if system == "github":
    # YAML 1.1 reads the key `on` as a truth value.
    assert {"name", "jobs"} <= set(tree) and ("on" in tree or True in tree)
    steps = [step for job in tree["jobs"].values() for step in job["steps"]]
    assert all(("run" in step) != ("uses" in step) for step in steps)
    assert all("runs-on" in job for job in tree["jobs"].values())
    lines = [step["run"] for step in steps if "run" in step]
else:
    jobs = [job for job in tree.values() if "script" in job]
    assert jobs
    lines = [line for job in jobs for line in job.get("before_script", []) + job["script"]]
assert all(isinstance(line, str) for line in lines)
print("\n".join(lines))
END

version=$(embed/version.sh kernel/version.h)
for system in github gitlab; do
    file=embed/ci/$system.yml
    run python3 "$work/read.py" $system "$file"
    check "$file is YAML of $system's kind" ended 0
    check "$file installs, builds and boots" eval \
        'said "make -C dmakit install PREFIX=/opt/dmakit" && said "--specs=/opt/dmakit/lib/dmakit.specs" && said "bin/dmakit-run"'
    cp "$out" "$work/lines.sh"
    run bash -n "$work/lines.sh"
    check "$file's lines are shell" ended 0
    run cat "$file"
    check "$file names this version" said "v${version//./\\.}"
done
