# SPDX-License-Identifier: BSD-2-Clause
#
# The devices that can move a file, for the scripts of this folder: NAME[,OPTION=VALUE]...
#
# A device is a file of devices/ with its name. Its first comment line says what it is, each
# further one "OPTION=VALUE: " what that does. It sets device_options (the names of its options)
# and device_ways (what WAY= may be with it), and has functions: device_OPTION VALUE for each,
# which takes the value or answers 1, and device_plug FILE ROLE READ-ONLY (on, off), which makes
# FILE what the image finds as its "source" or "target". It may set device_kind, which is what the
# image knows the source's kind by, if that is not the device's name. They add words to bootargs and to device_qemu
# (options of QEMU), and set memory (-m) where they ask for some, and device_machine to what
# the machine must have; a device with that is of use without a FILE, too. Of vdma device_door is by
# which door it is wanted (vdma.bash), or any, and device_limits which limits; the caller sees to it.
#
# The caller has a function refuse MESSAGE, which does not return.

# devices FOLDER: what there is.
devices()
{
    local file
    for file in "$1"/*; do
        sed -n "1s/^# /${file##*/}: /p; 2,/^\$/s/^# /    /p" "$file"
    done
}

# device WORD FOLDER: read it, and take its options. The rest of the word behind file= is
# $device_file, commas and all.
device()
{
    local word=$1 file options option
    device_name=${word%%,*}
    options=${word:${#device_name}}
    file=$2/$device_name
    device_kind=$device_name
    device_qemu=()
    device_machine=
    device_file=
    device_door=
    [[ $device_name =~ ^[a-z0-9_-]+$ && -f $file ]] ||
        refuse "unknown device '$device_name'; there are: $(cd "$2" && echo *)"
    # shellcheck source=/dev/null
    . "$file"
    while [ -n "$options" ]; do
        options=${options#,}
        if [[ $options == file=* ]]; then
            device_file=${options#file=}
            break
        fi
        option=${options%%,*}
        options=${options:${#option}}
        [[ $option == *=* && " ${device_options[*]} " == *" ${option%%=*} "* ]] ||
            refuse "$device_name has no option '${option%%=*}'; there are: $(
                sed -n '2,/^$/s/^# \([^:]*\):.*/\1/p' "$file" | paste -sd' ')"
        "device_${option%%=*}" "${option#*=}" ||
            refuse "$device_name, $option: $(sed -n "s/^# ${option%%=*}=[^:]*: //p" "$file")"
    done
    [[ $device_door != process || -z $device_machine ]] ||
        refuse "$device_name, door=process: only the door at EL2 sees what the CPU does (watch, then, hold)"
}

# device_fits MACHINE PROFILE: refuse one that has not what the device must have.
device_fits()
{
    [[ -z $device_machine || ",$1," == *",$device_machine,"* ]] ||
        refuse "$device_name is watched from EL2, which machine '$2' has not; el2 and el2v3 have it"
}

# address_bits VALUE: an option of any device; RAM lies on both sides of 31 and of 32 then.
address_bits()
{
    [[ $1 =~ ^[0-9]{1,2}$ ]] && ((10#$1 >= 12 && 10#$1 <= 64)) || return 1
    bootargs+=" transfer.bits=$((10#$1))"
    memory=4G
}
