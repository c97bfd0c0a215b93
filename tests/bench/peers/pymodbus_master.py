"""A master on pymodbus: pymodbus_master.py DEVICE BAUD SECONDS GAP_US COUNT ADDRESS…

Asks each address in turn for COUNT holding registers from 0, with the silent gap before each question, and prints
{"good", "failed", "wrong"} after SECONDS. The response time-out is 500 ms, without repeats.
"""

import json
import logging
import sys
import time

from pymodbus.client import ModbusSerialClient
from pymodbus.exceptions import ModbusException

logging.disable(logging.CRITICAL)
device, baud, seconds, gap_us, count = sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4]), int(sys.argv[5])
addresses = [int(a) for a in sys.argv[6:]]
line = ModbusSerialClient(device, baudrate=baud, timeout=0.5, retries=0)
assert line.connect(), device
good = failed = wrong = 0
until = time.perf_counter() + seconds
while time.perf_counter() < until:
    for address in addresses:
        time.sleep(gap_us / 1e6)
        try:
            reply = line.read_holding_registers(0, count=count, device_id=address)
        except ModbusException:
            failed += 1
            continue
        if reply.isError():
            failed += 1
        elif reply.registers[1] != (address << 8 | 1):
            wrong += 1
        else:
            good += 1
print(json.dumps({"good": good, "failed": failed, "wrong": wrong}))
