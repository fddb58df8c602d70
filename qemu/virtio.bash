# SPDX-License-Identifier: BSD-2-Clause
#
# Which bus virtio devices are on. Sources and scripts write QEMU's names of those on
# virtio-mmio (virtio-blk-device); a profile with virtio=pci has them on PCI, with
# $virtio_options (",NAME=VALUE"...) behind their names.

# virtio_word WORD: what stands for this word of QEMU's command line, in $virtio_word.
virtio_word()
{
    local options
    virtio_word=$1
    if [[ ${virtio-} == pci && $1 == vhost-user-blk,* ]]; then
        virtio_word=vhost-user-blk-pci,disable-legacy=on${1#vhost-user-blk}
    fi
    [[ ${virtio-} == pci && $1 =~ ^virtio-(blk|rng)-device(,.*)?$ ]] || return 0
    options=${BASH_REMATCH[2]}
    virtio_word=virtio-${BASH_REMATCH[1]}-pci${virtio_options-}
    # On mmio every ring has room for 1024; here QEMU has to be told, and a disk whose chains
    # lie in the ring has a use for it.
    [[ $options != *indirect_desc=off* ]] || virtio_word+=,queue-size=1024
    # What is behind an I/O memory-management unit has no legacy interface.
    [[ $options != *iommu_platform=on* || $virtio_word == *disable-legacy=* ]] || virtio_word+=,disable-legacy=on
    virtio_word+=$options
}
