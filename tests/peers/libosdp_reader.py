"""A card reader of libosdp on a serial line: libosdp_reader.py DEVICE ADDRESS [KEY].

With KEY (32 hexadecimal digits) nothing but the secure channel is accepted. Says "ready", "secure" when the channel is up,
and each command as "command NAME …". A line "card HEX" on standard input shows a card of so many octets.
"""

import os
import sys
import threading
import time
import tty

import osdp
from osdp import Capability, CardFormat, Channel, Command, Event, LibFlag, LogLevel, PDCapabilities, PDInfo, PeripheralDevice

line = os.open(sys.argv[1], os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
tty.setraw(line)
NAMES = {Command.Output: "output", Command.Buzzer: "buzzer", Command.LED: "led", Command.Text: "text", Command.Comset: "comset", Command.Keyset: "keyset"}


class Line(Channel):
    def read(self, max_bytes):
        try:
            return os.read(line, max_bytes)
        except BlockingIOError:
            return b""

    def write(self, octets):
        return os.write(line, octets)

    def flush(self):
        while self.read(512):
            pass


def heard(command):
    rest = {key: value for key, value in command.items() if key != "command"}
    print("command", NAMES.get(command["command"], command["command"]), rest, flush=True)
    return 0, None


key = bytes.fromhex(sys.argv[3]) if len(sys.argv) > 3 else None
flags = [LibFlag.EnforceSecure] if key else []
abilities = PDCapabilities([
    (Capability.LEDControl, 4, 1),
    (Capability.AudibleControl, 1, 1),
    (Capability.TextOutput, 1, 1),
    (Capability.CheckCharacter, 1, 1),
    (Capability.CommunicationSecurity, 1, 1),
    (Capability.CardDataFormat, 1, 1),
])
info = PDInfo(int(sys.argv[2]), Line(), scbk=key, flags=flags, name="reader")
reader = PeripheralDevice(info, abilities, log_level=LogLevel.Critical, command_handler=heard)
reader.start()
print("ready", flush=True)


def watch():
    was_secure = False
    while True:
        is_secure = reader.is_sc_active()
        if is_secure != was_secure:
            print("secure" if is_secure else "plain", flush=True)
            was_secure = is_secure
        time.sleep(0.02)


threading.Thread(target=watch, daemon=True).start()
for typed in sys.stdin:
    words = typed.split()
    if words and words[0] == "card":
        octets = bytes.fromhex(words[1])
        reader.submit_event({
            "event": Event.CardRead,
            "reader_no": 0,
            "direction": 0,
            "format": CardFormat.Unspecified,
            "length": 8 * len(octets),
            "data": octets,
        })
        print("shown", flush=True)
os._exit(0)
