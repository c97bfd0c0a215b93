"""What is outside the machine: the simulated depot with its lines, and the platform. Both survive when the machine is cut off."""

import re
import subprocess
from pathlib import Path

from machine import Failed, free_port


# The bus of the chargers.
CHARGERS = "can-2"


class Program:
    """A program of the simulator that answers typed commands, one line each."""

    def __init__(self, log: Path, *command):
        self.log = open(log, "w")
        self.process = subprocess.Popen(
            [str(part) for part in command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log, text=True
        )
        self.ready = self._line()
        if not self.ready.startswith("ready "):
            raise Failed(f"{command[0]}: {self.ready}")

    def _line(self):
        line = self.process.stdout.readline()
        if not line:
            raise Failed(f"a simulator ended: see {self.log.name}")
        return line.strip()

    def say(self, command):
        """Types a command; gives the answer."""
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()
        while True:
            line = self._line()
            if line.startswith(("ok", "error")):
                return line

    def end(self):
        """Lets it end; gives its exit status and its last words."""
        try:
            rest, _ = self.process.communicate("quit\n", timeout=60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            rest = ""
        return self.process.returncode, rest


class Site:
    """A depot that charges without end, and its platform: a Modbus charger with a tap, two chargers on CAN whose buses
    start by their VIN. The chargers' bus becomes a SocketCAN interface inside, the tap stays an slcan adapter."""

    def __init__(self, work: Path, depotsim: Path, seed: int):
        self.dir = work / "depot"
        self.port = free_port()
        journal = work / "platform.journal"
        self.depot = Program(
            work / "depot.log", depotsim, "depot", "--dir", self.dir, "--scenario", "can", "--seed", seed,
            "--platform", f"10.0.2.2:{self.port}",
        )
        self.platform = Program(
            work / "platform.log", depotsim, "platform", "--listen", f"127.0.0.1:{self.port}", "--journal", journal,
            "--scenario", "can", "--seed", seed,
        )
        self.lines = sorted(path for path in self.dir.iterdir() if path.is_symlink())

    def port_of(self, name):
        """Which port a line is inside the machine."""
        return f"/dev/ttyS{4 + [line.name for line in self.lines].index(name)}"

    def configuration(self):
        """depotd.toml as it has to be inside the machine, and the secrets beside it."""
        text = (self.dir / "depotd.toml").read_text()
        for line in self.lines:
            text = text.replace(f'"{line}"', f'"{self.port_of(line.name)}"')
        text = text.replace(f'device = "{self.port_of(CHARGERS)}"', 'interface = "can0"')
        text = text.replace(f"{self.dir}/depotd.db", "/var/lib/depotd/depotd.db")
        text = text.replace(f"{self.dir}/control.sock", "/run/depotd/control.sock")
        secrets = {}
        for path in re.findall(re.escape(str(self.dir)) + r"/([\w.-]+)", text):
            secrets[path] = (self.dir / path).read_bytes()
        return text.replace(str(self.dir), "/etc/depotd/secrets"), secrets

