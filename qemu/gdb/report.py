# SPDX-License-Identifier: BSD-2-Clause
"""The files of a report: a page for people, the same for Perfetto, and pictures.

With DMAKIT_PICTURE=names in the environment the pictures have names in place of addresses, as
pictures in documents have, which are to be the same whenever the image does the same.
"""
import json
import os

import memory_map
from chrome_trace import chrome
from page import page
from picture import picture
from recording import Recording


def write(path, name, status):
    reports = []
    if os.environ.get('DMAKIT_REPORTS'):
        with open(os.environ['DMAKIT_REPORTS'], encoding='utf-8', errors='replace') as file:
            reports = [text for text in file.read().split('\0') if text]
    run = Recording(name, status, reports)
    plain = os.environ.get('DMAKIT_PICTURE') == 'names'
    files = {'.json': json.dumps(chrome(run), indent=1) + '\n', '.svg': picture(run, plain=plain),
             '.memory.svg': memory_map.picture(plain), '': page(run)}
    for suffix, text in files.items():
        with open(path + suffix, 'w', encoding='utf-8') as out:
            out.write(text)
