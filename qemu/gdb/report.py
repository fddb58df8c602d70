# SPDX-License-Identifier: BSD-2-Clause
"""The files of a report: a page for people, the same for Perfetto, and a picture of a request."""
import json

from chrome_trace import chrome
from page import page
from picture import picture
from recording import Recording


def write(path, name, status):
    run = Recording(name, status)
    files = {'.json': json.dumps(chrome(run), indent=1) + '\n', '.svg': picture(run),
             '': page(run)}
    for suffix, text in files.items():
        with open(path + suffix, 'w', encoding='utf-8') as out:
            out.write(text)
