"""Reads slcan lines from memory with python-can: slcan_rate.py LINES SECONDS. Prints {"frames_per_second", "sum"}."""

import json
import sys
import time

from can.interfaces.slcan import slcanBus

octets = open(sys.argv[1], "rb").read()
at_least = float(sys.argv[2])


class Memory:
    """The part of a serial port that the bus reads from: all that is there, at once."""

    def __init__(self):
        self.at = 0

    @property
    def in_waiting(self):
        return len(octets) - self.at

    def read(self, size=1):
        piece = octets[self.at : self.at + size]
        self.at += len(piece)
        return piece

    def write(self, data):
        return len(data)

    def flush(self):
        pass

    def close(self):
        pass


bus = slcanBus("loop://", bitrate=250000, sleep_after_open=0)
port = bus.serialPortOrig


def one_pass():
    bus.serialPortOrig = Memory()
    count, total = 0, 0
    while True:
        message = bus.recv(0)
        if message is None:
            return count, total
        count += 1
        total += message.arbitration_id + sum(message.data)


_, total = one_pass()
done, began = 0, time.perf_counter()
while True:
    done += one_pass()[0]
    elapsed = time.perf_counter() - began
    if elapsed >= at_least:
        break
bus.serialPortOrig = port
print(json.dumps({"frames_per_second": done / elapsed, "sum": total}))
