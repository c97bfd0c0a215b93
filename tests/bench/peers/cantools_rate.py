"""Decodes the frames of a file with cantools: cantools_rate.py DBC FRAMES SECONDS.

A frame is 13 octets: identifier (low octet first), length, eight of data. Prints {"frames_per_second", "sum"}; the sum
is that of all raw integers of one pass, to be compared with another decoder's.
"""

import json
import sys
import time

import cantools

database = cantools.database.load_file(sys.argv[1])
octets = open(sys.argv[2], "rb").read()
at_least = float(sys.argv[3])
frames = []
for at in range(0, len(octets), 13):
    number, length = int.from_bytes(octets[at : at + 4], "little"), octets[at + 4]
    frames.append((number, octets[at + 5 : at + 5 + length]))

total = 0
for number, data in frames:
    total += sum(database.decode_message(number, data, scaling=False, decode_choices=False).values())


def rate(**options):
    decode = database.decode_message
    done, began = 0, time.perf_counter()
    while True:
        for number, data in frames:
            decode(number, data, **options)
        done += len(frames)
        elapsed = time.perf_counter() - began
        if elapsed >= at_least:
            return done / elapsed


scaled = rate(decode_choices=False)
raw = rate(scaling=False, decode_choices=False)
print(json.dumps({"frames_per_second": scaled, "raw_frames_per_second": raw, "sum": total}))
