"""One virtual machine: Debian 12 with systemd, a disk for the state of the station, serial lines and a way to say things.

What is outside (chargers, meters, platform) runs on the host and survives when the machine is cut off."""

import base64
import os
import socket
import subprocess
import time
from pathlib import Path


class Failed(Exception):
    """A check did not hold."""


class Machine:
    """Serial lines are chardev paths on the host; they appear in the guest as /dev/ttyS4, ttyS5, ... (eight at most)."""

    def __init__(self, images: Path, work: Path, payload: Path, lines: list):
        self.images, self.work, self.lines = images, work, lines
        self.root, self.state, self.payload = work / "root.qcow2", work / "state.img", work / "payload.img"
        self.qemu = None
        self.agent = None
        self.boots = 0
        run("qemu-img", "create", "-q", "-f", "qcow2", "-F", "raw", "-b", images / "base.img", self.root)
        run("mke2fs", "-q", "-t", "ext4", self.state, "256M")
        run("mke2fs", "-q", "-t", "ext4", "-d", payload, self.payload, "64M")

    def start(self, patience=180):
        """Boots, and waits until it obeys."""
        console, agent = self.work / "console.log", self.work / "agent.sock"
        agent.unlink(missing_ok=True)
        disk = "if=none,cache=writeback,discard=unmap"
        command = [
            "qemu-system-x86_64", "-nodefaults", "-nographic", "-no-reboot", "-m", "768", "-smp", "2",
            "-accel", os.environ.get("VM_ACCEL", "tcg,thread=multi"), "-cpu", "max",
            "-kernel", self.images / "vmlinuz", "-initrd", self.images / "initrd.img",
            "-append", "root=/dev/vda rw console=ttyS0 quiet systemd.show_status=0 net.ifnames=0 random.trust_cpu=1 8250.nr_uarts=12",
            "-drive", f"file={self.root},format=qcow2,id=d0,{disk}", "-device", "virtio-blk-pci,drive=d0",
            "-drive", f"file={self.state},format=raw,id=d1,{disk}", "-device", "virtio-blk-pci,drive=d1",
            "-drive", f"file={self.payload},format=raw,id=d2,{disk},readonly=on", "-device", "virtio-blk-pci,drive=d2",
            "-chardev", f"file,id=con,path={console},append=on", "-serial", "chardev:con",
            "-device", "virtio-serial-pci",
            "-chardev", f"socket,id=agent,path={agent},server=on,wait=off", "-device", "virtconsole,chardev=agent",
            "-netdev", "user,id=n0,restrict=off", "-device", "virtio-net-pci,netdev=n0",
            "-device", "virtio-rng-pci", "-rtc", "base=utc,clock=host",
        ]
        for number in range(8):
            there = number < len(self.lines)
            command += ["-chardev", f"serial,id=line{number},path={self.lines[number]}" if there else f"null,id=line{number}"]
        for card in range(2):
            ports = [f"chardev{port + 1}=line{4 * card + port}" for port in range(4)]
            command += ["-device", "pci-serial-4x," + ",".join(ports)]
        log = open(self.work / "qemu.log", "ab")
        self.qemu = subprocess.Popen([str(part) for part in command], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.boots += 1
        deadline = time.monotonic() + patience
        self.agent = self._connect(agent, deadline)
        self.buffer = b""
        self._await_ready(deadline)

    def _connect(self, path, deadline):
        while time.monotonic() < deadline:
            if self.qemu.poll() is not None:
                raise Failed(f"qemu ended: see {self.work}/qemu.log")
            try:
                agent = socket.socket(socket.AF_UNIX)
                agent.connect(str(path))
                return agent
            except OSError:
                time.sleep(0.1)
        raise Failed("qemu opened no console")

    def _await_ready(self, deadline):
        while True:
            line = self._line(deadline)
            if line.endswith(b"ready"):
                return

    def _line(self, deadline):
        while b"\n" not in self.buffer:
            left = deadline - time.monotonic()
            if left <= 0:
                raise Failed(f"the machine says nothing; its console is {self.work}/console.log")
            self.agent.settimeout(left)
            try:
                octets = self.agent.recv(65536)
            except TimeoutError:
                continue
            if not octets:
                raise Failed("the machine is gone")
            self.buffer += octets
        line, self.buffer = self.buffer.split(b"\n", 1)
        return line.strip()

    def do(self, script, patience=60, check=True):
        """Runs a shell script in the machine as root; gives what it printed."""
        self.agent.sendall(base64.b64encode(script.encode()) + b"\n")
        status, _, printed = self._line(time.monotonic() + patience).partition(b" ")
        printed = base64.b64decode(printed).decode(errors="replace")
        if check and status != b"0":
            raise Failed(f"`{script}` ended with {status.decode()}: {printed}")
        return printed

    def ends_well(self, script, patience=60):
        """Whether a script ends with 0."""
        self.agent.sendall(base64.b64encode(script.encode()) + b"\n")
        return self._line(time.monotonic() + patience).split(b" ")[0] == b"0"

    def until(self, script, patience=60, every=0.5):
        """Repeats a script until it ends with 0; gives how long that took, in seconds."""
        began = time.monotonic()
        while not self.ends_well(script):
            if time.monotonic() - began > patience:
                raise Failed(f"`{script}` did not hold within {patience} s: {self.do(script, check=False)}")
            time.sleep(every)
        return time.monotonic() - began

    def cut(self):
        """Takes the power away: what the machine did not put on disk is lost."""
        self.qemu.kill()
        self.qemu.wait()
        self.agent.close()
        self.qemu = None

    def stop(self):
        """Shuts down in order."""
        try:
            self.agent.sendall(base64.b64encode(b"systemctl poweroff") + b"\n")
            self.qemu.wait(timeout=120)
        except (OSError, subprocess.TimeoutExpired):
            self.qemu.kill()
            self.qemu.wait()
        self.qemu = None


def run(*command):
    """Runs a program on the host; what it printed."""
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    if done.returncode != 0:
        raise Failed(f"{' '.join(map(str, command))}: {done.stderr}")
    return done.stdout


def free_port():
    """A TCP port nobody uses."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
