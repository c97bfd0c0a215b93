"""Slaves of pymodbus on a serial line: pymodbus_slaves.py DEVICE BAUD.

Address 1 is a charger with the registers of the profile cn-pile-v2, address 11 a meter with those of acrel-djsf1352-rn;
registers that those maps do not have are refused by pymodbus. Says "ready", and each write as "wrote ADDRESS START VALUES".
"""

import asyncio
import functools
import logging
import sys

from pymodbus.server import ModbusSerialServer
from pymodbus.simulator import DataType, SimData, SimDevice

logging.disable(logging.CRITICAL)


def registers(address, *values):
    return SimData(address, values=list(values), datatype=DataType.REGISTERS)


async def heard(unit, _function, _start, address, _count, _registers, values):
    if values:  # pymodbus reads a register back after it was written
        print("wrote", unit, f"{address:04X}", *(f"{int(v):04X}" for v in values), flush=True)


def device(unit, *blocks):
    return SimDevice(unit, simdata=list(blocks), action=functools.partial(heard, unit))


# pile 1, gun 1, charging, DC, 88 %, connected, 598.7 V, 180.4 A, 108.0 kW, 3720 s, 187.4 kWh, 0 yuan, 5234.5 kWh
charger = device(1, registers(0, 1, 1, 2, 1, 88, 1, 5987, 1804, 1080, 3720, 1874, 0, 52345), registers(0x2000, 1200), registers(0x3000, 0))
# 598.7 V, 180.4 A (exponents 2), 12 345 670 Wh in registers 12 and 13, ratio 1, 250 V
meter = device(11, registers(0, 5987, 2, 1804, 2, 0, 0, 0, 0, 1080, 3, 0, 0, 12345670 >> 16, 12345670 & 0xFFFF, 0, 0, 1, 250, 0, 0), registers(30, 0x1A0B, 0x1906, 0x0000, 0x0102, 0, 100))


def silent_for_others(is_sending, octets):
    """pymodbus 3.16 refuses questions to devices that are not there; on a line nobody answers those."""
    return b"" if is_sending and octets[0] not in (charger.id, meter.id) else octets


async def serve():
    server = ModbusSerialServer(
        [charger, meter], port=sys.argv[1], baudrate=int(sys.argv[2]), trace_packet=silent_for_others
    )
    serving = asyncio.create_task(server.serve_forever())
    await asyncio.sleep(0.1)
    print("ready", flush=True)
    await serving


asyncio.run(serve())
